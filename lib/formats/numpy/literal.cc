#include "lib/formats/numpy/literal.h"

#include <algorithm>
#include <iterator>

#include "lib/formats/numpy/literal_parser.h"

namespace tensorgate::numpy::internal {
namespace {

// Maximum nesting of brackets, as in CPython's tokenizer.
constexpr std::uint32_t kMaxDepth = 200;

struct Name {
  std::u32string_view text;
  Kind kind;
  std::uint64_t number;
};
constexpr Name kNames[] = {
    {U"True", Kind::kBool, 1}, {U"False", Kind::kBool, 0}, {U"None", Kind::kNone, 0}};

}  // namespace

// ---- Between the tokens.

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

// Skips blanks within a line.
void Parser::SkipBlanks() {
  while (IsBlank(Peek()) || Peek() == '\\') {
    if (IsBlank(Peek())) {
      ++at_;
    } else if (!SkipContinuation()) {
      return;
    }
  }
}

// Skips white space within brackets. False if the text ends.
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
      if (Peek() != kEnd) return true;
      return Fail("the rest of the header") != 0;
    }
    Loose(place);
  }
}

// At the start of a line: skips blank lines and comments. True at a token without blanks before it,
// or at the end of the text.
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
  if (!SkipLines() || Peek() == kEnd) return Fail("a dict at the start of a line") != 0;
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
  if (Peek() != kEnd && !IsLineEnd(Peek())) return Fail("only spaces after the dict") != 0;
  // When NumPy reads it a second time, blanks at the end are gone, unless lines end in CR.
  const bool end_of_lines = SkipLines() || (python2_ && text_.find(U'\r') == text_.npos);
  if (end_of_lines && Peek() == kEnd) return true;
  return Fail("only spaces after the dict") != 0;
}

// ---- Values.

std::uint32_t Parser::Expression() {
  const char32_t c = Peek();
  if (c == '{') return Container(Kind::kDict, '}');
  if (c == '[') return Container(Kind::kList, ']');
  if (c == '(') return Parenthesized();
  if (IsQuote(c)) return Strings();
  if (AtNumber()) return Number(Here(), false);
  if (c == '+' || c == '-') return SignedNumber();
  if (IsWord(c)) return Word();
  return Fail("a string, a number, True, False, a tuple, a list or a dict");
}

std::uint32_t Parser::Container(Kind kind, char32_t close) {
  Value container{.kind = kind, .begin = Here()};
  if (depth_ == kMaxDepth) return Fail("less nesting");
  ++at_;
  ++depth_;
  if (!Items(container, close)) return 0;
  --depth_;
  return Add(container);
}

// A value in parentheses is the value itself.
std::uint32_t Parser::Parenthesized() {
  const std::uint32_t begin = Here();
  const std::uint32_t tuple = Container(Kind::kTuple, ')');
  if (tuple == 0) return 0;
  Value& value = result_.values[tuple];
  if (value.count != 1 || value.number != 0) return tuple;
  Loose(begin);
  return value.first;
}

// Reads items up to the closing bracket. For a tuple, `number` says whether there was a comma.
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

// A name, or the prefix of a string.
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

std::expected<Literal, LiteralError> ParseLiteral(std::u32string_view text, bool python2) {
  // Python's parser refuses source code with a NUL.
  if (const std::size_t nul = text.find(U'\0'); nul != text.npos) {
    return std::unexpected(
        LiteralError{static_cast<std::uint32_t>(nul), "a character other than NUL"});
  }
  return Parser(text, python2).Run();
}

}  // namespace tensorgate::numpy::internal
