// A set of characters as a lookup table, because a header may contain fifty million tokens.
#ifndef TENSORGATE_BASE_CHARACTER_SET_H_
#define TENSORGATE_BASE_CHARACTER_SET_H_

#include <array>
#include <string_view>

namespace tensorgate::internal {

class CharacterSet {
 public:
  consteval explicit CharacterSet(std::string_view members) {
    for (const char c : members) in_.at(static_cast<unsigned char>(c)) = true;
  }
  bool Has(char c) const { return in_[static_cast<unsigned char>(c)]; }
  bool HasAll(std::string_view text) const {
    for (const char c : text) {
      if (!Has(c)) return false;
    }
    return true;
  }

 private:
  std::array<bool, 256> in_{};
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_CHARACTER_SET_H_
