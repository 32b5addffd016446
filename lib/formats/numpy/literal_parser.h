// Python's parser, as far as it is needed for literals.
#ifndef TENSORGATE_FORMATS_NUMPY_LITERAL_PARSER_H_
#define TENSORGATE_FORMATS_NUMPY_LITERAL_PARSER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <utility>

#include "lib/formats/numpy/literal.h"

namespace tensorgate::numpy::internal {

// Marks the end of the text; not a character.
inline constexpr char32_t kEnd = 0xFFFF'FFFF;

inline bool IsDigit(char32_t c) { return c >= '0' && c <= '9'; }
inline bool IsBlank(char32_t c) { return c == ' ' || c == '\t' || c == '\f'; }
inline bool IsLineEnd(char32_t c) { return c == '\n' || c == '\r'; }
inline bool IsQuote(char32_t c) { return c == '\'' || c == '"'; }
// A character that may continue an identifier. Python decides about characters outside ASCII by
// Unicode; no literal has such a name.
inline bool IsWord(char32_t c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (c >= 0x80 && c != kEnd);
}

// The value of a digit; 36 if it is not one.
inline std::uint32_t DigitOf(char32_t c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 36;
}

// The functions return the index of a value, or 0 if Python's parser would fail.
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
  bool AtNumber() const { return IsDigit(Peek(Peek() == '.' ? 1 : 0)); }
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

}  // namespace tensorgate::numpy::internal

#endif  // TENSORGATE_FORMATS_NUMPY_LITERAL_PARSER_H_
