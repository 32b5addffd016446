#include "lib/formats/numpy/literal.h"

#include <algorithm>

#include "lib/base/checked.h"

namespace tensorgate::numpy::internal {
namespace {

using tensorgate::internal::AddOverflows;
using tensorgate::internal::MultiplyOverflows;

// Of brackets, as in CPython's tokenizer.
constexpr std::uint32_t kMaxDepth = 200;
// CPython converts no decimal number of more digits.
constexpr std::size_t kMaxDigits = 4300;
// Not a character: the end of the text.
constexpr char32_t kEnd = 0xFFFF'FFFF;

bool IsDigit(char32_t c) { return c >= '0' && c <= '9'; }
bool IsBlank(char32_t c) { return c == ' ' || c == '\t' || c == '\f'; }
bool IsLineEnd(char32_t c) { return c == '\n' || c == '\r'; }
bool IsQuote(char32_t c) { return c == '\'' || c == '"'; }
// A character that may go on an identifier. Outside ASCII Python asks Unicode; no such name is a literal.
bool IsWord(char32_t c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (c >= 0x80 && c != kEnd);
}

// The value of a digit, 36 if it is none.
std::uint32_t DigitOf(char32_t c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 36;
}

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

struct Name {
  std::u32string_view text;
  Kind kind;
  std::uint64_t number;
};
constexpr Name kNames[] = {
    {U"True", Kind::kBool, 1}, {U"False", Kind::kBool, 0}, {U"None", Kind::kNone, 0}};

// The functions return the index of a value, or 0 where Python would not read on.
class Parser {
 public:
  Parser(std::u32string_view text, bool python2) : text_(text), python2_(python2) {
    result_.values.emplace_back();
  }

  std::expected<Literal, LiteralError> Run() {
    if (!Begin() || (result_.root_index = Expression()) == 0 || !Finish()) {
      return std::unexpected(error_);
    }
    return std::move(result_);
  }

