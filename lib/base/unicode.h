// Unicode properties of characters that matter for names: case folding, look-alikes and normal form
// C.
//
// The tables are of one version of Unicode and are created by scripts/make_unicode_tables.
// Characters of later versions are left unchanged.
#ifndef TENSORGATE_BASE_UNICODE_H_
#define TENSORGATE_BASE_UNICODE_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace tensorgate::internal {

std::string_view UnicodeVersion();  ///< "14.0.0"

enum class Folding : std::uint8_t {
  kForms,  ///< Case, and canonical and compatibility forms: Unicode's caseless match of NFKD.
  kLooks,  ///< The same, and characters that look like ASCII letters, digits and separators.
};

struct Character {
  /// What it folds to. Invisible characters fold to nothing: those that programs ignore by default,
  /// blanks other than U+0020, C1 controls.
  std::array<std::uint32_t, 8> folded{};
  std::uint8_t count = 0;  ///< Number of characters in `folded`.
  bool alike = false;      ///< It is not ASCII, but looks like what it folds to.
  std::uint8_t combining_class = 0;
  bool never_normal = false;  ///< It does not occur in normal form C.
  bool may_join = false;      ///< Normal form C may join it to the character before it.

  friend bool operator==(const Character&, const Character&) = default;
};

/// Slow: several table lookups. See Characters.
Character CharacterOf(std::uint32_t point, Folding folding);

/// True if normal form C joins `mark` to the letter before it, or first decomposes the letter
/// because marks of a higher class come after this one.
bool Joins(std::uint32_t letter, std::uint32_t mark, std::uint32_t mark_class);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_UNICODE_H_
