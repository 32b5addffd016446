// Texts compared without regard to case, to Unicode's equivalent forms, or to the looks of letters.
#ifndef TENSORGATE_BASE_FOLDED_H_
#define TENSORGATE_BASE_FOLDED_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/unicode.h"

namespace tensorgate::internal {

/// Caches the characters that it was asked for, since a header may contain fifty million. At most 4
/// MB.
class Characters {
 public:
  explicit Characters(Folding folding) : folding_(folding) {}
  /// Throws std::bad_alloc.
  Character Of(std::uint32_t point);

 private:
  static constexpr std::size_t kPage = 256, kPages = 0x110000 / kPage;
  using Page = std::array<std::uint16_t, kPage>;

  const Folding folding_;
  std::array<std::uint16_t, kPages> page_of_{};  // 1 + index in pages_; 0: not in there
  std::vector<Page> pages_;
  std::vector<Character> known_;  // those that are not plain: pages_ has 1 + their index
};

/// True if the text is in normal form C (Unicode Standard Annex 15). Bytes that are not UTF-8 are
/// skipped.
bool IsNormalFormC(std::string_view text, Characters& characters);

/// Iterates over the folded characters of a text. A byte that is not UTF-8 is U+FFFD.
class FoldedText {
 public:
  static constexpr std::uint32_t kEnd = UINT32_MAX;

  FoldedText(std::string_view text, Characters& characters)
      : rest_(text), characters_(characters) {}
  std::uint32_t Next();

 private:
  std::string_view rest_;
  Characters& characters_;
  Character character_;
  std::size_t given_ = 0;  // number of its folded characters that were returned
};

/// Calls `each` with the same characters, faster if the text starts with ASCII.
template <typename Each>
void ForEachFolded(std::string_view text, Characters& characters, const Each& each) {
  std::size_t at = 0;
  for (; at < text.size() && (text[at] & 0x80) == 0; ++at) {
    each(static_cast<std::uint32_t>(FoldCase(text[at])));
  }
  FoldedText rest(text.substr(at), characters);
  for (std::uint32_t point = rest.Next(); point != FoldedText::kEnd; point = rest.Next())
    each(point);
}

/// Below, equal to or above 0: how the folded texts compare. '/' sorts before all other characters,
/// so that the contents of a folder come right after the folder's name.
int CompareFolded(std::string_view a, std::string_view b, Characters& characters);

/// True if the folded `name` starts with the folded `folder` and a '/'.
bool IsInFolder(std::string_view name, std::string_view folder, Characters& characters);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_FOLDED_H_
