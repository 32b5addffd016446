// UTF-8, and characters that deceive readers.
#ifndef TENSORGATE_BASE_UTF8_H_
#define TENSORGATE_BASE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tensorgate::internal {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;  ///< In bytes; 0: the text does not start with valid UTF-8.
};

/// The first character of `text` (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
CodePoint DecodeUtf8(std::string_view text);

/// Offset of the first byte that is not valid UTF-8, or text.size(). `surrogates`: U+D800 to U+DFFF
/// are allowed too, encoded as by Python's "surrogatepass".
std::size_t ValidUtf8Length(std::string_view text, bool surrogates = false);

/// Control characters (C0, DEL, C1), line separators, bidirectional controls and invisible format
/// characters.
bool IsDeceptive(std::uint32_t code_point);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_UTF8_H_
