// Dtypes, sizes and offsets at which the fast path for plain headers must hand over to the slow
// one.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/json/tokens.h"
#include "tensorgate/safetensors.h"
#include "tests/lib/formats/safetensors/build.h"

namespace tensorgate::safetensors {
namespace {

using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;

// A scalar smaller than a byte: no row ends within a byte, and half a byte is rounded down to none.
TEST(FastPathTest, AScalarBelowAByte) {
  for (const unsigned end : {0u, 1u}) {
    const Report report =
        CheckBytes(AsBytes(BuildFile("{" + TensorEntry("a", "F4", "", 0, end) + "}", end)));
    EXPECT_EQ(report.verdict(), Verdict::kRejected);
    EXPECT_EQ(report.findings()[0].rule, Rule::kStSizeNotBytes);
  }
}

// Adjacent tensors up to 2^64 - 8, then one whose end wraps around to the end of the file.
TEST(FastPathTest, AnEndThatWrapsIsReversed) {
  constexpr std::uint64_t kLarge = (std::uint64_t{1} << 61) - 1;
  std::string header = "{";
  for (std::uint64_t i = 0; i < 8; ++i) {
    header += TensorEntry("t" + std::to_string(i), "U8", std::to_string(kLarge), i * kLarge,
                          (i + 1) * kLarge) +
              ",";
  }
  for (const auto& [dtype, shape] : {std::pair("F4", "24"), std::pair("U8", "12")}) {
    const Report report = CheckBytes(
        AsBytes(BuildFile(header + TensorEntry("z", dtype, shape, 8 * kLarge, 4) + "}", 4)));
    EXPECT_EQ(report.verdict(), Verdict::kRejected) << dtype;
    EXPECT_EQ(report.findings()[0].rule, Rule::kStOffsetsReversed) << dtype;
  }
}

// The previous tensor's dtype is compared by its first letters as one word, if there is one.
TEST(FastPathTest, DtypesThatFollowOthersLikeThem) {
  const std::vector<std::string> orders[] = {{"F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E4M3FNUZ"},
                                             {"\\u00468_E5M2", "U8", "F8_E5M2"},
                                             {"\\u00498", "U8", "I8", "U8"},
                                             {"F8_E5M2", "F8_E4M3", "F8_E8M0", "U8", "I8", "BOOL"}};
  for (const std::vector<std::string>& names : orders) {
    std::string header = "{";
    for (std::size_t i = 0; i < names.size(); ++i) {
      header += (i != 0 ? "," : "") + TensorEntry("t" + std::to_string(i), names[i], "1", i, i + 1);
    }
    const auto file = File::OpenBytes(AsBytes(BuildFile(header + "}", names.size())));
    ASSERT_TRUE(file) << header;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string name = json::Unescape('"' + names[i] + '"');
      EXPECT_EQ(Name(file->Find("t" + std::to_string(i))->dtype()), name) << header;
    }
  }
}

// One tensor of each dtype: only dtypes that few readers support are reported, and unaligned ones.
TEST(FastPathTest, WhichDtypesAreRareAndWhichAreAligned) {
  const std::set<std::string_view> rare = {"F4",      "F6_E2M3",     "F6_E3M2",    "C64",
                                           "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"};
  for (std::size_t i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::uint64_t bits = Bits(dtype), bytes = bits;  // for eight elements
    for (const std::uint64_t before : {0u, 1u}) {
      std::string header = "{" + TensorEntry("b", "U8", std::to_string(8 + before), 0, 8 + before) +
                           "," +
                           TensorEntry("a", Name(dtype), "8", 8 + before, 8 + before + bytes) + "}";
      header.resize((header.size() + 7) / 8 * 8, ' ');
      const Report report = CheckBytes(AsBytes(BuildFile(header, 8 + before + bytes)));
      EXPECT_EQ(report.verdict(), Verdict::kAccepted);
      const auto reported = [&](Rule rule) {
        return std::ranges::count(report.findings(), rule, &Finding::rule);
      };
      EXPECT_EQ(reported(Rule::kStDtypeRare), rare.contains(Name(dtype))) << Name(dtype);
      EXPECT_EQ(reported(Rule::kStTensorMisaligned), bits >= 16 && before != 0) << Name(dtype);
    }
  }
}

// 2^64 bytes are 0 modulo 2^64: the size of the file, aligned, in line.
TEST(FastPathTest, ASizeThatWrapsToTheFiles) {
  std::string header = "{" + TensorEntry("a", "F64", "1073741824,1073741824,2", 0, 0) + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const Report report = CheckBytes(AsBytes(BuildFile(header)));
  EXPECT_EQ(report.verdict(), Verdict::kRejected);
  EXPECT_EQ(report.findings()[0].rule, Rule::kStShapeOverflow);
}

TEST(FastPathTest, OnlyAnEmptyName) {
  const Report report =
      CheckBytes(AsBytes(BuildFile("{" + TensorEntry("", "U8", "1", 0, 1) + "}", 1)));
  EXPECT_EQ(std::ranges::count(report.findings(), Rule::kStNameEmpty, &Finding::rule), 1);
}

// A file with only this tensor, whose data are zeros that take no memory.
Report CheckZeros(const std::string& entry, std::uint64_t size) {
  const std::string head = BuildFile("{" + entry + "}");
  CallbackSource source(
      head.size() + size,
      [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
        std::ranges::fill(into, std::byte{0});
        for (std::size_t i = 0; i < into.size() && offset + i < head.size(); ++i)
          into[i] = static_cast<std::byte>(head[static_cast<std::size_t>(offset) + i]);
        return into.size();
      });
  return Check(source);
}

// Plain shapes whose size fits no range, and one whose range fits no file.
TEST(FastPathTest, PlainShapesOfExabytes) {
  const auto rule = [](std::string_view dtype, std::string_view shape, std::uint64_t end) {
    const Report report =
        CheckBytes(AsBytes(BuildFile("{" + TensorEntry("a", dtype, shape, 0, end) + "}", 8)));
    EXPECT_EQ(report.verdict(), Verdict::kRejected);
    return report.findings()[0].rule;
  };
  EXPECT_EQ(rule("F64", "2147483647,2147483647,3", 8), Rule::kStShapeOverflow);
  EXPECT_EQ(rule("F64", "2147483647,2147483647", 8), Rule::kStShapeOverflow);
  EXPECT_EQ(rule("F16", "2147483647,536870911", 8), Rule::kStSizeMismatch);
  constexpr std::uint64_t kSize = std::uint64_t{2147483647} * 1073741823;
  EXPECT_EQ(rule("U8", "2147483647,1073741823", kSize), Rule::kStDataPastEnd);

  const Report report =
      CheckZeros(TensorEntry("a", "U8", "2147483647,1073741823", 0, kSize), kSize);
  EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  EXPECT_EQ(std::ranges::count(report.findings(), Rule::kStNumberAbove2Pow53, &Finding::rule), 1);
  EXPECT_EQ(std::ranges::count(report.findings(), Rule::kStDimensionLarge, &Finding::rule), 0);
}

TEST(FastPathTest, ADimensionThat31BitsDoNotHold) {
  for (const std::uint64_t size : {2147483647u, 2147483648u}) {
    const Report report = CheckZeros(TensorEntry("a", "U8", std::to_string(size), 0, size), size);
    EXPECT_EQ(report.verdict(), Verdict::kAccepted);
    EXPECT_EQ(std::ranges::count(report.findings(), Rule::kStDimensionLarge, &Finding::rule),
              size > 2147483647);
  }
}

TEST(FastPathTest, EveryTensorMisaligned) {
  for (const char* padding : {"", " ", "  ", "   "}) {
    const std::string file = BuildFile("{" + TensorEntry("a", "F32", "1", 0, 4) + "}" + padding, 4);
    const Report report = CheckBytes(AsBytes(file));
    EXPECT_EQ(std::ranges::count(report.findings(), Rule::kStTensorMisaligned, &Finding::rule),
              (file.size() - 4) % 4 != 0)
        << file.size();
  }
}

}  // namespace
}  // namespace tensorgate::safetensors
