// A header as tokens, and whole values among them. Text that is no longer JSON still has tokens.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_TOKENS_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_TOKENS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace tensorgate::mutator {

using Tokens = std::vector<std::string>;

struct Range {
  std::size_t begin, end;
};

bool IsSpaceToken(const std::string& token);
bool IsString(const std::string& token);
bool IsNumber(const std::string& token);
bool IsOpen(const std::string& token);
bool IsClose(const std::string& token);

/// Splits any text into strings, white space, punctuation, and the text between them.
Tokens Tokenize(const std::string& text);
std::string Concat(const Tokens& tokens, std::size_t begin, std::size_t end);
/// One past the end of the value that starts at `at`; for containers by counting brackets.
std::size_t ValueEnd(const Tokens& tokens, std::size_t at);
/// The items of the container that starts at `open`, without the commas between them.
std::vector<Range> Items(const Tokens& tokens, std::size_t open);

}  // namespace tensorgate::mutator

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_TOKENS_H_
