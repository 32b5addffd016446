// The facts about ranges of all sizes, from sources that threads may share and from others.
#include "lib/source/data.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "lib/base/bytes.h"
#include "lib/base/crc32.h"
#include "tests/lib/noise.h"

namespace tensorgate::internal {
namespace {

using tensorgate::testing::Noise;

// Whole pieces and parts of pieces, many ranges per piece, and empty ones; each is read for a
// different reason.
std::vector<DataRange> Ranges() {
  constexpr std::uint64_t kMiB = 1 << 20;
  std::vector<ByteRange> ranges = {{0, 0}, {5, 8 * kMiB}, {8 * kMiB, 17 * kMiB + 3}, {0, 1}};
  for (std::uint64_t i = 0; i < 100; ++i) ranges.push_back({i * 1000, i * i});
  std::vector<DataRange> all;
  for (const ByteRange& range : ranges) {
    all.push_back({.bytes = range, .checksum = true});
    all.push_back({.bytes = range, .booleans = true});
    all.push_back({.bytes = range, .checksum = true, .booleans = true});
  }
  return all;
}

void ExpectFacts(const DataRange& range, const DataFacts& facts, std::span<const std::byte> bytes) {
  EXPECT_EQ(facts.checksum, range.checksum ? Crc32(0, bytes) : 0);
  const auto above = [](std::byte byte) { return byte > std::byte{1}; };
  const auto first = std::ranges::find_if(bytes, above);
  const auto count = static_cast<std::uint64_t>(std::ranges::count_if(bytes, above));
  EXPECT_EQ(facts.above_one.count, range.booleans ? count : 0);
  if (facts.above_one.count == 0) return;
  EXPECT_EQ(facts.above_one.first,
            range.bytes.offset + static_cast<std::uint64_t>(first - bytes.begin()));
  EXPECT_EQ(facts.above_one.value, *first);
}

void ExpectFactsOfAll(Source& source, std::span<const std::byte> bytes) {
  const std::vector<DataRange> ranges = Ranges();
  Interrupt never;
  const auto facts = ReadData(source, ranges, never);
  ASSERT_TRUE(facts);
  ASSERT_EQ(facts->size(), ranges.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    SCOPED_TRACE(i);
    const ByteRange& range = ranges[i].bytes;
    ExpectFacts(ranges[i], (*facts)[i],
                bytes.subspan(static_cast<std::size_t>(range.offset),
                              static_cast<std::size_t>(range.length)));
  }
}

// Noise, and booleans with a few invalid ones.
std::vector<std::byte> Bytes(bool booleans) {
  std::vector<std::byte> bytes = Noise(std::size_t{26} << 20);
  if (!booleans) return bytes;
  for (std::byte& byte : bytes) byte &= std::byte{1};
  for (const std::size_t at :
       {std::size_t{2000}, std::size_t{9} << 20, (std::size_t{25} << 20) + 1})
    bytes[at] = std::byte{2};
  return bytes;
}

TEST(DataTest, OfEverySource) {
  for (const bool booleans : {false, true}) {
    const std::vector<std::byte> bytes = Bytes(booleans);
    std::FILE* const file = std::tmpfile();
    ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
    std::fflush(file);
    MemorySource memory(bytes);
    CallbackSource callback(bytes.size(), [&](std::uint64_t offset, std::span<std::byte> into) {
      const auto part = std::span(bytes).subspan(static_cast<std::size_t>(offset));
      return Result<std::size_t>(CopyBytes(part, into));
    });
    Result<FileSource> shared = FileSource::FromDescriptor(::fileno(file));
    ASSERT_TRUE(shared);
    for (Source* source : std::initializer_list<Source*>{&memory, &callback, &*shared})
      ExpectFactsOfAll(*source, bytes);
    // Truncated in the meantime.
    ASSERT_EQ(::ftruncate(::fileno(file), 20 << 20), 0);
    Interrupt never;
    const auto cut = ReadData(*shared, Ranges(), never);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().rule, Rule::kIoShortRead);
    std::fclose(file);
  }
}

TEST(DataTest, SumsOfBytesAboveOneDoNotDependOnTheirOrder) {
  BytesAboveOne later, earlier;
  const std::vector<std::byte> block = {std::byte{1}, std::byte{255}, std::byte{2}, std::byte{0}};
  later.See(100, block);
  earlier.See(50, std::span(block).subspan(2));
  for (const auto& [one, other] : {std::pair(later, earlier), std::pair(earlier, later)}) {
    BytesAboveOne sum = one;
    sum.Add(other);
    EXPECT_EQ(sum.count, 3u);
    EXPECT_EQ(sum.first, 50u);
    EXPECT_EQ(sum.value, std::byte{2});
    sum.Add({});
    EXPECT_EQ(sum.first, 50u);
  }
  BytesAboveOne none;
  none.See(0, std::span(block).first(1));
  EXPECT_EQ(none.count, 0u);
}

}  // namespace
}  // namespace tensorgate::internal
