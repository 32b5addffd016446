// Data compressed by zlib, with dynamic and fixed codes: whole, truncated, damaged, and with too
// little room.
#include "lib/base/inflate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"

namespace tensorgate::internal {
namespace {

// Python: zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy) of Text(), with Z_DEFAULT_STRATEGY and Z_FIXED.
constexpr std::string_view kDynamic =
    "edcab70d80401000c156ae027ae2bdbff7ae7a1025209111ae66abe2909aa61648c61140e004d37c2c809d67"
    "a837bb732f60288fa7fef9fbf9249471219536d6f98031e5525b1f73ed377201";
constexpr std::string_view kFixed =
    "2bc94855282ccd4cce56482aca2fcf5348cbaf50c82acd2d2856c82f4b2d5228014ae72456552aa4e4a7eb81"
    "79a38a69af3831293925352d3d23332b3b27372fbfa0b0a8b8a4b4acbca2b28a1c1900";

std::string Text() {
  std::string text, letters;
  for (int i = 0; i < 9; ++i) text += "the quick brown fox jumps over the lazy dog. ";
  for (char c = 'a'; c <= 'z'; ++c) letters += c;
  return text + letters + letters + letters;
}

std::vector<std::byte> FromHex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

class InflateTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  const std::vector<std::byte> packed_ = FromHex(GetParam());
  const std::string text_ = Text();
};

TEST_P(InflateTest, AllOfIt) {
  std::vector<std::byte> output(text_.size() + 1);
  const Inflated inflated = Inflate(packed_, output);
  EXPECT_EQ(inflated.end, InflateEnd::kDone);
  EXPECT_EQ(inflated.consumed, packed_.size());
  ASSERT_EQ(inflated.produced, text_.size());
  EXPECT_EQ(AsText(std::span<const std::byte>(output).first(text_.size())), text_);
}

TEST_P(InflateTest, NeverMoreThanThereIsRoomFor) {
  for (std::size_t room = 0; room < text_.size(); ++room) {
    std::vector<std::byte> output(room);
    const Inflated inflated = Inflate(packed_, output);
    EXPECT_EQ(inflated.end, InflateEnd::kFull) << room;
    EXPECT_EQ(inflated.produced, room);
    EXPECT_TRUE(text_.starts_with(AsText(std::span<const std::byte>(output)))) << room;
  }
}

TEST_P(InflateTest, CutAnywhere) {
  std::vector<std::byte> output(text_.size());
  for (std::size_t size = 0; size < packed_.size(); ++size) {
    const Inflated inflated = Inflate(std::span(packed_).first(size), output);
    EXPECT_EQ(inflated.end, InflateEnd::kCut) << size;
    EXPECT_TRUE(
        text_.starts_with(AsText(std::span<const std::byte>(output).first(inflated.produced))))
        << size;
  }
}

// Every single changed bit: some results are other texts, most end early, none writes outside its
// buffer.
TEST_P(InflateTest, DamagedAnywhere) {
  std::vector<std::byte> output(text_.size());
  int damaged = 0;
  for (std::size_t bit = 0; bit < packed_.size() * 8; ++bit) {
    std::vector<std::byte> bytes = packed_;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const Inflated inflated = Inflate(bytes, output);
    EXPECT_LE(inflated.produced, output.size());
    EXPECT_LE(inflated.consumed, bytes.size());
    damaged += inflated.end == InflateEnd::kDamaged ? 1 : 0;
  }
  EXPECT_GT(damaged, 10);
}

// Bits are packed from the lowest of each byte on; the codes of a block start with their highest
// bit.
class BitWriter {
 public:
  BitWriter& Number(unsigned value, unsigned bits) {
    for (unsigned i = 0; i < bits; ++i) Put(value >> i & 1);
    return *this;
  }
  BitWriter& Code(std::string_view bits) {
    for (const char bit : bits) Put(bit == '1' ? 1 : 0);
    return *this;
  }
  std::vector<std::byte> bytes;

 private:
  void Put(unsigned bit) {
    if (count_ % 8 == 0) bytes.push_back({});
    bytes.back() |= static_cast<std::byte>(bit << count_++ % 8);
  }
  std::size_t count_ = 0;
};

// A last block with dynamic codes, whose lengths are written as 0: "00", 1: "01", 16: "10", 18:
// "11".
BitWriter Dynamic(unsigned literals = 257, unsigned distances = 1) {
  BitWriter block;
  block.Number(1, 1).Number(2, 2);
  block.Number(literals - 257, 5).Number(distances - 1, 5).Number(18 - 4, 4);
  for (const unsigned length : {2, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2})
    block.Number(length, 3);
  return block;
}
BitWriter& Zeros(BitWriter& block, unsigned count) {
  return block.Code("11").Number(count - 11, 7);
}

struct Ended {
  InflateEnd end;
  std::string text;
  bool operator==(const Ended&) const = default;
};
Ended Unpacked(const BitWriter& block, std::size_t room = 100) {
  std::vector<std::byte> output(room);
  const Inflated inflated = Inflate(block.bytes, output);
  return {inflated.end, std::string(AsText(output).substr(0, inflated.produced))};
}

// Python's zlib gives the same result for each of them.
TEST(InflateCodesTest, OfOneSymbolOrNone) {
  // The only literal is the end of the block; there are no distances.
  BitWriter only = Dynamic();
  Zeros(Zeros(only, 138), 118).Code("0100");
  BitWriter ended = only, other = only;
  EXPECT_EQ(Unpacked(ended.Code("0")), Ended(InflateEnd::kDone));
  EXPECT_EQ(Unpacked(other.Number(0xFFFFFF, 24)), Ended(InflateEnd::kDamaged));
  // The end and the length 3, after which no distance can follow.
  BitWriter pair = Dynamic(258);
  Zeros(Zeros(pair, 138), 118).Code("010100");
  ended = other = pair;
  EXPECT_EQ(Unpacked(ended.Code("0")), Ended(InflateEnd::kDone));
  EXPECT_EQ(Unpacked(other.Code("1").Number(0, 24)), Ended(InflateEnd::kDamaged));
}

TEST(InflateCodesTest, OfMoreThanThereAre) {
  EXPECT_EQ(Unpacked(Dynamic(286, 30)), Ended(InflateEnd::kCut));
  EXPECT_EQ(Unpacked(Dynamic(287, 30)), Ended(InflateEnd::kDamaged));
  EXPECT_EQ(Unpacked(Dynamic(286, 31)), Ended(InflateEnd::kDamaged));
}

TEST(InflateCodesTest, ARepetitionOfNothing) {
  BitWriter block = Dynamic();
  EXPECT_EQ(Unpacked(block.Code("10").Number(0, 32)), Ended(InflateEnd::kDamaged));
}

TEST(InflateCodesTest, StoredBytesAndTheRoomForThem) {
  BitWriter block;
  block.Number(1, 8).Number(3, 16).Number(0xFFFC, 16).Number('a', 8).Number('b', 8).Number('c', 8);
  EXPECT_EQ(Unpacked(block), Ended(InflateEnd::kDone, "abc"));
  EXPECT_EQ(Unpacked(block, 3), Ended(InflateEnd::kDone, "abc"));
  EXPECT_EQ(Unpacked(block, 2), Ended(InflateEnd::kFull, "ab"));
}

INSTANTIATE_TEST_SUITE_P(Codes, InflateTest, ::testing::Values(kDynamic, kFixed));

}  // namespace
}  // namespace tensorgate::internal
