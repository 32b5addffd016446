// How an operation that is not a check fails: `Result<T>` is a value or a `Status`.
//
//   tensorgate::Result<tensorgate::FileSource> source = tensorgate::FileSource::Open(path);
//   if (!source) return source.error().rule == tensorgate::Rule::kIoNotRegular ? kSkip : kFail;
//
// A status is 24 bytes, owns nothing and never throws.
#ifndef TENSORGATE_STATUS_H_
#define TENSORGATE_STATUS_H_

#include <cstdint>
#include <expected>

#include "tensorgate/rules.h"

namespace tensorgate {

struct [[nodiscard]] Status {
  Rule rule{};               ///< One of the `io/...` rules.
  int system_error = 0;      ///< errno, where the system said why.
  std::uint64_t offset = 0;  ///< Where in the file.
  std::uint64_t found = 0;   ///< For a short read: the bytes that came.
};

template <typename T>
using Result = std::expected<T, Status>;

}  // namespace tensorgate

#endif  // TENSORGATE_STATUS_H_
