#include "lib/base/folded.h"

#include <algorithm>

#include "lib/base/utf8.h"

namespace tensorgate::internal {
namespace {

bool IsInnerByte(std::string_view text, std::size_t at) {
  return at < text.size() && (text[at] & 0xC0) == 0x80;
}

// Length of the common prefix, in bytes of whole characters. Equal bytes are equal when folded.
std::size_t CommonCharacters(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t same = 0;
  while (most - same >= 8 && LoadLittleEndian<std::uint64_t>(a.substr(same)) ==
                                 LoadLittleEndian<std::uint64_t>(b.substr(same))) {
    same += 8;
  }
  while (same < most && a[same] == b[same]) ++same;
  while (same != 0 && (IsInnerByte(a, same) || IsInnerByte(b, same))) --same;
  return same;
}

// The order of characters: the end of the text, then '/', then all others.
std::uint32_t Rank(std::uint32_t point) {
  return point == FoldedText::kEnd ? 0 : point == '/' ? 1 : point + 2;
}

}  // namespace

Character Characters::Of(std::uint32_t point) {
  constexpr std::uint16_t kPlain = UINT16_MAX;  // an ordinary character, as most are
  Character plain{.folded = {point}, .count = 1};
  std::uint16_t& page = page_of_.at(point / kPage);
  if (page == 0) {
    pages_.emplace_back();
    page = static_cast<std::uint16_t>(pages_.size());
  }
  std::uint16_t& place = pages_[page - 1u].at(point % kPage);
  if (place == kPlain) return plain;
  if (place != 0) return known_[place - 1u];
  const Character character = CharacterOf(point, folding_);
  if (character == plain) {
    place = kPlain;
  } else {
    known_.push_back(character);
    place = static_cast<std::uint16_t>(known_.size());
  }
  return character;
}

bool IsNormalFormC(std::string_view text, Characters& characters) {
  std::uint32_t starter = 0, last_class = 0;
  while (!text.empty()) {
    const CodePoint next = DecodeUtf8(text);
    text.remove_prefix(std::max<std::size_t>(next.length, 1));
    const Character character = characters.Of(next.value);
    const std::uint32_t own_class = character.combining_class;
    if (character.never_normal || (own_class != 0 && own_class < last_class)) return false;
    // A mark of the same class between it and the starter keeps them from being joined, as does
    // another starter.
    const bool reaches = last_class == 0 || last_class < own_class;
    if (reaches && character.may_join && Joins(starter, next.value, own_class)) return false;
    if (own_class == 0) starter = next.value;
    last_class = own_class;
  }
  return true;
}

std::uint32_t FoldedText::Next() {
  while (given_ == character_.count) {
    if (rest_.empty()) return kEnd;
    if ((rest_.front() & 0x80) == 0) {
      const char ascii = rest_.front();
      rest_.remove_prefix(1);
      return static_cast<std::uint32_t>(FoldCase(ascii));
    }
    const CodePoint next = DecodeUtf8(rest_);
    rest_.remove_prefix(std::max<std::size_t>(next.length, 1));
    if (next.length == 0) return 0xFFFD;
    character_ = characters_.Of(next.value);
    given_ = 0;
  }
  return character_.folded.at(given_++);
}

int CompareFolded(std::string_view a, std::string_view b, Characters& characters) {
  const std::size_t same = CommonCharacters(a, b);
  FoldedText x(a.substr(same), characters), y(b.substr(same), characters);
  while (true) {
    const std::uint32_t from_a = Rank(x.Next()), from_b = Rank(y.Next());
    if (from_a != from_b) return from_a < from_b ? -1 : 1;
    if (from_a == 0) return 0;
  }
}

bool IsInFolder(std::string_view name, std::string_view folder, Characters& characters) {
  const std::size_t same = CommonCharacters(name, folder);
  FoldedText x(name.substr(same), characters), y(folder.substr(same), characters);
  while (true) {
    const std::uint32_t from_name = x.Next(), from_folder = y.Next();
    if (from_folder == FoldedText::kEnd) return from_name == '/';
    if (from_name != from_folder) return false;
  }
}

}  // namespace tensorgate::internal
