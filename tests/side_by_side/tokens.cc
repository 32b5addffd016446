#include "tokens.h"

#include <algorithm>
#include <cstring>

namespace tensorgate::mutator {

bool IsSpaceToken(const std::string& token) {
  return !token.empty() && std::strchr(" \t\r\n", token[0]) != nullptr && token[0] != '\0';
}
bool IsString(const std::string& token) { return token.starts_with('"'); }
bool IsNumber(const std::string& token) {
  return !token.empty() && (token[0] == '-' || (token[0] >= '0' && token[0] <= '9'));
}
bool IsOpen(const std::string& token) { return token == "{" || token == "["; }
bool IsClose(const std::string& token) { return token == "}" || token == "]"; }

Tokens Tokenize(const std::string& text) {
  Tokens tokens;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (text[at] == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2u : 1u;
      end = std::min(end + 1, text.size());
    } else if (std::strchr("{}[],:", text[at]) == nullptr || text[at] == '\0') {
      const bool space = std::strchr(" \t\r\n", text[at]) != nullptr && text[at] != '\0';
      while (end < text.size() && std::strchr("{}[],:\"", text[end]) == nullptr &&
             (std::strchr(" \t\r\n", text[end]) != nullptr) == space) {
        ++end;
      }
    }
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

std::string Concat(const Tokens& tokens, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) text += tokens[i];
  return text;
}

std::size_t ValueEnd(const Tokens& tokens, std::size_t at) {
  std::size_t depth = 0;
  for (; at < tokens.size(); ++at) {
    if (IsOpen(tokens[at])) ++depth;
    if (IsClose(tokens[at]) && depth > 0) --depth;
    if (depth == 0) return at + 1;
  }
  return tokens.size();
}

std::vector<Range> Items(const Tokens& tokens, std::size_t open) {
  std::vector<Range> items;
  const std::size_t end = ValueEnd(tokens, open);
  if (end == 0 || !IsClose(tokens[end - 1])) return items;
  std::size_t begin = open + 1;
  for (std::size_t at = begin; at + 1 < end;) {
    if (tokens[at] == ",") {
      items.push_back({begin, at});
      begin = ++at;
    } else {
      at = ValueEnd(tokens, at);
    }
  }
  if (begin + 1 < end) items.push_back({begin, end - 1});
  return items;
}

}  // namespace tensorgate::mutator