 private:
  char32_t Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : kEnd;
  }
  std::uint32_t Here() const { return static_cast<std::uint32_t>(at_); }
  std::uint32_t Fail(std::string_view expected) {
    error_ = {Here(), expected};
    return 0;
  }
  void Loose(std::uint32_t at) { result_.loose = std::min(result_.loose.value_or(at), at); }
  bool Take(char32_t c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  std::uint32_t Add(Value value) {
    value.end = Here();
    result_.values.push_back(value);
    return static_cast<std::uint32_t>(result_.values.size() - 1);
  }

  bool Begin();
  bool Finish();
  bool SkipLines();
  void SkipLineEnd();
  void SkipComment();
  bool SkipContinuation();
  void SkipBlanks();
  bool SkipSpace();
  std::uint32_t Expression();
  std::uint32_t Container(Kind kind, char32_t close);
  std::uint32_t Parenthesized();
  bool Items(Value& container, char32_t close);
  std::uint32_t Word();
  std::uint32_t Strings();
  bool StringPart();
  bool Character(bool raw, bool triple, char32_t quote);
  bool EscapeSequence();
  bool Octal();
  bool Code(std::uint32_t digits);
  std::uint32_t SignedNumber();
  std::uint32_t Number(std::uint32_t begin, bool negative);
  bool Digits(std::uint32_t base, std::uint64_t& value);
  bool Decimal(Value& value);
  bool Fraction(Value& value);
  bool LongSuffix();

  std::u32string_view text_;
  bool python2_;
  std::size_t at_ = 0;
  std::uint32_t depth_ = 0;
  Literal result_;
  LiteralError error_;
};

// ---- What is between the tokens.

void Parser::SkipLineEnd() {
  Take('\r');
  Take('\n');
}

void Parser::SkipComment() {
  while (Peek() != kEnd && !IsLineEnd(Peek())) ++at_;
}

// A backslash joins two lines; there must be a second one.
bool Parser::SkipContinuation() {
  const std::size_t begin = at_;
  if (Peek() != '\\' || !IsLineEnd(Peek(1))) return false;
  ++at_;
  SkipLineEnd();
  if (Peek() == kEnd) at_ = begin;
  return at_ != begin;
}

// Within a line.
void Parser::SkipBlanks() {
  while (IsBlank(Peek()) || Peek() == '\\') {
    if (IsBlank(Peek())) {
      ++at_;
    } else if (!SkipContinuation()) {
      return;
    }
  }
}

// Within brackets. False: the text ended.
bool Parser::SkipSpace() {
  for (;;) {
    while (Peek() == ' ') ++at_;
    const std::uint32_t place = Here();
    if (IsBlank(Peek())) {
      ++at_;
    } else if (IsLineEnd(Peek())) {
      SkipLineEnd();
    } else if (Peek() == '#') {
      SkipComment();
    } else if (!SkipContinuation()) {
      return Peek() != kEnd || Fail("the rest of the header") != 0;
    }
    Loose(place);
  }
}

// From the beginning of a line: blank lines and comments. True: at a token, or the text's end, without blanks before it.
bool Parser::SkipLines() {
  for (;; SkipLineEnd()) {
    bool indented = false;
    for (bool blank = true; blank;) {
      const char32_t c = Peek();
      blank = IsBlank(c) || SkipContinuation();
      if (IsBlank(c)) indented = text_[at_++] != '\f';
    }
    if (Peek() == '#') {
      SkipComment();
      indented = false;
    }
    if (!IsLineEnd(Peek())) return !indented;
  }
}

bool Parser::Begin() {
  // literal_eval strips these.
  while (Peek() == ' ' || Peek() == '\t') ++at_;
  if (!SkipLines() || Peek() == kEnd) return Fail("a dict at the beginning of a line") != 0;
  if (at_ != 0 || Peek() != '{') Loose(0);
  return true;
}

bool Parser::Finish() {
  while (Peek() == ' ') ++at_;
  const std::uint32_t end = Here();
  if (Peek() == '\n' && end + 1 == text_.size()) return true;
  if (Peek() == kEnd) return true;
  Loose(end);
  SkipBlanks();
  if (Peek() == '#') SkipComment();
  if (Peek() != kEnd && !IsLineEnd(Peek())) return Fail("nothing but spaces after the dict") != 0;
  // Where NumPy reads it a second time, blanks at the end are gone; of lines that end in CR they are not.
  const bool end_of_lines = SkipLines() || (python2_ && text_.find(U'\r') == text_.npos);
  return (end_of_lines && Peek() == kEnd) || Fail("nothing but spaces after the dict") != 0;
}

// ---- Values.

std::uint32_t Parser::Expression() {
  const char32_t c = Peek();
  if (c == '{') return Container(Kind::kDict, '}');
  if (c == '[') return Container(Kind::kList, ']');
  if (c == '(') return Parenthesized();
  if (IsQuote(c)) return Strings();
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number(Here(), false);
  if (c == '+' || c == '-') return SignedNumber();
  if (IsWord(c)) return Word();
  return Fail("a string, a number, True, False, a tuple, a list or a dict");
}

std::uint32_t Parser::Container(Kind kind, char32_t close) {
  Value container{.kind = kind, .begin = Here()};
  if (depth_ == kMaxDepth) return Fail("fewer brackets within each other");
  ++at_;
  ++depth_;
  if (!Items(container, close)) return 0;
  --depth_;
  return Add(container);
}

// `(` and a value and `)` are the value.
std::uint32_t Parser::Parenthesized() {
  const std::uint32_t begin = Here();
  const std::uint32_t tuple = Container(Kind::kTuple, ')');
  if (tuple == 0) return 0;
  Value& value = result_.values[tuple];
  if (value.count != 1 || value.number != 0) return tuple;
  Loose(begin);
  return value.first;
}

// Up to the closing bracket. A tuple's `number`: a comma was there.
bool Parser::Items(Value& container, char32_t close) {
  std::uint32_t last = 0;
  const auto append = [&](std::uint32_t item) {
    (last == 0 ? container.first : result_.values[last].next) = item;
    last = item;
    ++container.count;
    return item != 0;
  };
  for (;;) {
    if (!SkipSpace()) return false;
    if (Take(close)) return true;
    if (!append(Expression()) || !SkipSpace()) return false;
    if (container.kind == Kind::kDict) {
      if (!Take(':')) return Fail("a colon after the key") != 0;
      if (!SkipSpace() || !append(Expression()) || !SkipSpace()) return false;
    }
    if (Take(close)) return true;
    if (!Take(',')) return Fail("a comma or the closing bracket") != 0;
    container.number = 1;
  }
}

// A name, or the letter before a string.
std::uint32_t Parser::Word() {
  const std::size_t begin = at_;
  if ((Peek() | 0x20) == 'u' || (Peek() | 0x20) == 'r') {
    if (IsQuote(Peek(1))) return Strings();
  }
  std::size_t end = at_;
  while (end < text_.size() && IsWord(text_[end])) ++end;
  const auto* const name = std::ranges::find(kNames, text_.substr(begin, end - begin), &Name::text);
  if (name == std::end(kNames)) return Fail("a string, a number, True, False or None");
  at_ = end;
  return Add(
      {.kind = name->kind, .number = name->number, .begin = static_cast<std::uint32_t>(begin)});
}

// ---- Strings. Those that follow each other are one.

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
    // A quote after a backslash does not end a raw string, and both are in it.
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
  // Names of characters: Python has a table of them.
  if (name == 'N') return Fail("an escape other than \\N") != 0;
  // Any other backslash is itself.
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
  if (code > 0x10'FFFF) return Fail("a code point of Unicode") != 0;
  result_.strings.push_back(static_cast<char32_t>(code));
  return true;
}

// ---- Numbers.

std::uint32_t Parser::SignedNumber() {
  const std::uint32_t begin = Here();
  Loose(begin);
  const bool negative = Peek() == '-';
  ++at_;
  if (depth_ != 0 && !SkipSpace()) return 0;
  if (!IsDigit(Peek()) && Peek() != '.') return Fail("a number after the sign");
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

// One digit or more, with single underscores between them.
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
  return base != 10 || at_ - begin <= kMaxDigits || Fail("fewer digits") != 0;
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

// What makes it a float or an imaginary number.
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

// Python 2's `L`. NumPy drops such a name after a number, also after blanks, and as often as it comes.
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
  return !IsWord(Peek()) || Fail("the end of the number") != 0;
}

}  // namespace

std::expected<Literal, LiteralError> ParseLiteral(std::u32string_view text, bool python2) {
  // Python's parser takes no source with a NUL.
  if (const std::size_t nul = text.find(U'\0'); nul != text.npos) {
    return std::unexpected(LiteralError{static_cast<std::uint32_t>(nul), "no NUL"});
  }
  return Parser(text, python2).Run();
}

}  // namespace tensorgate::numpy::internal
