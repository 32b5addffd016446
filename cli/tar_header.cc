#include "cli/tar_header.h"

#include <algorithm>

namespace tensorgate::cli {
namespace {

constexpr std::size_t kChecksum = 148;

std::string_view Text(std::string_view field) { return field.substr(0, field.find('\0')); }

// Octal digits between spaces or zeros, or a number of base 256 after a byte that says so.
std::optional<std::uint64_t> Number(std::string_view field) {
  std::uint64_t value = 0;
  if (field.starts_with('\x80')) {
    for (const char c : field.substr(1)) {
      if (value >> 56 != 0) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  std::string_view digits = Text(field);
  digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
  digits = digits.substr(0, digits.find(' '));
  for (const char c : digits) {
    if (c < '0' || c > '7' || value >> 61 != 0) return std::nullopt;
    value = value * 8 + static_cast<unsigned>(c - '0');
  }
  return value;
}

// The sum of the header's bytes, with spaces in place of the sum itself. Some writers took bytes for signed.
bool HasItsChecksum(std::string_view block) {
  const std::optional<std::uint64_t> stated = Number(block.substr(kChecksum, 8));
  if (!stated || *stated == 0) return false;
  std::uint64_t sum = 8 * ' ', high = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (i >= kChecksum && i < kChecksum + 8) continue;
    sum += static_cast<unsigned char>(block[i]);
    high += (block[i] & 0x80) != 0 ? 256u : 0u;
  }
  return *stated == sum || *stated == sum - high;
}

}  // namespace

std::optional<TarHeader> ReadTarHeader(std::string_view block) {
  if (block.size() < TarHeader::kSize) return std::nullopt;
  block = block.substr(0, TarHeader::kSize);
  if (!HasItsChecksum(block)) return std::nullopt;
  const std::optional<std::uint64_t> size = Number(block.substr(124, 12));
  if (!size) return std::nullopt;
  TarHeader header{.name = std::string(Text(block.substr(0, 100))), .size = *size};
  const std::string_view prefix = Text(block.substr(345, 155));
  if (block.substr(257).starts_with("ustar\0") && !prefix.empty()) {
    header.name = std::string(prefix) + "/" + header.name;
  }
  const char type = block[156];
  header.file = type == '0' || type == '\0' || type == '7';
  return header;
}

}  // namespace tensorgate::cli
