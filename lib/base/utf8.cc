#include "lib/base/utf8.h"

#include "lib/base/bytes.h"

namespace tensorgate::internal {
namespace {

struct Lead {
  unsigned char first, last;  // the lead byte's range
  unsigned char low, high;    // the second byte's range (RFC 3629, section 4)
  std::size_t length;
  std::uint32_t mask;
};

constexpr Lead kLeads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2, 0x1F}, {0xE0, 0xE0, 0xA0, 0xBF, 3, 0x0F},
    {0xE1, 0xEC, 0x80, 0xBF, 3, 0x0F}, {0xED, 0xED, 0x80, 0x9F, 3, 0x0F},
    {0xEE, 0xEF, 0x80, 0xBF, 3, 0x0F}, {0xF0, 0xF0, 0x90, 0xBF, 4, 0x07},
    {0xF1, 0xF3, 0x80, 0xBF, 4, 0x07}, {0xF4, 0xF4, 0x80, 0x8F, 4, 0x07},
};

constexpr std::uint64_t kHigh = 0x8080808080808080;

// U+D800 to U+DFFF, as Python's "surrogatepass" encodes them.
bool IsSurrogate(std::string_view text) {
  return text.size() >= 3 && text[0] == '\xED' && (text[1] & 0xE0) == 0xA0 &&
         (text[2] & 0xC0) == 0x80;
}

}  // namespace

CodePoint DecodeUtf8(std::string_view text) {
  if (text.empty()) return {};
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1};
  for (const Lead& lead : kLeads) {
    if (first < lead.first || first > lead.last || text.size() < lead.length) continue;
    const auto second = static_cast<unsigned char>(text[1]);
    if (second < lead.low || second > lead.high) return {};
    std::uint32_t value = first & lead.mask;
    for (const char c : text.substr(1, lead.length - 1)) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xC0) != 0x80) return {};
      value = value << 6 | (byte & 0x3F);
    }
    return {value, lead.length};
  }
  return {};
}

std::size_t ValidUtf8Length(std::string_view text, bool surrogates) {
  std::size_t offset = 0;
  while (offset < text.size()) {
    // Names are nearly always ASCII: check eight characters at a time.
    while (text.size() - offset >= 8 &&
           (LoadLittleEndian<std::uint64_t>(text.substr(offset)) & kHigh) == 0) {
      offset += 8;
    }
    const std::string_view rest = text.substr(offset);
    if (rest.empty()) break;
    if ((rest[0] & 0x80) == 0) {
      ++offset;
      continue;
    }
    const CodePoint point = DecodeUtf8(rest);
    if (point.length == 0 && !(surrogates && IsSurrogate(rest))) return offset;
    offset += point.length == 0 ? 3 : point.length;
  }
  return offset;
}

bool IsDeceptive(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0xAD || c == 0x61C || c == 0x180E ||
         (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE007F);
}

}  // namespace tensorgate::internal
