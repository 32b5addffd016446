// CRC-32 by its definition, bit by bit, against the fast implementations.
#include "lib/base/crc32.h"

#include <gtest/gtest.h>

#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/crc32_fold.h"
#include "tests/lib/noise.h"

namespace tensorgate::internal {
namespace {

using tensorgate::testing::Noise;

std::uint32_t BitByBit(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

// The checksum of 2^`doublings` zero bytes.
std::uint32_t Zeros(int doublings) {
  std::uint32_t crc = Crc32(0, std::vector<std::byte>(1));
  for (int i = 0; i < doublings; ++i) crc = JoinCrc32(crc, crc, std::uint64_t{1} << i);
  return crc;
}

TEST(Crc32Test, PublishedValues) {
  EXPECT_EQ(Crc32(0, {}), 0u);
  EXPECT_EQ(Crc32(0, AsBytes("123456789")), 0xCBF43926u);
  EXPECT_EQ(Crc32(0, std::vector<std::byte>(1024)), 0xEFB5AF2Eu);
  // The keys printed in the paper.
  EXPECT_EQ(std::uint64_t{CrcPower(544)} << 1, 0x154442BD4u);
  EXPECT_EQ(std::uint64_t{CrcPower(480)} << 1, 0x1C6E41596u);
}

TEST(Crc32Test, EveryLengthFromEveryPlace) {
  const std::vector<std::byte> noise = Noise(700);
  for (std::size_t begin = 0; begin < 17; ++begin) {
    for (std::size_t length = 0; begin + length <= noise.size(); ++length) {
      const auto part = std::span(noise).subspan(begin, length);
      ASSERT_EQ(Crc32(0, part), BitByBit(part)) << begin << " " << length;
    }
  }
}

TEST(Crc32Test, InPiecesAndJoined) {
  const std::vector<std::byte> noise = Noise(1000);
  const std::uint32_t whole = Crc32(0, noise);
  for (std::size_t cut = 0; cut <= noise.size(); ++cut) {
    const auto first = std::span(noise).first(cut), second = std::span(noise).subspan(cut);
    ASSERT_EQ(Crc32(Crc32(0, first), second), whole) << cut;
    ASSERT_EQ(JoinCrc32(Crc32(0, first), Crc32(0, second), second.size()), whole) << cut;
  }
  // Lengths beyond 32 bits: zeros after zeros, by doubling.
  std::uint32_t part = 0, other = 0;
  for (int i = 0; i < 16; ++i) part = JoinCrc32(part, Zeros(36), std::uint64_t{1} << 36);
  for (int i = 0; i < 4; ++i) other = JoinCrc32(other, Zeros(38), std::uint64_t{1} << 38);
  EXPECT_EQ(part, Zeros(40));
  EXPECT_EQ(other, Zeros(40));
}

}  // namespace
}  // namespace tensorgate::internal
