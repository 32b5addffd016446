// The tokens of JSON that the parser has already read, to find places in it. Cold: it reads again
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

/// Walks the tokens of well-formed JSON; commas, colons and white space are skipped. On anything
/// else it ends early, inside the text.
class TokenCursor {
 public:
  explicit TokenCursor(std::string_view text, std::size_t at = 0) : text_(text), at_(at) {}
  Token Next();
  /// Steps over the rest of the value that `first` begins; returns its last token.
  Token SkipValue(Token first);

 private:
  std::string_view text_;
  std::size_t at_;
};

/// The token that the parser was at when it stopped: of the kind whose event stopped it, the last that
/// begins at or before `stop`. At a bracket or brace the parser stops before it, even where one of the
/// same kind stands directly in front ("[[").
Token TokenAtStop(std::string_view text, std::size_t stop, TokenKind kind);

/// "an object", "a string" … for messages.
std::string_view Words(TokenKind kind);

/// The decoded text of a well-formed string token, quotes included in `token`.
std::string Unescape(std::string_view token);

}  // namespace tensorgate::json

#endif  // TENSORGATE_JSON_TOKENS_H_
