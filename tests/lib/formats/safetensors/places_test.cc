// The offsets of findings, their details, and which of many are kept.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tensorgate/safetensors.h"
#include "tests/lib/formats/safetensors/build.h"

namespace tensorgate::safetensors {
namespace {

using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;

// What stops the parse is reported with the offset of its tensor, and with the text that is there.
TEST(PlacesTest, WhatStopsTheParseIsShown) {
  const std::string before =
      R"({"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"__metadata__":{"z":"{"},)";
  const auto reported = [&](const std::string& entry, Rule rule, bool at_key) {
    const Report report = CheckBytes(AsBytes(BuildFile(before + "\"z\":{" + entry + "}}", 1)));
    const Finding& finding = report.findings()[0];
    EXPECT_EQ(Info(finding.rule).id, Info(rule).id) << entry;
    EXPECT_EQ(report.Subject(finding), "z") << entry;
    EXPECT_EQ(finding.offset == 8 + before.size(), at_key) << entry << " " << finding.offset;
    return std::string(report.FoundText(finding));
  };
  EXPECT_EQ(reported(R"("dtype":"U8","shape":[])", Rule::kStFieldMissing, true), "data_offsets");
  EXPECT_EQ(reported(R"("dtype":15)", Rule::kStFieldType, false), "15");
  EXPECT_EQ(reported(R"("dtype":true)", Rule::kStFieldType, false), "true");
  EXPECT_EQ(reported(R"("shape":"x")", Rule::kStFieldType, false), "a string");
  EXPECT_EQ(reported(R"("shape":[1.5])", Rule::kStDimensionNotInteger, false), "1.5");
  EXPECT_EQ(reported(R"("data_offsets":[1])", Rule::kStOffsetsCount, false), "");
  const auto reason = [](const char* header) {
    const Report report = CheckBytes(AsBytes(BuildFile(header)));
    return std::string(report.FoundText(report.findings()[0]));
  };
  EXPECT_EQ(reason(""), "it is empty");
  EXPECT_EQ(reason("{;}"), "an unexpected character");
}

// If there are more findings than are kept, those of the first tensors are kept.
TEST(PlacesTest, TheFirstFindingsAreKept) {
  std::string header = "{";
  for (std::uint64_t i = 0; i < 6; ++i)
    header += (i != 0 ? "," : "") + TensorEntry("t" + std::to_string(i), "U8", "2", i, i + 1);
  const Report report = CheckBytes(AsBytes(BuildFile(header + "}", 6)), {.max_findings = 2});
  ASSERT_EQ(report.findings().size(), 2u);
  EXPECT_EQ(report.Subject(report.findings()[0]), "t0");
  EXPECT_EQ(report.Subject(report.findings()[1]), "t1");
  EXPECT_EQ(report.dropped_findings(), 4u);
}

// If several tensors end at the end of the data, the last one, whatever the order in the header.
TEST(PlacesTest, TheTensorThatReachesPastTheEnd) {
  const std::string a = TensorEntry("a", "U8", "8", 0, 8), b = TensorEntry("b", "U8", "8", 8, 16),
                    e = TensorEntry("e", "U8", "0", 16, 16);
  for (const std::string& entries :
       {a + "," + b + "," + e, b + "," + a + "," + e, e + "," + b + "," + a}) {
    const Report report = CheckBytes(AsBytes(BuildFile("{" + entries + "}", 8)));
    EXPECT_EQ(report.findings()[0].rule, Rule::kStDataPastEnd);
    EXPECT_EQ(report.Subject(report.findings()[0]), "e") << entries;
  }
}

// For tensors that are written as arrays, and for those after them.
TEST(PlacesTest, ItemsOfATensorThatIsAnArray) {
  const std::string header =
      R"({"a":[{"F4":null},[3],[0,1]],"b":["U8",[2],[1,2]],"c":{"dtype":"U8","shape":[2],"data_offsets":[2,3]}})";
  const Report report = CheckBytes(AsBytes(BuildFile(header, 3)));
  const auto is_at = [&](Rule rule, std::string_view subject, std::string_view text) {
    const std::size_t offset = 8 + header.find(text);
    return std::ranges::any_of(report.findings(), [&](const Finding& finding) {
      return finding.rule == rule && report.Subject(finding) == subject && finding.offset == offset;
    });
  };
  EXPECT_EQ(report.findings().size(), 6u);
  EXPECT_TRUE(is_at(Rule::kStDtypeAsMap, "a", R"({"F4")"));
  EXPECT_TRUE(is_at(Rule::kStTensorAsArray, "a", R"([{"F4")"));
  EXPECT_TRUE(is_at(Rule::kStSizeNotBytes, "a", "[3]"));
  EXPECT_TRUE(is_at(Rule::kStTensorAsArray, "b", R"(["U8")"));
  EXPECT_TRUE(is_at(Rule::kStSizeMismatch, "b", "[1,2]"));
  EXPECT_TRUE(is_at(Rule::kStSizeMismatch, "c", "[2,3]"));
}

}  // namespace
}  // namespace tensorgate::safetensors
