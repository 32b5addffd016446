#include "cli/table.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "lib/base/utf8.h"
#include "lib/report/message.h"

namespace tensorgate::cli {
namespace {

struct Range {
  std::uint32_t first, last;
};

// East Asian wide and fullwidth blocks (UAX #11), and emoji.
constexpr std::array kWide = {
    Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},
    Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},
    Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
    Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD},
};
constexpr std::array kCombining = {
    Range{0x0300, 0x036F}, Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF},
    Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F},
};

std::size_t Columns(std::uint32_t c) {
  const auto holds = [c](Range range) { return c >= range.first && c <= range.last; };
  if (std::ranges::any_of(kCombining, holds)) return 0;
  return std::ranges::any_of(kWide, holds) ? 2 : 1;
}

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const internal::CodePoint point = internal::DecodeUtf8(text.substr(at));
    width += Columns(point.value);
    at += std::max<std::size_t>(point.length, 1);
  }
  return width;
}

std::string Counted(std::uint64_t number, std::string_view one, std::string_view many) {
  std::string text;
  internal::AppendCount(text, number, one, many);
  return text;
}

std::string Fit(std::string_view text, std::size_t width, bool right) {
  const std::size_t needed = DisplayWidth(text);
  if (needed <= width) {
    const std::string spaces(width - needed, ' ');
    return right ? spaces + std::string(text) : std::string(text) + spaces;
  }
  const std::size_t room = width > 3 ? width - 3 : 0;
  std::size_t used = 0, at = 0;
  while (at < text.size()) {
    const internal::CodePoint point = internal::DecodeUtf8(text.substr(at));
    if (used + Columns(point.value) > room) break;
    used += Columns(point.value);
    at += std::max<std::size_t>(point.length, 1);
  }
  return std::string(text.substr(0, at)) + std::string(width - used, '.').substr(0, 3) +
         std::string(width > used + 3 ? width - used - 3 : 0, ' ');
}

}  // namespace tensorgate::cli
