// Pieces of the text that people read. Each appends to `out` and throws std::bad_alloc.
#ifndef TENSORGATE_REPORT_MESSAGE_H_
#define TENSORGATE_REPORT_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>

#include "tensorgate/report.h"

namespace tensorgate::internal {

/// The text that `append` writes; empty if there is not enough memory.
template <typename Append>
std::string OrEmpty(const Append& append) {
  std::string out;
  try {
    append(out);
  } catch (const std::bad_alloc&) {
    out.clear();
  }
  return out;
}

/// What tensorgate::Message returns.
void AppendMessage(std::string& out, const Report& report, const Finding& finding);

/// What tensorgate::EscapeForText returns.
void AppendEscaped(std::string& out, std::string_view text, std::size_t max = SIZE_MAX);

/// The name of a tensor or member, escaped, shortened and in quotes.
void AppendSubject(std::string& out, std::string_view subject);

/// The number of bytes shown of a text that was found.
inline constexpr std::size_t kShownText = 200;

/// 1234567, and 1,234,567.
void AppendNumber(std::string& out, std::uint64_t number);
void AppendGrouped(std::string& out, std::uint64_t number);

/// "1 tensor", "2,000 tensors".
void AppendCount(std::string& out, std::uint64_t number, std::string_view one,
                 std::string_view many);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_REPORT_MESSAGE_H_
