#include "lib/formats/mistaken.h"

#include <algorithm>
#include <array>

#include "lib/base/utf8.h"

namespace tensorgate::internal {
namespace {

constexpr std::size_t kShown = 100;

// Keys with which servers start an error message.
constexpr std::array<std::string_view, 8> kErrorKeys = {
    "\"error\"", "\"errors\"", "\"message\"", "\"detail\"",
    "\"code\"",  "\"Code\"",   "\"status\"",  "\"success\"",
};

// The beginning of a text on one line.
std::string Beginning(std::string_view text) {
  std::string shown;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  bool space = false;
  for (const char c : text) {
    if (shown.size() >= kShown) break;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
      space = !shown.empty();
      continue;
    }
    if (space) shown += ' ';
    space = false;
    shown += c;
  }
  shown.resize(ValidUtf8Length(shown));
  return shown;
}

bool IsError(std::string_view beginning, const Head& head) {
  if (beginning.starts_with('<')) {
    return beginning.starts_with("<Error") || head.bytes.contains("<Error>");
  }
  if (!beginning.starts_with('{')) return false;
  beginning.remove_prefix(1);
  if (beginning.starts_with(' ')) beginning.remove_prefix(1);
  return std::ranges::any_of(kErrorKeys,
                             [&](std::string_view key) { return beginning.starts_with(key); });
}

bool Counts(Among among, std::string_view name) {
  switch (among) {
    case Among::kAnyName:
      return true;
    case Among::kModels:
      return IsNamedAsModel(name);
    case Among::kNeverText:
      return IsNamedAsModel(name) && !MayBeText(name);
    case Among::kStructured:
      return HasStructure(name);
  }
  return false;
}

}  // namespace

std::optional<Mistaken> FindMistaken(const FormatKind& kind, const Head& head,
                                     std::string_view name) {
  const InPlace& in_place = kind.format->in_place;
  if (!in_place.rule) return std::nullopt;
  Mistaken mistaken{.rule = *in_place.rule, .text = std::string(kind.words)};
  Among among = in_place.among;
  if (among == Among::kNeverText) {
    mistaken.text = Beginning(head.bytes);
    if (IsError(mistaken.text, head)) among = Among::kModels;
  } else if (among == Among::kStructured) {
    mistaken.found = head.bytes.size();
  }
  if (!Counts(among, name)) return std::nullopt;
  return mistaken;
}

}  // namespace tensorgate::internal
