#include "lib/formats/safetensors/parse.h"

#include <algorithm>

#include "lib/base/utf8.h"
#include "lib/formats/safetensors/handler_events.h"
#include "lib/json/number.h"
#include "lib/json/tokens.h"

namespace tensorgate::safetensors::internal {
namespace {

using json::Token;
using json::TokenCursor;
using json::TokenKind;
using tensorgate::internal::Interrupt;

// serde_json refuses the 128th open container.
constexpr std::size_t kMaxDepth = 127;

// The key of the `ordinal`-th tensor among the entries of the root; `__metadata__` does not count.
// It exists, since the parser has reported it.
Token TensorKey(std::string_view text, std::size_t ordinal) {
  TokenCursor cursor(text);
  cursor.Next();  // the root
  while (true) {
    const Token key = cursor.Next();
    const bool metadata = json::Unescape(text.substr(key.begin, key.size())) == kMetadataName;
    if (!metadata && ordinal-- == 0) return key;
    cursor.SkipValue(cursor.Next());
  }
}

ParseFailure FromHandler(const HeaderHandler& handler, const Header& header, std::size_t stop) {
  const HeaderHandler::Stopped& stopped = handler.stopped();
  const std::string_view text = header.text();
  ParseFailure failure;
  failure.rule = stopped.rule;
  if (stopped.ended) return failure;
  failure.found = stopped.found;
  failure.allowed = stopped.allowed;
  failure.found_text = stopped.found_text;
  if (stopped.names_tensor) failure.subject = handler.TensorName();
  if (stopped.names_key) failure.subject = handler.MetadataKey();
  const Token token = stopped.at_tensor_key ? TensorKey(text, handler.tensor_ordinal())
                                            : json::TokenAtStop(text, stop, stopped.kind);
  failure.offset = token.begin;
  if (failure.found_text.empty() && stopped.show_token) {
    failure.found_text = token.kind == TokenKind::kNumber
                             ? std::string(text.substr(token.begin, token.size()))
                             : std::string(json::Words(token.kind));
  }
  return failure;
}

ParseFailure FromParser(const json::ParseEnd& end, const Header& header) {
  ParseFailure failure;
  failure.offset = end.position;
  if (end.result == json::ParseResult::kTooDeep) {
    failure.rule = Rule::kStJsonDepth;
    failure.allowed = kMaxDepth;
  } else {
    failure.rule = Rule::kStJsonSyntax;
    failure.found_text = header.size == 0 ? "it is empty" : end.reason;
  }
  return failure;
}

// Only white space may follow the root; counts it.
std::optional<ParseFailure> CheckEnd(Header& header, std::size_t used) {
  const std::string_view text = header.text();
  if (used < text.size()) {
    ParseFailure failure;
    failure.rule = Rule::kStJsonTrailing;
    failure.offset = used;
    failure.found = static_cast<unsigned char>(text[used]);
    return failure;
  }
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  header.padding = text.size() - (last + 1);
  return std::nullopt;
}

// One pass of the parser. Returns true if a number's exponent was too long for it.
bool RunParser(Header& header, const Limits& limits, Interrupt& interrupt, ParsedHeader& parsed) {
  bool exponent = false;
  const auto after = [&](HeaderHandler& handler, const json::ParseEnd& end) {
    switch (end.result) {
      case json::ParseResult::kDone:
        parsed.failure = CheckEnd(header, end.position);
        break;
      case json::ParseResult::kStopped:
        parsed.failure = FromHandler(handler, header, end.position);
        break;
      case json::ParseResult::kExponent:
        exponent = true;
        break;
      default:
        parsed.failure = FromParser(end, header);
    }
    handler.Finish();
  };
  json::Parse<HeaderHandler>(header.text(), kMaxDepth, after, header, limits, interrupt, parsed);
  return exponent;
}

}  // namespace

std::string_view Header::TextAt(TextRef ref) const {
  if ((ref & kInArena) == 0) {
    const std::string_view rest = text().substr(ref);
    return rest.substr(0, rest.find('"'));
  }
  const std::string_view rest = std::string_view(arena).substr(ref & ~kInArena);
  // The length is before the text, so that the text can contain any character.
  const std::string_view length =
      std::string_view(arena).substr((ref & ~kInArena) - kArenaLength, kArenaLength);
  std::uint32_t count = 0;
  for (const char c : length) count = count << 8 | static_cast<unsigned char>(c);
  return rest.substr(0, count);
}

ParsedHeader ParseHeader(Header& header, const Limits& limits, Interrupt& interrupt) {
  ParsedHeader parsed;
  if (RunParser(header, limits, interrupt, parsed)) {
    // Once: afterwards no long exponents are left.
    const auto text =
        tensorgate::internal::AsWritableText(header.bytes.span()).subspan(0, header.size);
    const std::optional<std::size_t> infinite = json::ClampExponents(text);
    if (infinite) {
      TokenCursor cursor(header.text(), *infinite);
      const Token token = cursor.Next();
      parsed.failure =
          ParseFailure{.rule = Rule::kStJsonNumberRange,
                       .offset = *infinite,
                       .found_text = std::string(header.text().substr(token.begin, token.size()))};
    } else {
      header.tensors.Clear();
      header.begins.Clear();
      header.metadata.Clear();
      header.arena.clear();
      parsed = ParsedHeader();
      if (RunParser(header, limits, interrupt, parsed)) {
        parsed.failure = ParseFailure{.rule = Rule::kStJsonSyntax,
                                      .found_text = "a number's exponent is too long"};
      }
    }
  }
  return parsed;
}

}  // namespace tensorgate::safetensors::internal
