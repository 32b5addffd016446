// Only the JSON layer: the parser's events, the tokens read afterwards, escapes and exponents
// agree.
#include <string>
#include <vector>

#include "fuzz/support.h"
#include "lib/json/events.h"
#include "lib/json/number.h"
#include "lib/json/tokens.h"

namespace {

using tensorgate::json::Token;
using tensorgate::json::TokenKind;

struct Event {
  TokenKind kind;
  std::string text;
};

// Records the events as the tokens that must have caused them.
class Recorder : public tensorgate::json::HandlerBase {
 public:
  explicit Recorder(std::vector<Event>& events) : events_(events) {}
  bool on_object_begin(Error&) { return Add(TokenKind::kObject); }
  bool on_object_end(std::size_t, Error&) { return Add(TokenKind::kObjectEnd); }
  bool on_array_begin(Error&) { return Add(TokenKind::kArray); }
  bool on_array_end(std::size_t, Error&) { return Add(TokenKind::kArrayEnd); }
  bool on_key(Text text, std::size_t, Error&) { return AddText(text); }
  bool on_string(Text text, std::size_t, Error&) { return AddText(text); }
  bool on_key_part(Text text, std::size_t, Error&) { return AddPart(text); }
  bool on_string_part(Text text, std::size_t, Error&) { return AddPart(text); }
  bool on_int64(std::int64_t, Text text, Error&) { return Add(TokenKind::kNumber, text); }
  bool on_uint64(std::uint64_t, Text text, Error&) { return Add(TokenKind::kNumber, text); }
  bool on_double(double, Text text, Error&) { return Add(TokenKind::kNumber, text); }
  bool on_bool(bool value, Error&) { return Add(value ? TokenKind::kTrue : TokenKind::kFalse); }
  bool on_null(Error&) { return Add(TokenKind::kNull); }

 private:
  bool Add(TokenKind kind, std::string_view text = {}) {
    events_.push_back({kind, std::string(text)});
    return true;
  }
  bool AddText(std::string_view text) {
    part_.append(text);
    Add(TokenKind::kString, part_);
    part_.clear();
    return true;
  }
  bool AddPart(std::string_view text) {
    part_.append(text);
    return true;
  }
  std::vector<Event>& events_;
  std::string part_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = tensorgate::json;
  std::string text(tensorgate::fuzz::Bytes(data, size).size(), ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(data[i]);

  std::vector<Event> events;
  json::ParseEnd end{};
  const auto after = [&](Recorder&, const json::ParseEnd& at) { end = at; };
  json::Parse<Recorder>(text, 127, after, events);
  FUZZ_ASSERT(end.position <= size);

  // For text that was parsed, the tokens equal the events; on anything else the cursor stays inside
  // the text and ends.
  json::TokenCursor cursor(text);
  std::size_t count = 0;
  for (Token token = cursor.Next(); token; token = cursor.Next(), ++count) {
    FUZZ_ASSERT(token.begin < token.end && token.end <= size);
    const std::string_view raw = std::string_view(text).substr(token.begin, token.size());
    if (count >= events.size()) {
      if (end.result == json::ParseResult::kDone) FUZZ_ASSERT(token.begin >= end.position);
      continue;
    }
    FUZZ_ASSERT(token.kind == events[count].kind);
    if (token.kind == TokenKind::kString) FUZZ_ASSERT(json::Unescape(raw) == events[count].text);
    if (token.kind == TokenKind::kNumber) {
      // Text that was not parsed may follow without a delimiter.
      const bool done = token.end <= end.position;
      FUZZ_ASSERT(done ? raw == events[count].text : raw.starts_with(events[count].text));
      json::SerdeReadsFinite(raw);
    }
  }
  FUZZ_ASSERT(count >= events.size());

  // Clamping exponents does not change the length, and needs one pass.
  std::string clamped = text;
  if (!json::ClampExponents(clamped)) {
    std::string again = clamped;
    FUZZ_ASSERT(!json::ClampExponents(again) && again == clamped);
    if (end.result == json::ParseResult::kDone) {
      std::vector<Event> retried;
      json::Parse<Recorder>(clamped, 127, after, retried);
      FUZZ_ASSERT(end.result == json::ParseResult::kDone && retried.size() == events.size());
    }
  }
  return 0;
}
