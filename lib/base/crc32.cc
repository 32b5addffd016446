#include "lib/base/crc32.h"

#include <array>

#include "lib/base/bytes.h"

namespace tensorgate::internal {
namespace {

constexpr std::uint32_t kPolynomial = 0xEDB88320;
constexpr std::size_t kSlices = 16;
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

// tables[k][b]: what byte b contributes with k bytes behind it.
constexpr Tables kTables = [] {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
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

// Eight bytes, with `behind` more of the slice after them.
template <std::size_t kBehind>
std::uint32_t Slice(std::uint64_t word) {
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < 8; ++i) crc ^= kTables[kBehind + 7 - i][word >> (8 * i) & 0xFF];
  return crc;
}

}  // namespace

std::uint32_t Crc32(std::uint32_t crc, std::span<const std::byte> bytes) {
  crc = ~crc;
  while (bytes.size() >= kSlices) {
    const std::uint64_t first = LoadLittleEndian64(bytes.first<8>()) ^ crc;
    const std::uint64_t second = LoadLittleEndian64(bytes.subspan<8, 8>());
    crc = Slice<8>(first) ^ Slice<0>(second);
    bytes = bytes.subspan(kSlices);
  }
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
  }
  return ~crc;
}

}  // namespace tensorgate::internal
