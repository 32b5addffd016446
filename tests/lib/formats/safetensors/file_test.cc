// The contents of an opened file.
#include <gtest/gtest.h>

#include <thread>

#include "tensorgate/safetensors.h"
#include "tests/lib/formats/safetensors/build.h"

namespace tensorgate::safetensors {
namespace {

using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;

File Open(const std::string& file) {
  auto opened = File::OpenBytes(AsBytes(file));
  EXPECT_TRUE(opened);
  return std::move(*opened);
}

TEST(FileTest, ShowsTensorsInTheOrderOfTheirDataAndByName) {
  const File file = Open(BuildFile("{" + TensorEntry("late", "F32", "2, 3", 8, 32) + "," +
                                       TensorEntry("", "U8", "0", 8, 8) + "," +
                                       TensorEntry("first\\u0021", "I64", "", 0, 8) + "}",
                                   32));
  std::vector<std::string> names;
  for (const Tensor tensor : file.tensors()) names.emplace_back(tensor.name());
  EXPECT_EQ(file.tensor_count(), names.size());
  EXPECT_EQ(names, (std::vector<std::string>{"first!", "", "late"}));
  const auto late = file.Find("late");
  ASSERT_TRUE(late);
  EXPECT_EQ(late->dtype(), DType::kF32);
  EXPECT_EQ(late->shape().ToVector(), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(late->elements(), 6u);
  EXPECT_EQ(late->range(), (ByteRange{file.data_offset() + 8, 24}));
  EXPECT_EQ(file.Find("first!")->elements(), 1u);
  EXPECT_EQ(file.Find("first!")->shape().size(), 0u);
  EXPECT_EQ(file.Find("")->elements(), 0u);
  EXPECT_FALSE(file.Find("first"));
  EXPECT_EQ(file.file_size(), file.data_offset() + 32);
  EXPECT_NE(file.Find("")->range(), (ByteRange{file.data_offset() + 8, 1}));
  EXPECT_NE(late->range(), (ByteRange{file.data_offset(), 24}));
  EXPECT_FALSE(Open(BuildFile("{}")).Find("late"));
}

TEST(FileTest, ShowsMetadataAndHeader) {
  const std::string header = R"({"__metadata__":{"format":"pt","\u006b\n":"v\u0000w","":""}}  )";
  const std::string bytes = BuildFile(header);
  File file = Open(bytes);
  ASSERT_EQ(file.metadata_count(), 3u);
  EXPECT_EQ(file.metadata(0).key, "format");
  EXPECT_EQ(file.FindMetadata("k\n"), std::string_view("v\0w", 3));
  EXPECT_EQ(file.FindMetadata(""), "");
  EXPECT_EQ(file.FindMetadata("none"), std::nullopt);
  EXPECT_EQ(file.padding(), 2u);
  EXPECT_EQ(file.header_bytes().size(), header.size());
  EXPECT_EQ(file.report().facts()->metadata_entries, 3u);
  // Views remain valid when the file is moved.
  const std::string_view key = file.metadata(0).key;
  const File moved = std::move(file);
  EXPECT_EQ(moved.metadata(0).key.data(), key.data());
}

TEST(FileTest, EveryDtypeWithItsSize) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(FindDType(Name(dtype)), dtype);
    const std::uint64_t bytes = Bits(dtype);  // eight elements
    const File file =
        Open(BuildFile("{" + TensorEntry("t", Name(dtype), "8", 0, bytes) + "}", bytes));
    EXPECT_EQ(file.tensors()[0].dtype(), dtype);
    EXPECT_EQ(file.report().facts()->parameters, 8u);
  }
  EXPECT_EQ(FindDType("f32"), std::nullopt);
  EXPECT_EQ(FindDType(""), std::nullopt);
}

TEST(FileTest, OpeningIsStrictWhateverTheProfile) {
  CheckOptions options;
  options.profile = Profile::kReference;
  const auto file = File::OpenBytes(AsBytes(BuildFile(" {}")), options);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().profile(), Profile::kStrict);
  EXPECT_EQ(file.error().findings()[0].rule, Rule::kStHeaderStart);
}

TEST(FileTest, ManyThreadsReadOneFile) {
  std::string header = "{";
  for (int i = 0; i < 1000; ++i)
    header += (i ? "," : "") + TensorEntry("t" + std::to_string(i), "U8", "1", i, i + 1);
  const File file = Open(BuildFile(header + "}", 1000));
  std::vector<std::thread> threads;
  std::atomic<int> found = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i)
        found += file.Find("t" + std::to_string(i))->range().offset == file.data_offset() + i;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(found, 4000);
}

TEST(FileDeathTest, AnIndexPastTheEndEndsTheProgram) {
  const File file = Open(BuildFile("{}"));
  EXPECT_DEATH((void)file.tensors()[0], "");
  EXPECT_DEATH((void)file.metadata(0), "");
}

// Even if only the file's size is wrong, which a stream detects at its end.
TEST(CheckTest, ARefusedFileDrawsNoWarningsOfItsReaders) {
  const auto file_of = [](const char* shape, std::size_t data) {
    return BuildFile("{\"__metadata__\":null," + TensorEntry("", "F64", "0,1,1,1,1,1,1,1,1", 0, 0) +
                         "," + TensorEntry("../a", "F4", shape, 0, 1) + "}",
                     data);
  };
  EXPECT_GT(CheckBytes(AsBytes(file_of("2", 1))).findings().size(), 5u);
  for (const auto& [file, rule] : {std::pair(file_of("2", 0), Rule::kStDataPastEnd),
                                   std::pair(file_of("2", 2), Rule::kStDataTrailing),
                                   std::pair(file_of("4", 1), Rule::kStSizeMismatch)}) {
    for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
      StreamCheck stream({.profile = profile});
      (void)stream.Feed(AsBytes(file));
      for (const Report& report :
           {CheckBytes(AsBytes(file), {.profile = profile}), stream.Finish()}) {
        EXPECT_EQ(report.verdict(), Verdict::kRejected);
        ASSERT_EQ(report.findings().size(), 1u) << Info(rule).id;
        EXPECT_EQ(report.findings()[0].rule, rule);
      }
    }
  }
}

TEST(CheckTest, CollectsSeveralFindingsInTableOrder) {
  const Report report = CheckBytes(AsBytes(BuildFile(
      "{" + TensorEntry("a", "F32", "4", 0, 12) + "," + TensorEntry("b", "U8", "4", 8, 12) + "," +
          TensorEntry("b", "U8", "1", 20, 21) + "}\t",
      21)));
  std::vector<Rule> rules;
  for (const Finding& finding : report.findings()) rules.push_back(finding.rule);
  EXPECT_EQ(rules, (std::vector<Rule>{Rule::kStHeaderPadding, Rule::kStNameDuplicate,
                                      Rule::kStOffsetsOverlap, Rule::kStOffsetsHole,
                                      Rule::kStSizeMismatch}));
  EXPECT_EQ(report.Subject(report.findings()[2]), "b");
}

}  // namespace
}  // namespace tensorgate::safetensors
