// Converting by the library's call; tests/cli/convert_test.py looks at what is written.
#include "tensorgate/convert.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "lib/ops/checkpoint_data.h"
#include "lib/ops/strided.h"
#include "tests/lib/ops/model.h"

namespace tensorgate {
namespace {

namespace fs = std::filesystem;

class ConvertTest : public testing::FolderTest {
 protected:
  static constexpr const char* kPlain = TENSORGATE_CORPUS_DIR "/torch-checkpoint/accept/plain";
  std::string target() const { return (folder_ / "out").string(); }
};

TEST_F(ConvertTest, AFolderOfShards) {
  std::uint64_t last = 0, all = 0;
  ConvertOptions options{.verify = true};
  options.progress = [&](std::uint64_t done, std::uint64_t of) {
    EXPECT_GE(done, last);
    last = done;
    all = of;
    return true;
  };
  // The other profile opens nothing.
  options.check.profile = Profile::kReference;
  const auto converted = Convert(kPlain, target(), options);
  ASSERT_TRUE(converted);
  EXPECT_EQ(converted->path, target() + "/model.safetensors.index.json");
  EXPECT_EQ(converted->shards, 2u);
  EXPECT_EQ(converted->tensors, 2u);
  EXPECT_EQ(converted->bytes, 32u);
  EXPECT_EQ(last, 32u);
  EXPECT_EQ(all, 32u);
  const Checkpoint made = testing::Opened(Checkpoint::OpenPath(target()));
  EXPECT_TRUE(made.report().findings().empty());
  EXPECT_EQ(made.parts(), 2u);
  EXPECT_TRUE(made.Find("a") && made.Find("b"));
}

TEST_F(ConvertTest, CancelledLeavesNothing) {
  ConvertOptions options;
  int calls = 0;
  options.progress = [&](std::uint64_t, std::uint64_t) { return ++calls < 2; };
  const auto converted = Convert(kPlain, target(), options);
  ASSERT_FALSE(converted);
  EXPECT_EQ(converted.error().status.rule, Rule::kUseCancelled);
  EXPECT_FALSE(converted.error().report);
  EXPECT_FALSE(fs::exists(target()));
}

TEST_F(ConvertTest, TheErrorSaysWhatIsWrong) {
  const auto refused = Convert(
      TENSORGATE_CORPUS_DIR "/torch-checkpoint/reject/shard-rejected/pytorch_model.bin.index.json",
      target());
  ASSERT_FALSE(refused);
  ASSERT_TRUE(refused.error().report);
  EXPECT_EQ(refused.error().report->format(), "pytorch-checkpoint");
  EXPECT_EQ(refused.error().report->findings()[0].rule, Rule::kCpShardRejected);
  const auto named = Convert(kPlain, target() + "/a.safetensors");
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().status.rule, Rule::kConvertNeedsFolder);
  const auto empty = Convert(folder_.string(), target());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().report->findings()[0].rule, Rule::kCpIndexMissing);
  EXPECT_FALSE(fs::exists(target()));
}

std::uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// A conversion keeps a source for each tensor that does not lie in C order; all of them together must not need a tile each.
TEST(StridedSourceTest, HoldsNoMemoryOnceItIsRead) {
  constexpr std::uint64_t kSide = 1024, kBytes = kSide * kSide * 4, kSources = 64;
  const std::vector<std::byte> content(kBytes);
  internal::CheckpointData data;
  data.parts.emplace_back();
  data.parts[0].source = std::make_unique<MemorySource>(content);
  std::vector<std::unique_ptr<internal::StridedSource>> sources;
  std::vector<std::byte> block(1 << 20);
  const std::uint64_t before = ResidentBytes();
  for (std::uint64_t i = 0; i < kSources; ++i) {
    sources.push_back(
        std::make_unique<internal::StridedSource>(data, TensorRef{.dtype = DType::kF32,
                                                                  .shape = {kSide, kSide},
                                                                  .stride = {1, kSide},
                                                                  .range = {0, kBytes}}));
    ASSERT_EQ(sources.back()->size(), kBytes);
    for (std::uint64_t at = 0; at < kBytes; at += block.size()) {
      ASSERT_TRUE(ReadFully(*sources.back(), at, block));
    }
    EXPECT_TRUE(sources.back()->Unchanged());
  }
  EXPECT_LT(ResidentBytes() - before, kSources * kBytes / 2);
}

}  // namespace
}  // namespace tensorgate
