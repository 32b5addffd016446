// A natural number of any size, with schoolbook addition and multiplication, so that the oracle
// needs no overflow checks.
#ifndef TENSORGATE_TESTS_ORACLE_NATURAL_H_
#define TENSORGATE_TESTS_ORACLE_NATURAL_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tensorgate::oracle {

class Natural {
 public:
  Natural(std::uint64_t value = 0) {  // NOLINT: every uint64_t is a natural number
    for (; value != 0; value >>= 32) limbs_.push_back(static_cast<std::uint32_t>(value));
  }

  Natural operator*(const Natural& other) const {
    Natural result;
    result.limbs_.assign(limbs_.size() + other.limbs_.size(), 0);
    for (std::size_t i = 0; i < limbs_.size(); ++i) {
      std::uint64_t carry = 0;
      for (std::size_t k = 0; k < other.limbs_.size() || carry != 0; ++k) {
        const std::uint64_t factor = k < other.limbs_.size() ? other.limbs_[k] : 0;
        carry += result.limbs_[i + k] + std::uint64_t{limbs_[i]} * factor;
        result.limbs_[i + k] = static_cast<std::uint32_t>(carry);
        carry >>= 32;
      }
    }
    result.Trim();
    return result;
  }

  Natural operator+(const Natural& other) const {
    Natural result;
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < limbs_.size() || i < other.limbs_.size() || carry != 0; ++i) {
      carry += (i < limbs_.size() ? limbs_[i] : 0);
      carry += (i < other.limbs_.size() ? other.limbs_[i] : 0);
      result.limbs_.push_back(static_cast<std::uint32_t>(carry));
      carry >>= 32;
    }
    return result;
  }

  bool Fits64() const { return limbs_.size() <= 2; }
  /// The lowest 64 bits.
  std::uint64_t Low64() const {
    std::uint64_t value = limbs_.empty() ? 0 : limbs_[0];
    if (limbs_.size() > 1) value |= std::uint64_t{limbs_[1]} << 32;
    return value;
  }
  bool IsMultipleOf8() const { return Low64() % 8 == 0; }

  friend bool operator==(const Natural&, const Natural&) = default;
  friend std::strong_ordering operator<=>(const Natural& a, const Natural& b) {
    if (a.limbs_.size() != b.limbs_.size()) return a.limbs_.size() <=> b.limbs_.size();
    for (std::size_t i = a.limbs_.size(); i-- > 0;) {
      if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] <=> b.limbs_[i];
    }
    return std::strong_ordering::equal;
  }

 private:
  void Trim() {
    while (!limbs_.empty() && limbs_.back() == 0) limbs_.pop_back();
  }
  std::vector<std::uint32_t> limbs_;  // lowest first; the last is not 0
};

}  // namespace tensorgate::oracle

#endif  // TENSORGATE_TESTS_ORACLE_NATURAL_H_
