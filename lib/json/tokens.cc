#include "lib/json/tokens.h"

#include <cstdint>

#include "lib/base/character_set.h"

namespace tensorgate::json {
namespace {

using internal::CharacterSet;

constexpr CharacterSet kBetween(" \t\r\n,:");
constexpr CharacterSet kDelimiters(" \t\r\n,:[]{}\"");

TokenKind KindOf(char c) {
  switch (c) {
    case '{':
      return TokenKind::kObject;
    case '}':
      return TokenKind::kObjectEnd;
    case '[':
      return TokenKind::kArray;
    case ']':
      return TokenKind::kArrayEnd;
    case '"':
      return TokenKind::kString;
    case 't':
      return TokenKind::kTrue;
    case 'f':
      return TokenKind::kFalse;
    case 'n':
      return TokenKind::kNull;
    default:
      return c == '-' || (c >= '0' && c <= '9') ? TokenKind::kNumber : TokenKind::kEnd;
  }
}

std::size_t StringEnd(std::string_view text, std::size_t quote) {
  std::size_t at = quote + 1;
  while (true) {
    at = text.find_first_of("\"\\", at);
    if (at == text.npos) return text.size();
    if (text[at] == '"') return at + 1;
    at += 2;
  }
}

std::uint32_t HexValue(std::string_view digits) {
  std::uint32_t value = 0;
  for (const char c : digits) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value << 4 | static_cast<std::uint32_t>(digit & 15);
  }
  return value;
}

void AppendUtf8(std::string& out, std::uint32_t c) {
  const auto byte = [&](std::uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6);
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3F));
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

}  // namespace

Token TokenCursor::Next() {
  std::size_t begin = at_;
  while (begin < text_.size() && kBetween.Has(text_[begin])) ++begin;
  if (begin >= text_.size()) return {TokenKind::kEnd, text_.size(), text_.size()};
  const TokenKind kind = KindOf(text_[begin]);
  std::size_t end = begin + 1;
  if (kind == TokenKind::kEnd) return {kind, begin, begin};
  if (kind == TokenKind::kString) {
    end = StringEnd(text_, begin);
  } else if (kind >= TokenKind::kNumber) {
    while (end < text_.size() && !kDelimiters.Has(text_[end])) ++end;
  }
  at_ = end;
  return {kind, begin, end};
}

Token TokenCursor::SkipValue(Token first) {
  std::size_t depth = 0;
  Token token = first;
  while (token) {
    if (token.kind == TokenKind::kObject || token.kind == TokenKind::kArray) {
      ++depth;
    } else if (token.kind == TokenKind::kObjectEnd || token.kind == TokenKind::kArrayEnd) {
      --depth;
    }
    if (depth == 0) return token;
    token = Next();
  }
  return token;
}

Token TokenAtStop(std::string_view text, std::size_t stop, TokenKind kind) {
  const bool bracket = kind == TokenKind::kObject || kind == TokenKind::kObjectEnd ||
                       kind == TokenKind::kArray || kind == TokenKind::kArrayEnd;
  TokenCursor cursor(text);
  Token last;
  while (const Token token = cursor.Next()) {
    if (token.begin > stop) break;
    if (token.kind == kind && (bracket || last.end < stop)) last = token;
  }
  return last;
}

std::string_view Words(TokenKind kind) {
  switch (kind) {
    case TokenKind::kObject:
      return "an object";
    case TokenKind::kArray:
      return "an array";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kNumber:
      return "a number";
    case TokenKind::kTrue:
      return "true";
    case TokenKind::kFalse:
      return "false";
    case TokenKind::kNull:
      return "null";
    default:
      return "nothing";
  }
}

std::string Unescape(std::string_view token) {
  std::string out;
  if (token.size() < 2) return out;
  const std::string_view text = token.substr(1, token.size() - 2);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 >= text.size()) {
      out.push_back(text[at]);
      continue;
    }
    const char c = text[++at];
    constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
    if (const std::size_t index = kFrom.find(c); index != kFrom.npos) {
      out.push_back(kTo[index]);
    } else if (c == 'u' && text.size() - at > 4) {
      std::uint32_t value = HexValue(text.substr(at + 1, 4));
      at += 4;
      if (value >= 0xD800 && value < 0xDC00 && text.size() - at > 6) {
        value = 0x10000 + ((value - 0xD800) << 10) + (HexValue(text.substr(at + 3, 4)) - 0xDC00);
        at += 6;
      }
      AppendUtf8(out, value);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace tensorgate::json
