// Texts once case, Unicode's other forms, or the looks of letters no longer count.
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

/// Remembers the characters that it was asked for: a header may hold fifty million. At most 4 MB.
class Characters {
 public:
  explicit Characters(Folding folding) : folding_(folding) {}
  /// Throws std::bad_alloc.
  Character Of(std::uint32_t point);

 private:
  static constexpr std::size_t kPage = 256, kPages = 0x110000 / kPage;
  using Page = std::array<std::uint16_t, kPage>;

  const Folding folding_;
  std::array<std::uint16_t, kPages> page_of_{};  // 1 + where it is in pages_; 0 if it is not there
  std::vector<Page> pages_;
  std::vector<Character> known_;  // those that differ from most: pages_ has 1 + where each is
};

/// The text is in normal form C (Unicode Standard Annex 15). What is not UTF-8 is passed over.
bool IsNormalFormC(std::string_view text, Characters& characters);

/// The folded characters of a text, one after another. Where it is not UTF-8, a byte is U+FFFD.
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
  std::size_t given_ = 0;  // of what that folds to
};

/// Calls `each` with the same characters, faster where the text begins with ASCII.
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

/// Below, equal or above 0, as the folded texts compare. '/' comes before all others, so that what is in a folder follows
/// the folder's name.
int CompareFolded(std::string_view a, std::string_view b, Characters& characters);

/// Folded, `name` begins with `folder` and a '/'.
bool IsInFolder(std::string_view name, std::string_view folder, Characters& characters);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_FOLDED_H_
