// The version of these headers, for C and C++.
//
//   #if TENSORGATE_VERSION_NUMBER < 100
//   #error "this program needs tensorgate 0.1"
//   #endif
//
// The library that a program runs with may be another one: tensorgate_version() in C and
// ToolVersion() in C++ are its version.
#ifndef TENSORGATE_VERSION_H_
#define TENSORGATE_VERSION_H_

#define TENSORGATE_VERSION_MAJOR 0
#define TENSORGATE_VERSION_MINOR 1
#define TENSORGATE_VERSION_PATCH 0
#define TENSORGATE_VERSION_TEXT "0.1.0"
// 10,000 times the major version, 100 times the minor one, and the patch.
#define TENSORGATE_VERSION_NUMBER \
  (TENSORGATE_VERSION_MAJOR * 10000 + TENSORGATE_VERSION_MINOR * 100 + TENSORGATE_VERSION_PATCH)

#endif  // TENSORGATE_VERSION_H_
