// CRC-32 by carry-less multiplication, on processors that have it.
#ifndef TENSORGATE_BASE_CRC32_FOLD_H_
#define TENSORGATE_BASE_CRC32_FOLD_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

inline constexpr std::uint32_t kCrcPolynomial =
    0xEDB88320;  ///< x^0 is the highest bit, as in CRC-32.

/// A polynomial times x, modulo CRC-32's.
constexpr std::uint32_t CrcTimesX(std::uint32_t polynomial) {
  return (polynomial >> 1) ^ ((polynomial & 1) != 0 ? kCrcPolynomial : 0);
}

/// x^`exponent` modulo CRC-32's polynomial.
constexpr std::uint32_t CrcPower(std::uint64_t exponent) {
  std::uint32_t power = 0x80000000;
  for (; exponent != 0; --exponent) power = CrcTimesX(power);
  return power;
}

inline constexpr std::size_t kCrcFoldBlock = 64;
inline constexpr std::size_t kCrcFolded = 16;

bool CanFoldCrc();

/// The size of `bytes` must be a multiple of kCrcFoldBlock and not 0. Writes bytes whose checksum
/// from a state of 0 is the checksum of `bytes` from `state`. Requires CanFoldCrc().
void FoldCrc(std::uint32_t state, std::span<const std::byte> bytes,
             std::span<std::byte, kCrcFolded> folded);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_CRC32_FOLD_H_
