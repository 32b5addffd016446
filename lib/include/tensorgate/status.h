// How an operation that is not a check fails: `Result<T>` is a value or a `Status`.
//
//   tensorgate::Result<tensorgate::FileSource> source = tensorgate::FileSource::Open(path);
//   if (!source) return source.error().rule == tensorgate::Rule::kIoNotRegular ? kSkip : kFail;
//
// A status is 24 bytes, owns nothing and never throws. `Message` gives it in words.
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
  Rule rule{};  ///< One of the rules `io/...` (reading) and `use/...` (a call).
  /// Which file of a checkpoint, where reading one failed: `checkpoint.part(status.part).path`. 65535 stands for all behind.
  std::uint16_t part = 0;
  int system_error = 0;      ///< errno, where the system said why.
  std::uint64_t offset = 0;  ///< Where in the file.
  std::uint64_t found = 0;   ///< The rule's number; `io/...` have one if they count bytes.
};

template <typename T>
using Result = std::expected<T, Status>;

/// One sentence: what went wrong. Empty without memory for it.
TENSORGATE_API std::string Message(const Status& status);

}  // namespace tensorgate

/// The value of a `Result` (or of any std::expected); an error is returned from the function that this is in:
/// `const Buffer data = TENSORGATE_TRY(checkpoint.Read(0));`. To be used as a statement or as all of an initializer, where
/// nothing else of the same expression waits to be destroyed.
#define TENSORGATE_TRY(...)                                                             \
  __extension__({                                                                       \
    auto tensorgate_tried = (__VA_ARGS__);                                              \
    if (!tensorgate_tried) return std::unexpected(std::move(tensorgate_tried).error()); \
    *std::move(tensorgate_tried);                                                       \
  })

#endif  // TENSORGATE_STATUS_H_
