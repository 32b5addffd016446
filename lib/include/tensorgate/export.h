// What a shared build of the library shows.
//
//   TENSORGATE_API int OfTheLibrary(int);  // a declaration of this project
//
// Everything else is compiled with hidden visibility.
#ifndef TENSORGATE_EXPORT_H_
#define TENSORGATE_EXPORT_H_

#if defined(__GNUC__)
#define TENSORGATE_API __attribute__((visibility("default")))
/// A class within one that is shown.
#define TENSORGATE_LOCAL __attribute__((visibility("hidden")))
#else
#define TENSORGATE_API
#define TENSORGATE_LOCAL
#endif

#endif  // TENSORGATE_EXPORT_H_
