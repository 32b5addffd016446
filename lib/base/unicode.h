// What Unicode says of a character, for names: what it folds to, and whether normal form C has it.
//
// By tables of one version of Unicode, made by scripts/make_unicode_tables. Characters of later versions stay as they are.
#ifndef TENSORGATE_BASE_UNICODE_H_
#define TENSORGATE_BASE_UNICODE_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace tensorgate::internal {

std::string_view UnicodeVersion();  ///< "14.0.0"

enum class Folding : std::uint8_t {
  kForms,  ///< Case and canonical and compatibility forms: what Unicode calls a caseless match of NFKD.
  kLooks,  ///< The same, and letters, digits and separators that look like one of ASCII.
};

struct Character {
  /// What it folds to. Nothing is left of one that is not seen: what programs ignore by default, blanks other than U+0020,
  /// C1 controls.
  std::array<std::uint32_t, 8> folded{};
  std::uint8_t count = 0;  ///< Of `folded`.
  bool alike = false;      ///< It is not ASCII, and looks like what it folds to.
  std::uint8_t combining_class = 0;
  bool never_normal = false;  ///< No text in normal form C has it.
  bool may_join = false;      ///< Normal form C may join it to what is before it.

  friend bool operator==(const Character&, const Character&) = default;
};

/// Slow: some searches in tables. See Characters.
Character CharacterOf(std::uint32_t point, Folding folding);

/// Normal form C joins `mark` to the letter before it, or takes the letter apart first, since marks of a higher class come
/// after this one.
bool Joins(std::uint32_t letter, std::uint32_t mark, std::uint32_t mark_class);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_UNICODE_H_
