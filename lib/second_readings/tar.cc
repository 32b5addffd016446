#include "lib/second_readings/tar.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "lib/base/character_set.h"

namespace tensorgate::internal {
namespace {

struct Field {
  std::size_t offset, length;
};
constexpr Field kName = {0, 100}, kChecksum = {148, 8};
// Mode, user, group, size, modification time, device numbers.
constexpr std::array kNumbers = {Field{100, 8},  Field{108, 8}, Field{116, 8}, Field{124, 12},
                                 Field{136, 12}, Field{329, 8}, Field{337, 8}};

// The ASCII characters that str.strip() removes.
constexpr CharacterSet kSpace(" \t\n\v\f\r\x1c\x1d\x1e\x1f");

std::string_view UpToNul(std::string_view text) { return text.substr(0, text.find('\0')); }

// int(text, 8)
std::optional<std::int64_t> Octal(std::string_view text) {
  while (!text.empty() && kSpace.Has(text.front())) text.remove_prefix(1);
  while (!text.empty() && kSpace.Has(text.back())) text.remove_suffix(1);
  if (text.empty()) return 0;
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  if (text.starts_with("0o") || text.starts_with("0O")) {
    text.remove_prefix(2);
    if (text.starts_with('_')) text.remove_prefix(1);
  }
  std::int64_t value = 0;
  bool digit = false;
  for (const char c : text) {
    // One underscore is allowed between two digits.
    if (c == '_' && digit) {
      digit = false;
    } else if (c >= '0' && c <= '7') {
      value = value * 8 + (c - '0');
      digit = true;
    } else {
      return std::nullopt;
    }
  }
  if (!digit) return std::nullopt;
  return negative ? -value : value;
}

// Base 256 if the first byte says so; only the checksum's value is used, and it is small.
std::optional<std::int64_t> Number(std::string_view field) {
  const auto first = static_cast<unsigned char>(field.front());
  if (first != 0x80 && first != 0xFF) return Octal(UpToNul(field));
  std::uint64_t value = first == 0xFF ? ~std::uint64_t{0} : 0;
  for (const char c : field.substr(1)) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::optional<std::string_view> FirstTarMember(std::string_view head) {
  if (head.size() < kTarBlock) return std::nullopt;
  head = head.substr(0, kTarBlock);
  // Some writers summed signed bytes. The checksum field itself counts as spaces.
  std::int64_t sum = 8 * ' ', signed_sum = 8 * ' ';
  bool zeros = true;
  for (std::size_t i = 0; i < kTarBlock; ++i) {
    zeros &= head[i] == '\0';
    if (i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length) continue;
    sum += static_cast<unsigned char>(head[i]);
    signed_sum += static_cast<signed char>(head[i]);
  }
  if (zeros) return std::nullopt;
  const auto stated = Number(head.substr(kChecksum.offset, kChecksum.length));
  if (!stated || (*stated != sum && *stated != signed_sum)) return std::nullopt;
  for (const Field& field : kNumbers) {
    if (!Number(head.substr(field.offset, field.length))) return std::nullopt;
  }
  return UpToNul(head.substr(kName.offset, kName.length));
}

}  // namespace tensorgate::internal
