// The steps of an examination, and walks over headers that a parser would have refused.
#include "lib/formats/safetensors/examination.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/formats/safetensors/locate.h"
#include "tests/lib/formats/safetensors/build.h"

namespace tensorgate::safetensors::internal {
namespace {

TEST(ExaminationTest, WantsNothingOnceItIsDone) {
  Examination examination({});
  examination.Begin(7);
  EXPECT_TRUE(examination.Next().into.empty());
  examination.Filled(0);
  EXPECT_TRUE(examination.Next().into.empty());
  EXPECT_EQ(examination.Finish().findings()[0].rule, Rule::kStFileTooSmall);
}

TEST(ReadAsReferenceTest, ReadsWhatTheReferenceReads) {
  const std::string odd =
      testing::BuildFile(" {" + testing::TensorEntry("a", "U8", "2", 0, 2) + "}", 2);
  MemorySource source(testing::AsBytes(odd));
  EXPECT_EQ(Check(source).verdict(), Verdict::kRejected);
  std::unique_ptr<const Header> header, none;
  EXPECT_EQ(ReadAsReference(source, {}, header).verdict(), Verdict::kAccepted);
  ASSERT_NE(header, nullptr);
  EXPECT_EQ(header->tensors.size(), 1u);
  MemorySource broken(testing::AsBytes("1234567"));
  const Report report = ReadAsReference(broken, {}, none);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(report.profile(), Profile::kReference);
  EXPECT_EQ(report.verdict(), Verdict::kRejected);
}

TEST(ExaminationTest, AsksForEachPartOnce) {
  const std::string file =
      testing::BuildFile("{" + testing::TensorEntry("a", "U8", "2000", 0, 2000) + "}", 2000);
  const std::uint64_t data = file.size() - 2000;
  Examination examination({});
  examination.Begin(file.size());
  std::vector<std::pair<std::uint64_t, std::size_t>> wanted;
  for (Need need = examination.Next(); !need.into.empty(); need = examination.Next()) {
    wanted.emplace_back(need.offset, need.into.size());
    std::ranges::copy(testing::AsBytes(file).subspan(need.offset, need.into.size()),
                      need.into.begin());
    examination.Filled(need.into.size());
  }
  EXPECT_EQ(wanted, (std::vector<std::pair<std::uint64_t, std::size_t>>{
                        {0, 8}, {8, data - 8}, {data, 64}, {data, 2000}}));
  EXPECT_EQ(examination.Finish().verdict(), Verdict::kAccepted);
}

TEST(DimensionReaderTest, StaysInside) {
  DimensionReader reader("12, 3]]:4", 5);
  std::vector<std::uint64_t> values;
  for (std::uint64_t value; reader.Next(value);) values.push_back(value);
  EXPECT_EQ(values, (std::vector<std::uint64_t>{12, 3, 4, 0, 0}));
  EXPECT_EQ(reader.rest(), "");
  DimensionReader one("12, 3]", 1);
  std::uint64_t value;
  EXPECT_TRUE(one.Next(value));
  EXPECT_EQ(one.rest(), ", 3]");
}

TEST(EntryWalkerTest, EndsInsideTruncatedText) {
  const std::string text =
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[1],"x":2},"b":["U8")";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    EntryWalker walker(std::string_view(text).substr(0, size));
    Entry entry;
    for (int entries = 0; walker.Next(entry); ++entries) {
      ASSERT_LT(entries, 4);
      for (const json::Token& token : {entry.key, entry.value, entry.dtype, entry.shape})
        ASSERT_LE(token.end, size);
    }
  }
}

TEST(PlacesTest, MissingEntriesAreNotFound) {
  Places places;
  places.tensors[0];
  places.tensors[7];
  places.Locate(R"({"a":{"dtype":"U8"}})");
  EXPECT_EQ(places.tensors[0].key.begin, 1u);
  EXPECT_EQ(places.tensors[7].key.end, 0u);

  Places metadata;
  metadata.metadata_keys[1];
  metadata.Locate(R"({"__metadata__":{"k":"v","l":"w"}})");
  EXPECT_EQ(metadata.metadata_value, 16u);
  EXPECT_EQ(metadata.metadata_keys[1], 25u);
  metadata.metadata_keys = {{0, 0}};
  metadata.Locate(R"({"__metadata__":null,"a":{}})");
  EXPECT_EQ(metadata.metadata_value, 16u);
  EXPECT_EQ(metadata.metadata_keys[0], 0u);
}

}  // namespace
}  // namespace tensorgate::safetensors::internal
