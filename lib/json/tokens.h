// The tokens of JSON that was already parsed, to find positions in it. Cold code: it reads again
// what only a report needs.
#ifndef TENSORGATE_JSON_TOKENS_H_
#define TENSORGATE_JSON_TOKENS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace tensorgate::json {

enum class TokenKind : unsigned char {
  kEnd,
  kObject,
  kObjectEnd,
  kArray,
  kArrayEnd,
  kString,
  kNumber,
  kTrue,
  kFalse,
  kNull,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
  explicit operator bool() const { return kind != TokenKind::kEnd; }
};

/// Iterates over the tokens of well-formed JSON; skips commas, colons and white space. On anything
/// else it ends early, inside the text.
class TokenCursor {
 public:
  explicit TokenCursor(std::string_view text, std::size_t at = 0) : text_(text), at_(at) {}
  Token Next();
  /// Skips the rest of the value that starts with `first`; returns its last token.
  Token SkipValue(Token first);

 private:
  std::string_view text_;
  std::size_t at_;
};

/// The token at which the parser stopped: the last token of the kind whose event stopped it that
/// starts at or before `stop`. At a bracket or brace the parser stops before it, even if one of the
/// same kind is directly before it ("[[").
Token TokenAtStop(std::string_view text, std::size_t stop, TokenKind kind);

/// "an object", "a string" … for messages.
std::string_view Words(TokenKind kind);

/// The decoded text of a well-formed string token, quotes included in `token`.
std::string Unescape(std::string_view token);

}  // namespace tensorgate::json

#endif  // TENSORGATE_JSON_TOKENS_H_
