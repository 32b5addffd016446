#include "lib/base/crc32.h"

#include <array>

#include "lib/base/bytes.h"
#include "lib/base/crc32_fold.h"

namespace tensorgate::internal {
namespace {

constexpr std::size_t kSlices = 16;
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

// tables[k][b]: the contribution of byte b if k bytes follow it.
constexpr Tables kTables = [] {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = CrcTimesX(crc);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < kSlices; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}();

// Eight bytes, followed by `kAfter` more bytes of the slice.
template <std::size_t kAfter>
std::uint32_t Slice(std::uint64_t word) {
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < 8; ++i) crc ^= kTables[kAfter + 7 - i][word >> (8 * i) & 0xFF];
  return crc;
}

// The checksum's state, which is its complement, updated with more bytes.
std::uint32_t Advance(std::uint32_t crc, std::span<const std::byte> bytes) {
  while (bytes.size() >= kSlices) {
    const std::uint64_t first = LoadLittleEndian64(bytes.first<8>()) ^ crc;
    const std::uint64_t second = LoadLittleEndian64(bytes.subspan<8, 8>());
    crc = Slice<8>(first) ^ Slice<0>(second);
    bytes = bytes.subspan(kSlices);
  }
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
  }
  return crc;
}

// The product of two polynomials modulo CRC-32's.
std::uint32_t Multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = 0x80000000; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = CrcTimesX(b);
  }
  return product;
}

}  // namespace

std::uint32_t Crc32(std::uint32_t crc, std::span<const std::byte> bytes) {
  crc = ~crc;
  const std::size_t whole = bytes.size() - bytes.size() % kCrcFoldBlock;
  if (whole != 0 && CanFoldCrc()) {
    std::array<std::byte, kCrcFolded> folded;
    FoldCrc(crc, bytes.first(whole), folded);
    crc = Advance(0, folded);
    bytes = bytes.subspan(whole);
  }
  return ~Advance(crc, bytes);
}

std::uint32_t JoinCrc32(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) {
  // x^(8 n), by squaring x^8 once for each binary digit of n.
  std::uint32_t shift = CrcPower(0);
  std::uint32_t square = CrcPower(8);
  for (std::uint64_t n = second_bytes; n != 0; n >>= 1) {
    if ((n & 1) != 0) shift = Multiply(shift, square);
    square = Multiply(square, square);
  }
  return Multiply(first, shift) ^ second;
}

}  // namespace tensorgate::internal
