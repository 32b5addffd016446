// Checksums of ranges of all sizes, from sources that threads may share and from others.
#include "lib/torch/checksums.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>

#include "lib/base/bytes.h"
#include "lib/base/crc32.h"
#include "tests/lib/noise.h"

namespace tensorgate::torch::internal {
namespace {

using tensorgate::internal::Crc32;
using tensorgate::testing::Noise;

// Whole and cut pieces, pieces of many, none at all.
std::vector<ByteRange> Ranges() {
  constexpr std::uint64_t kMiB = 1 << 20;
  std::vector<ByteRange> ranges = {{0, 0}, {5, 8 * kMiB}, {8 * kMiB, 17 * kMiB + 3}, {0, 1}};
  for (std::uint64_t i = 0; i < 100; ++i) ranges.push_back({i * 1000, i * i});
  return ranges;
}

TEST(ChecksumsTest, OfEverySource) {
  const std::vector<std::byte> noise = Noise(std::size_t{26} << 20);
  const std::vector<ByteRange> ranges = Ranges();
  std::FILE* const file = std::tmpfile();
  ASSERT_EQ(std::fwrite(noise.data(), 1, noise.size(), file), noise.size());
  std::fflush(file);
  MemorySource memory(noise);
  CallbackSource callback(noise.size(), [&](std::uint64_t offset, std::span<std::byte> into) {
    const auto part = std::span(noise).subspan(static_cast<std::size_t>(offset));
    return Result<std::size_t>(tensorgate::internal::CopyBytes(part, into));
  });
  Result<FileSource> shared = FileSource::FromDescriptor(::fileno(file));
  ASSERT_TRUE(shared);
  tensorgate::internal::Interrupt never;
  for (Source* source : std::initializer_list<Source*>{&memory, &callback, &*shared}) {
    const auto checksums = Checksums(*source, ranges, never);
    ASSERT_TRUE(checksums);
    ASSERT_EQ(checksums->size(), ranges.size());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const auto part = std::span(noise).subspan(static_cast<std::size_t>(ranges[i].offset),
                                                 static_cast<std::size_t>(ranges[i].length));
      EXPECT_EQ((*checksums)[i], Crc32(0, part)) << i;
    }
  }
  // Cut meanwhile.
  ASSERT_EQ(::ftruncate(::fileno(file), 20 << 20), 0);
  const auto cut = Checksums(*shared, ranges, never);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().rule, Rule::kIoShortRead);
  std::fclose(file);
}

}  // namespace
}  // namespace tensorgate::torch::internal
