#include "byte_mutations.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace tensorgate::mutator {

void ChangeLength(Parts& parts, Random& random) {
  static constexpr std::uint64_t kLengths[] = {0,
                                               1,
                                               2,
                                               7,
                                               8,
                                               99'999'999,
                                               100'000'000,
                                               100'000'001,
                                               0x7FFFFFFF,
                                               0x80000000,
                                               0xFFFFFFFF,
                                               0x100000000,
                                               0x7FFFFFFFFFFFFFFF,
                                               0x8000000000000000,
                                               0xFFFFFFFFFFFFFFF7,
                                               0xFFFFFFFFFFFFFFF8,
                                               0xFFFFFFFFFFFFFFFF};
  switch (random.Below(5)) {
    case 0:
      parts.announced = random.Pick(kLengths);
      break;
    case 1:
      parts.announced = parts.header.size();
      break;
    case 2:
      parts.announced = parts.header.size() + parts.data.size() + random.Below(2);
      break;
    default:
      parts.announced = parts.announced + random.Below(9) - 4;
  }
}

void ChangeData(Parts& parts, Random& random) {
  if (random.Percent(50)) {
    parts.data.append(random.Between(1, 9), random.Percent(50) ? '\0' : ' ');
  } else if (!parts.data.empty()) {
    parts.data.resize(parts.data.size() -
                      random.Between(1, std::min<std::size_t>(parts.data.size(), 9)));
  }
}

// Inserts before the first byte or after the last.
void ChangeEnds(Parts& parts, Random& random) {
  static constexpr std::string_view kEnds[] = {
      " ",        "   ",          "\t", "\n",  "\r", "\r\n", "\f", "\v", "{}",   "xyz",
      "\xC2\xA0", "\xEF\xBB\xBF", ",",  "//c", "}",  "null", "\"", "[]", "\x1A", "        "};
  std::string piece(random.Percent(10) ? std::string(1, '\0') : std::string(random.Pick(kEnds)));
  if (random.Percent(25)) {
    parts.header.insert(0, piece);
  } else if (random.Percent(30)) {
    while (!parts.header.empty() && parts.header.back() == ' ') parts.header.pop_back();
    if (random.Percent(50)) parts.header += piece;
  } else {
    parts.header += piece;
  }
}

void ChangeByte(Parts& parts, Random& random) {
  std::string& header = parts.header;
  const std::size_t at = random.Below(header.size() + 1);
  const char byte = random.Percent(50) ? static_cast<char>(random.Next())
                                       : "{}[]:,\"\\0123456789eE.+-_ntfu \t\n"[random.Below(31)];
  if (at == header.size() || random.Percent(30)) {
    header.insert(at, 1, byte);
  } else if (random.Percent(30)) {
    header.erase(at, 1);
  } else {
    header[at] = byte;
  }
}

}  // namespace tensorgate::mutator
