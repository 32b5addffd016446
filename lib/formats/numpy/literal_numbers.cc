#include "lib/base/checked.h"
#include "lib/formats/numpy/literal_parser.h"

namespace tensorgate::numpy::internal {
namespace {

using tensorgate::internal::AddOverflows;
using tensorgate::internal::MultiplyOverflows;

// CPython refuses to convert a decimal number with more digits.
constexpr std::size_t kMaxDigits = 4300;

}  // namespace

std::uint32_t Parser::SignedNumber() {
  const std::uint32_t begin = Here();
  Loose(begin);
  const bool negative = Peek() == '-';
  ++at_;
  if (depth_ != 0 && !SkipSpace()) return 0;
  if (!AtNumber()) return Fail("a number after the sign");
  return Number(begin, negative);
}

std::uint32_t Parser::Number(std::uint32_t begin, bool negative) {
  Value value{.kind = Kind::kInteger, .begin = begin};
  const char32_t letter = Peek(1) | 0x20;
  const std::uint32_t base = Peek() != '0'   ? 10
                             : letter == 'x' ? 16
                             : letter == 'o' ? 8
                             : letter == 'b' ? 2
                                             : 10;
  if (base == 10) {
    if (!Decimal(value)) return 0;
  } else {
    Loose(Here());
    at_ += 2;
    Take('_');
    if (!Digits(base, value.number)) return 0;
  }
  value.negative = negative && value.number != 0;
  const std::uint32_t end = Here();
  if (!LongSuffix()) return 0;
  const std::uint32_t result = Add(value);
  result_.values[result].end = end;
  return result;
}

// One or more digits, with single underscores between them.
bool Parser::Digits(std::uint32_t base, std::uint64_t& value) {
  const std::size_t begin = at_;
  bool overflows = false;
  do {
    if (DigitOf(Peek()) >= base) return Fail("a digit") != 0;
    for (; DigitOf(Peek()) < base; ++at_) {
      overflows = overflows || MultiplyOverflows(value, std::uint64_t{base}) ||
                  AddOverflows(value, std::uint64_t{DigitOf(Peek())});
    }
    if (Peek() == '_') Loose(Here());
  } while (Take('_'));
  if (overflows) value = UINT64_MAX;
  if (base == 10 && at_ - begin > kMaxDigits) return Fail("a shorter number") != 0;
  return true;
}

bool Parser::Decimal(Value& value) {
  const std::size_t begin = at_;
  if (Peek() != '.' && !Digits(10, value.number)) return false;
  const std::size_t digits = at_ - begin;
  if (!Fraction(value)) return false;
  if (value.kind == Kind::kFloat) return true;
  if (digits > 1 && text_[begin] == '0') {
    if (value.number != 0) {
      at_ = begin;
      return Fail("a number without a leading 0") != 0;
    }
    Loose(static_cast<std::uint32_t>(begin));
  }
  return true;
}

// Parts that make it a float or an imaginary number.
bool Parser::Fraction(Value& value) {
  const std::size_t begin = at_;
  std::uint64_t ignored = 0;
  if (Take('.') && IsDigit(Peek()) && !Digits(10, ignored)) return false;
  const std::size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 2 : 1;
  if ((Peek() | 0x20) == 'e' && IsDigit(Peek(sign))) {
    at_ += sign;
    if (!Digits(10, ignored)) return false;
  }
  if ((Peek() | 0x20) == 'j') ++at_;
  if (at_ == begin) return true;
  Loose(static_cast<std::uint32_t>(begin));
  value.kind = Kind::kFloat;
  return true;
}

// Python 2's `L`. NumPy drops such a name after a number, also after blanks, and any number of
// them.
bool Parser::LongSuffix() {
  for (bool first = true; python2_; first = false) {
    const std::size_t end = at_;
    SkipBlanks();
    if (Peek() != 'L' || IsWord(Peek(1)) || IsQuote(Peek(1))) {
      at_ = end;
      break;
    }
    if (!first || at_ != end) Loose(Here());
    if (!result_.python2_long) result_.python2_long = Here();
    ++at_;
  }
  if (IsWord(Peek())) return Fail("the end of the number") != 0;
  return true;
}

}  // namespace tensorgate::numpy::internal
