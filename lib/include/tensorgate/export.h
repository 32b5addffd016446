// Which symbols a shared build of the library exports.
//
//   TENSORGATE_API int OfTheLibrary(int);  // declared and exported by this library
//
// Everything else is compiled with hidden visibility.
#ifndef TENSORGATE_EXPORT_H_
#define TENSORGATE_EXPORT_H_

#if __cplusplus < 202100L
#error "tensorgate needs C++23: add -std=c++23, or target_compile_features(... cxx_std_23) in CMake"
#endif

#include "tensorgate/version.h"  // IWYU pragma: export

#if defined(__GNUC__)
#define TENSORGATE_API __attribute__((visibility("default")))
/// For a private class inside an exported class.
#define TENSORGATE_LOCAL __attribute__((visibility("hidden")))
#else
#define TENSORGATE_API
#define TENSORGATE_LOCAL
#endif

#endif  // TENSORGATE_EXPORT_H_
