#include <algorithm>
#include <iterator>

#include "lib/formats/numpy/literal_parser.h"

namespace tensorgate::numpy::internal {
namespace {

struct Escape {
  char32_t name;
  char32_t means;
};
constexpr Escape kEscapes[] = {{'\\', '\\'}, {'\'', '\''}, {'"', '"'},  {'a', '\a'}, {'b', '\b'},
                               {'f', '\f'},  {'n', '\n'},  {'r', '\r'}, {'t', '\t'}, {'v', '\v'}};
struct CodeEscape {
  char32_t name;
  std::uint32_t digits;
};
constexpr CodeEscape kCodeEscapes[] = {{'x', 2}, {'u', 4}, {'U', 8}};

}  // namespace

// Adjacent strings are joined.

std::uint32_t Parser::Strings() {
  Value value{.kind = Kind::kString,
              .begin = Here(),
              .string = static_cast<std::uint32_t>(result_.strings.size())};
  for (bool again = false;; again = true) {
    const std::size_t end = at_;
    if (again && depth_ != 0 && !SkipSpace()) return 0;
    const bool prefixed = (Peek() | 0x20) == 'u' || (Peek() | 0x20) == 'r';
    if (!IsQuote(Peek()) && !(prefixed && IsQuote(Peek(1)))) {
      at_ = end;
      break;
    }
    if (again || prefixed) Loose(Here());
    if (!StringPart()) return 0;
  }
  value.count = static_cast<std::uint32_t>(result_.strings.size()) - value.string;
  return Add(value);
}

bool Parser::StringPart() {
  bool raw = false;
  if (!IsQuote(Peek())) {
    raw = (Peek() | 0x20) == 'r';
    ++at_;
  }
  const std::uint32_t begin = Here();
  const char32_t quote = Peek();
  const bool triple = Peek(1) == quote && Peek(2) == quote;
  if (triple) Loose(begin);
  at_ += triple ? 3 : 1;
  for (;;) {
    if (Peek() == quote && (!triple || (Peek(1) == quote && Peek(2) == quote))) {
      at_ += triple ? 3 : 1;
      return true;
    }
    if (!Character(raw, triple, quote)) return false;
  }
}

bool Parser::Character(bool raw, bool triple, char32_t quote) {
  const char32_t c = Peek();
  if (c == kEnd || (IsLineEnd(c) && !triple)) {
    return Fail(quote == '"' ? "the closing \"" : "the closing '") != 0;
  }
  if (c < 0x20 || c == 0x7F) Loose(Here());
  if (c == '\\') {
    Loose(Here());
    if (!raw) return EscapeSequence();
    // In a raw string, a quote after a backslash does not end it, and both belong to the string.
    result_.strings.push_back(c);
    ++at_;
    if (Peek() == kEnd) return true;
    if (IsLineEnd(Peek())) {
      SkipLineEnd();
      result_.strings.push_back('\n');
      return true;
    }
  } else if (IsLineEnd(c)) {
    SkipLineEnd();
    result_.strings.push_back('\n');
    return true;
  }
  result_.strings.push_back(Peek());
  ++at_;
  return true;
}

bool Parser::EscapeSequence() {
  if (SkipContinuation()) return true;
  const char32_t name = Peek(1);
  if (name == kEnd) return Fail("a character after the backslash") != 0;
  if (const auto* const simple = std::ranges::find(kEscapes, name, &Escape::name);
      simple != std::end(kEscapes)) {
    at_ += 2;
    result_.strings.push_back(simple->means);
    return true;
  }
  if (const auto* const code = std::ranges::find(kCodeEscapes, name, &CodeEscape::name);
      code != std::end(kCodeEscapes)) {
    at_ += 2;
    return Code(code->digits);
  }
  if (name >= '0' && name <= '7') return Octal();
  // \N{...} would need Python's table of character names.
  if (name == 'N') return Fail("an escape other than \\N") != 0;
  // Any other backslash is kept.
  result_.strings.push_back('\\');
  ++at_;
  return true;
}

bool Parser::Octal() {
  ++at_;
  char32_t code = 0;
  for (int i = 0; i < 3 && Peek() >= '0' && Peek() <= '7'; ++i, ++at_)
    code = code * 8 + DigitOf(Peek());
  result_.strings.push_back(code);
  return true;
}

bool Parser::Code(std::uint32_t digits) {
  std::uint64_t code = 0;
  for (std::uint32_t i = 0; i < digits; ++i, ++at_) {
    if (DigitOf(Peek()) >= 16) return Fail("a hexadecimal digit") != 0;
    code = code * 16 + DigitOf(Peek());
  }
  if (code > 0x10'FFFF) return Fail("a Unicode code point") != 0;
  result_.strings.push_back(static_cast<char32_t>(code));
  return true;
}

}  // namespace tensorgate::numpy::internal
