// How operations other than checks fail: a `Result<T>` is a value or a `Status`.
//
//   tensorgate::Result<tensorgate::FileSource> source = tensorgate::FileSource::Open(path);
//   if (!source) return source.error().rule == tensorgate::Rule::kIoNotRegular ? kSkip : kFail;
//
// A status has 24 bytes, owns nothing and never throws. `Message` describes it in words.
#ifndef TENSORGATE_STATUS_H_
#define TENSORGATE_STATUS_H_

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

#include "tensorgate/export.h"
#include "tensorgate/rules.h"

namespace tensorgate {

struct [[nodiscard]] Status {
  Rule rule{};  ///< One of the rules `io/...` (reading) or `use/...` (a call), among others.
  /// Index of the file where reading a checkpoint failed: `checkpoint.part(status.part).path`.
  /// 65535 means part 65535 or any later one.
  std::uint16_t part = 0;
  int system_error = 0;      ///< errno, if the system gave a reason.
  std::uint64_t offset = 0;  ///< Position in the file, in bytes.
  std::uint64_t found = 0;   ///< The number in the rule's message; for `io/...` a count of bytes.
};

template <typename T>
using Result = std::expected<T, Status>;

/// One sentence: what went wrong. Empty if memory runs out.
TENSORGATE_API std::string Message(const Status& status);

}  // namespace tensorgate

/// Gives the value of a `Result` (or of any std::expected), or returns its error from the enclosing
/// function: `const Buffer data = TENSORGATE_TRY(checkpoint.Read(0));`. Use it as a statement or as
/// an entire initializer, where no other temporary of the same expression is waiting to be
/// destroyed.
#define TENSORGATE_TRY(...)                                                             \
  __extension__({                                                                       \
    auto tensorgate_tried = (__VA_ARGS__);                                              \
    if (!tensorgate_tried) return std::unexpected(std::move(tensorgate_tried).error()); \
    *std::move(tensorgate_tried);                                                       \
  })

#endif  // TENSORGATE_STATUS_H_
