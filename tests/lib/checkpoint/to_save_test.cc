// The contents of a checkpoint in a form that can be saved: the same bytes, wherever they come
// from.
#include "lib/checkpoint/to_save.h"

#include <gtest/gtest.h>

#include "lib/formats/registry.h"
#include "tests/lib/checkpoint/model.h"
#include "tests/lib/formats/torch/build.h"

namespace tensorgate {
namespace {

using internal::ToSave;
using testing::AsBytes;
using testing::Opened;

using Strings = std::vector<std::string>;

Strings NamesOf(const ToSave& contents) {
  Strings names;
  for (const TensorData& tensor : contents.tensors) names.push_back(tensor.name);
  return names;
}

// The data of all tensors, as they are saved.
std::string DataOf(const ToSave& contents) {
  const auto saved = Serialize(contents.tensors, {.order = TensorOrder::kAsGiven});
  EXPECT_TRUE(saved);
  std::uint64_t size = 0;
  for (const TensorData& tensor : contents.tensors) {
    size += safetensors::File::OpenBytes(*saved)->Find(tensor.name)->range().length;
  }
  std::string data;
  for (const std::byte byte : std::span(*saved).last(static_cast<std::size_t>(size))) {
    data += static_cast<char>(byte);
  }
  return data;
}

TEST(ContentsTest, OfSafetensors) {
  const std::string file = testing::SmallFile();
  const Checkpoint checkpoint = Opened(Checkpoint::OpenBytes(AsBytes(file)));
  const Result<ToSave> contents = internal::ToSaveOf(checkpoint);
  ASSERT_TRUE(contents);
  EXPECT_EQ(NamesOf(*contents), (Strings{"a", "b\u00e9", "c"}));
  EXPECT_EQ(contents->metadata(), (Metadata{{"k", "v"}}));
  EXPECT_TRUE(contents->views->places().empty());
  EXPECT_EQ(DataOf(*contents), std::string(20, '\0'));
}

TEST(ContentsTest, OfACheckpointWithViews) {
  using testing::torch::View;
  const View turned{.shape = {2, 2}, .stride = {1, 2}, .elements = 4, .storage = "ByteStorage"};
  const View whole{.shape = {4}, .stride = {1}, .elements = 4, .storage = "ByteStorage"};
  const std::string file = testing::torch::File(
      testing::torch::Dict({{"turned", turned.Code()}, {"whole", whole.Code()}}), {"abcd"});
  const Checkpoint checkpoint = Opened(Checkpoint::OpenBytes(AsBytes(file)));
  const Result<ToSave> contents = internal::ToSaveOf(checkpoint);
  ASSERT_TRUE(contents);
  EXPECT_EQ(NamesOf(*contents), (Strings{"turned", "whole"}));
  EXPECT_EQ(contents->views->places().size(), 1u);
  EXPECT_EQ(contents->parts.size(), 1u);
  EXPECT_EQ(contents->parts[0].tensors, 2u);
  EXPECT_TRUE(contents->metadata().empty());
  EXPECT_EQ(DataOf(*contents), "acbdabcd");
}

TEST(ContentsTest, FarMoreThanTheFileIsRefused) {
  const Checkpoint checkpoint =
      Opened(Checkpoint::OpenPath(TENSORGATE_CORPUS_DIR "/torch/accept/view-expands-far.pt"));
  const Result<ToSave> contents = internal::ToSaveOf(checkpoint);
  ASSERT_FALSE(contents);
  EXPECT_EQ(contents.error().rule, Rule::kUseExpands);
}

// If a name occurs twice, the reference takes the last; the strict profile refuses the file.
TEST(ContentsTest, AsTheReferenceReadsIt) {
  const std::string file =
      testing::BuildFile("{\"__metadata__\":{\"k\":\"1\",\"j\":\"2\",\"k\":\"3\"}," +
                             testing::TensorEntry("b", "U8", "9", 0, 9) + "," +
                             testing::TensorEntry("b", "U8", "2,1", 1, 3) + "," +
                             testing::TensorEntry("a", "U8", "1", 0, 1) + "}",
                         3);
  EXPECT_FALSE(safetensors::File::OpenBytes(AsBytes(file)));
  MemorySource source(AsBytes(file));
  const auto contents = internal::ToSaveAsReference(internal::SafetensorsFormat(), source,
                                                    {.profile = Profile::kReference});
  ASSERT_TRUE(contents);
  EXPECT_EQ(NamesOf(*contents), (Strings{"a", "b"}));
  EXPECT_EQ(contents->tensors[1].shape, (std::vector<std::uint64_t>{2, 1}));
  EXPECT_EQ(contents->metadata(), (Metadata{{"j", "2"}, {"k", "3"}}));
  EXPECT_EQ(DataOf(*contents).size(), 3u);
  const std::string broken = file.substr(0, file.size() - 1);
  MemorySource cut(AsBytes(broken));
  const auto refused = internal::ToSaveAsReference(internal::SafetensorsFormat(), cut,
                                                   {.profile = Profile::kReference});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().verdict(), Verdict::kRejected);
}

}  // namespace
}  // namespace tensorgate
