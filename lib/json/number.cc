#include "lib/json/number.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "lib/json/tokens.h"

namespace tensorgate::json {
namespace {

constexpr std::uint64_t kMax = UINT64_MAX;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// True if significand * 10 + digit does not fit.
bool WouldOverflow(std::uint64_t significand, unsigned digit) {
  return significand > kMax / 10 || (significand == kMax / 10 && digit > kMax % 10);
}

std::int32_t SaturatingAdd32(std::int32_t a, std::int32_t b) {
  std::int32_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? INT32_MAX : INT32_MIN;
}

// 10^n as a double: exact for n <= 22, otherwise the nearest one above, as in serde_json's table.
double PowerOfTen(int n) {
  static constexpr double kPowers[] = {
#define TENSORGATE_TEN(t) \
  1e##t##0, 1e##t##1, 1e##t##2, 1e##t##3, 1e##t##4, 1e##t##5, 1e##t##6, 1e##t##7, 1e##t##8, 1e##t##9
      TENSORGATE_TEN(0),
      TENSORGATE_TEN(1),
      TENSORGATE_TEN(2),
      TENSORGATE_TEN(3),
      TENSORGATE_TEN(4),
      TENSORGATE_TEN(5),
      TENSORGATE_TEN(6),
      TENSORGATE_TEN(7),
      TENSORGATE_TEN(8),
      TENSORGATE_TEN(9),
      TENSORGATE_TEN(10),
      TENSORGATE_TEN(11),
      TENSORGATE_TEN(12),
      TENSORGATE_TEN(13),
      TENSORGATE_TEN(14),
      TENSORGATE_TEN(15),
      TENSORGATE_TEN(16),
      TENSORGATE_TEN(17),
      TENSORGATE_TEN(18),
      TENSORGATE_TEN(19),
      TENSORGATE_TEN(20),
      TENSORGATE_TEN(21),
      TENSORGATE_TEN(22),
      TENSORGATE_TEN(23),
      TENSORGATE_TEN(24),
      TENSORGATE_TEN(25),
      TENSORGATE_TEN(26),
      TENSORGATE_TEN(27),
      TENSORGATE_TEN(28),
      TENSORGATE_TEN(29),
      1e300,
      1e301,
      1e302,
      1e303,
      1e304,
      1e305,
      1e306,
      1e307,
      1e308};
#undef TENSORGATE_TEN
  return std::span(kPowers)[static_cast<std::size_t>(n)];
}

// One multiplication or division. A negative exponent only makes the number smaller, so it stays
// finite.
bool FiniteFromParts(std::uint64_t significand, std::int32_t exponent) {
  if (significand == 0 || exponent <= 0) return true;
  if (exponent > 308) return false;
  // volatile: x87 registers of 32-bit builds would keep a range that a double does not have.
  const volatile double product = static_cast<double>(significand) * PowerOfTen(exponent);
  return std::isfinite(product);
}

struct Parts {
  std::uint64_t significand = 0;
  std::int32_t exponent = 0;
  std::string_view exponent_digits;  // with its sign, empty if there is none
};

// serde_json keeps a 64-bit significand: once a digit would overflow it, integer digits only raise
// the exponent, and fraction digits are dropped.
Parts Split(std::string_view number) {
  Parts parts;
  std::size_t at = number.starts_with('-') ? 1 : 0;
  bool full = false;
  for (; at < number.size() && IsDigit(number[at]); ++at) {
    const auto digit = static_cast<unsigned>(number[at] - '0');
    full = full || WouldOverflow(parts.significand, digit);
    if (full) {
      parts.exponent = SaturatingAdd32(parts.exponent, 1);
    } else {
      parts.significand = parts.significand * 10 + digit;
    }
  }
  if (at < number.size() && number[at] == '.') {
    full = false;  // serde_json checks again: 1844674407370955161|6.5 takes the 5
    for (++at; at < number.size() && IsDigit(number[at]); ++at) {
      const auto digit = static_cast<unsigned>(number[at] - '0');
      full = full || WouldOverflow(parts.significand, digit);
      if (full) continue;
      parts.significand = parts.significand * 10 + digit;
      parts.exponent = SaturatingAdd32(parts.exponent, -1);
    }
  }
  if (at < number.size()) parts.exponent_digits = number.substr(at + 1);
  return parts;
}

}  // namespace

bool SerdeReadsFinite(std::string_view number) {
  const Parts parts = Split(number);
  std::string_view digits = parts.exponent_digits;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  std::int32_t exponent = 0;
  for (const char c : digits) {
    std::int32_t next;
    if (__builtin_mul_overflow(exponent, 10, &next) ||
        __builtin_add_overflow(next, c - '0', &next)) {
      // An exponent beyond 32 bits: infinite, unless it is negative or the significand is zero.
      return parts.significand == 0 || negative;
    }
    exponent = next;
  }
  return FiniteFromParts(parts.significand,
                         SaturatingAdd32(parts.exponent, negative ? -exponent : exponent));
}

std::optional<std::size_t> ClampExponents(std::span<char> text) {
  constexpr std::size_t kLongExponent = 9;
  const std::string_view view(text.data(), text.size());
  TokenCursor cursor(view);
  while (const Token token = cursor.Next()) {
    if (token.kind != TokenKind::kNumber) continue;
    const std::string_view number = view.substr(token.begin, token.size());
    const std::size_t mark = number.find_first_of("eE");
    if (mark == number.npos) continue;
    std::size_t digits = mark + 1;
    if (digits < number.size() && (number[digits] == '+' || number[digits] == '-')) ++digits;
    if (number.size() - digits < kLongExponent) continue;
    if (number.find_first_not_of("0123456789", digits) != number.npos) continue;
    // The text before the exponent must be the whole rest of the number.
    if (Split(number).exponent_digits.size() != number.size() - mark - 1) continue;
    if (!SerdeReadsFinite(number)) return token.begin;
    const std::span<char> exponent = text.subspan(token.begin + digits, number.size() - digits);
    std::ranges::fill(exponent, '0');
    // A negative exponent is kept, as the smallest that fits: without it a long significand might
    // be infinite.
    if (number[mark + 1] == '-') std::ranges::fill(exponent.last(kLongExponent), '9');
  }
  return std::nullopt;
}

}  // namespace tensorgate::json
