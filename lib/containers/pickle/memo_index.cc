#include "lib/containers/pickle/memo_index.h"

#include <algorithm>

namespace tensorgate::pickle {
namespace {

constexpr std::size_t kMaxDigits = 18;
constexpr std::string_view kSpace = " \t\r\f\v";

}  // namespace

std::optional<std::uint64_t> MemoIndex(std::string_view line) {
  line = line.substr(0, line.find('\0'));
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  line = line.substr(0, line.find_last_not_of(kSpace) + 1);
  const bool negative = line.starts_with('-');
  if (negative || line.starts_with('+')) line.remove_prefix(1);
  if (line.empty() || line.find_first_not_of("0123456789_") != line.npos) return std::nullopt;
  std::uint64_t index = 0;
  std::size_t digits = 0;
  for (const char c : line) {
    if (c == '_') continue;
    if (digits == kMaxDigits) return kHugeIndex;
    index = index * 10 + static_cast<unsigned>(c - '0');
    digits += index != 0 ? 1 : 0;
  }
  if (negative && index != 0) return std::nullopt;
  return index;
}

}  // namespace tensorgate::pickle
