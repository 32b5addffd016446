// Paths that ordinary files do not take: large headers in a stream, chunks larger than what is
// kept, names that lead outside a folder, moves and iterators of the interface.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/names.h"
#include "tensorgate/safetensors.h"
#include "tests/lib/formats/safetensors/build.h"

namespace tensorgate::safetensors {
namespace {

using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;

Report Stream(std::string_view file, std::size_t chunk) {
  StreamCheck check;
  while (!file.empty() && check.Feed(AsBytes(file.substr(0, chunk)))) {
    file.remove_prefix(std::min(chunk, file.size()));
  }
  return check.Finish();
}

void ExpectSame(const Report& stream, const Report& whole) {
  EXPECT_EQ(stream.verdict(), whole.verdict());
  ASSERT_EQ(stream.findings().size(), whole.findings().size());
  for (std::size_t i = 0; i < whole.findings().size(); ++i) {
    EXPECT_EQ(stream.findings()[i].rule, whole.findings()[i].rule);
    EXPECT_EQ(stream.findings()[i].offset, whole.findings()[i].offset);
  }
}

// The header's memory grows with the bytes that arrive; its beginning must not change.
TEST(RarePathsTest, AHeaderOfMegabytesInAStream) {
  const std::string value(3 << 20, 'x');
  const std::string good = BuildFile(
      R"({"__metadata__":{"k":")" + value + "\"}," + TensorEntry("a", "U8", "9", 0, 9) + "}", 9);
  std::string bad = good;
  bad[good.size() - 10] = ',';  // in place of the last brace
  for (const std::size_t chunk : {100uz, 700'001uz, (1uz << 20) + 8, 5uz << 20}) {
    EXPECT_EQ(Stream(good, chunk).verdict(), Verdict::kAccepted) << chunk;
    ExpectSame(Stream(good, chunk), CheckBytes(AsBytes(good)));
    EXPECT_EQ(Stream(bad, chunk).verdict(), Verdict::kRejected) << chunk;
    ExpectSame(Stream(bad, chunk), CheckBytes(AsBytes(bad)));
  }
}

// A length that no header can have: the beginning of the stream is looked at before it is refused.
TEST(RarePathsTest, AStreamWhoseLengthIsRefused) {
  for (const std::string& file :
       {std::string(100, '\xFF'), std::string(20, '\xFF'), "PK\3\4abcd" + std::string(100, 'x'),
        "version https://git-lfs.github.com/spec/v1\n" + std::string(100, 'x')}) {
    for (const std::size_t chunk : {1uz, 8uz, 63uz, 64uz, 100uz, 1000uz})
      ExpectSame(Stream(file, chunk), CheckBytes(AsBytes(file)));
  }
  StreamCheck check;
  EXPECT_TRUE(check.Feed(AsBytes(std::string(63, '\xFF'))));
  EXPECT_FALSE(check.Feed(AsBytes("\xFF")));
}

TEST(RarePathsTest, AStreamAtTheLimitOfBytes) {
  const std::string file = testing::SmallFile();
  for (const std::size_t chunk : {1uz, 1000uz}) {
    for (const auto& [limit, verdict] : {std::pair(file.size(), Verdict::kAccepted),
                                         std::pair(file.size() - 1, Verdict::kUndecided)}) {
      StreamCheck check({.limits = {.file_bytes = limit}});
      for (std::size_t at = 0; at < file.size(); at += chunk)
        (void)check.Feed(AsBytes(std::string_view(file).substr(at, chunk)));
      EXPECT_EQ(check.Finish().verdict(), verdict) << chunk;
    }
  }
}

// The data that are kept to look for signatures of other formats, whatever the chunks.
TEST(RarePathsTest, MarksInTheDataOfAStream) {
  std::string record = "PK\5\6";
  record.resize(22);
  for (const std::size_t size : {22uz, 64uz, 1023uz, 1024uz, 1025uz, 5000uz}) {
    std::string file = BuildFile("{" + TensorEntry("a", "U8", std::to_string(size), 0, size) + "}",
                                 size - record.size());
    file += record;
    if (size >= 64) file.replace(file.size() - size, 4, "GGUF");
    const Report whole = CheckBytes(AsBytes(file));
    const auto marks = std::ranges::count(whole.findings(), Rule::kStForeignMagic, &Finding::rule);
    EXPECT_EQ(marks, 1) << size;  // at the start of the data
    EXPECT_TRUE(std::ranges::any_of(whole.findings(), [&](const Finding& finding) {
      return finding.rule == Rule::kScanZipMark && finding.offset == file.size() - 22;
    })) << size;
    for (const std::size_t chunk : {1uz, 7uz, 8uz, 63uz, 1023uz, 1024uz, 1025uz, 3000uz, 9000uz}) {
      SCOPED_TRACE(std::to_string(size) + " in chunks of " + std::to_string(chunk));
      ExpectSame(Stream(file, chunk), whole);
    }
  }
}

bool Warns(const std::string& name, Rule rule) {
  const std::string file = BuildFile("{" + TensorEntry(name, "U8", "1", 0, 1) + "}", 1);
  const Report report = CheckBytes(AsBytes(file));
  EXPECT_EQ(report.verdict(), Verdict::kAccepted) << name;
  return std::ranges::count(report.findings(), rule, &Finding::rule) != 0;
}

TEST(RarePathsTest, NamesThatLeadOutOfAFolder) {
  for (const char* name : {"/a", R"(\\a)", "..", "../a", "a/..", "a/../b", R"(a\\..)",
                           R"(a\\..\\b)", R"(..\\a)", "a..b/.."}) {
    EXPECT_TRUE(Warns(name, Rule::kStNamePath)) << name;
  }
  for (const char* name : {"a", "a/b", "a..b", "..a", "a..", "a/..b", "a../b", ".", "a/.", "..."}) {
    EXPECT_FALSE(Warns(name, Rule::kStNamePath)) << name;
  }
}

TEST(RarePathsTest, NamesThatDeceive) {
  for (const char* name : {"\x7f", "a\xC2\x80", "\xE2\x80\xAE", R"(\n)", R"(a\u0000)"}) {
    EXPECT_TRUE(Warns(name, Rule::kStNameControl)) << name;
  }
  for (const char* name : {"", "a~", "\xC2\xA1", "\xE6\xA8\xA1", R"(\u0020)"}) {
    EXPECT_FALSE(Warns(name, Rule::kStNameControl)) << name;
  }
}

TEST(RarePathsTest, LengthsOfNamesAtTheBoundary) {
  EXPECT_FALSE(Warns(std::string(256, 'a'), Rule::kStNameLong));
  EXPECT_TRUE(Warns(std::string(257, 'a'), Rule::kStNameLong));
}

// What stopped the parse, its offset, and the number that is reported. '#' marks the offset in the
// header.
TEST(RarePathsTest, PlacesAndNumbersOfWhatStopsTheParse) {
  const struct {
    std::string_view marked;
    Rule rule;
    std::uint64_t found;
  } cases[] = {
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[#]}})", Rule::kStOffsetsCount, 0},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0#]}})", Rule::kStOffsetsCount, 1},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,#2]}})", Rule::kStOffsetsCount, 3},
      {R"({"a":[#]})", Rule::kStTensorItems, 0},
      {R"({"a":["U8"#]})", Rule::kStTensorItems, 1},
      {R"({"a":["U8",[1]#]})", Rule::kStTensorItems, 2},
      {R"({"a":["U8",[1],[0,1],#4]})", Rule::kStTensorItems, 4},
      {R"({"a":{"dtype":"U8","shape":[#[1]],"data_offsets":[0,1]}})", Rule::kStDimensionNotInteger,
       0},
      {R"({"a":{"dtype":#"U9","shape":[1],"data_offsets":[0,1]}})", Rule::kStDtypeUnknown, 0},
      {R"({"a":{"dtype":#7,"shape":[1],"data_offsets":[0,1]}})", Rule::kStFieldType, 0},
      {R"(#[1])", Rule::kStRootNotObject, 0},
  };
  for (const auto& each : cases) {
    const std::size_t place = each.marked.find('#');
    std::string header(each.marked);
    header.erase(place, 1);
    const Report report = CheckBytes(AsBytes(BuildFile(header, 1)));
    ASSERT_FALSE(report.findings().empty()) << header;
    EXPECT_EQ(report.findings()[0].rule, each.rule) << header;
    EXPECT_EQ(report.findings()[0].offset, 8 + place) << header;
    EXPECT_EQ(report.findings()[0].found, each.found) << header;
  }
}

TEST(RarePathsTest, TheFieldThatIsMissingIsNamed) {
  for (const auto& [fields, missing] : {std::pair{R"("shape":[],"data_offsets":[0,1])", "dtype"},
                                        {R"("dtype":"U8","data_offsets":[0,1])", "shape"},
                                        {R"("dtype":"U8","shape":[])", "data_offsets"}}) {
    const Report report =
        CheckBytes(AsBytes(BuildFile(R"({"a":{)" + std::string(fields) + "}}", 1)));
    EXPECT_EQ(report.findings()[0].rule, Rule::kStFieldMissing);
    EXPECT_EQ(report.FoundText(report.findings()[0]), missing);
  }
}

// The length of a header may look like the signature of another format; that format is named if the
// header is invalid.
TEST(RarePathsTest, AForeignMarkIsNamedIfTheHeaderFails) {
  std::string header = "[";
  header.resize(0x088B1F, ' ');  // the first bytes of gzip data
  const auto marks = [&] {
    const Report report = CheckBytes(AsBytes(BuildFile(header)));
    return std::ranges::count(report.findings(), Rule::kStForeignFormat, &Finding::rule);
  };
  EXPECT_EQ(marks(), 1);
  header.pop_back();
  EXPECT_EQ(marks(), 0);
}

// The reference uses only the last of equal names, for each name.
TEST(RarePathsTest, TheReferenceCountsTheLastOfEqualNames) {
  const auto check = [](std::string_view first, std::string_view second, std::string_view third) {
    std::string header = "{";
    for (const std::string_view shape : {first, second, third})
      header += TensorEntry("a", "U8", shape, 0, 1) + ",";
    header += TensorEntry("b", "U8", "9", 1, 2) + "," + TensorEntry("b", "U8", "1", 1, 2) + "}";
    return CheckBytes(AsBytes(BuildFile(header, 2)), {.profile = Profile::kReference}).verdict();
  };
  EXPECT_EQ(check("1", "1", "1"), Verdict::kAccepted);
  EXPECT_EQ(check("9", "9", "1"), Verdict::kAccepted);
  EXPECT_EQ(check("1", "1", "9"), Verdict::kRejected);
}

// For equal names the reference reads the last; the ranges of the others may be anywhere. Names
// with chosen hashes are compared one by one, with the same result.
TEST(RarePathsTest, NamesOfChosenHashes) {
  std::vector<std::string> names;
  for (int i = 0; names.size() < 200; ++i) {
    std::string name = "n" + std::to_string(i);
    if (tensorgate::internal::HashName(name) % 512 == 0) names.push_back(std::move(name));
  }
  const auto report_of = [&](std::initializer_list<const char*> more) {
    std::vector<std::string> all = names;
    all.insert(all.end(), more.begin(), more.end());
    std::string header = "{";
    for (std::size_t i = 0; i < all.size(); ++i) {
      header += (i == 0 ? "" : ",") + TensorEntry(all[i], "U8", "1", i, i + 1);
    }
    return CheckBytes(AsBytes(BuildFile(header + "}", all.size())));
  };
  EXPECT_EQ(report_of({}).verdict(), Verdict::kAccepted);
  const auto collides = [](const Report& report) {
    return std::ranges::count(report.findings(), Rule::kNameCollision, &Finding::rule) != 0;
  };
  EXPECT_FALSE(collides(report_of({"x", "Same", "sNAME"})));
  EXPECT_TRUE(collides(report_of({"x", "Same", "sAME"})));
  const Report twice = report_of({"x", "y", "x"});
  EXPECT_EQ(twice.verdict(), Verdict::kRejected);
  EXPECT_EQ(twice.findings()[0].rule, Rule::kStNameDuplicate);
  EXPECT_EQ(twice.Subject(twice.findings()[0]), "x");
}

TEST(RarePathsTest, AnEmptyTensorThatTheReferenceDoesNotRead) {
  const auto notes = [](const std::string& lost) {
    const Report report =
        CheckBytes(AsBytes(BuildFile("{" + lost + "," + TensorEntry("a", "U8", "1", 0, 1) + "," +
                                         TensorEntry("b", "U8", "6", 1, 7) + "," +
                                         TensorEntry("c", "U8", "1", 7, 8) + "}",
                                     8)),
                   {.profile = Profile::kReference});
    EXPECT_EQ(report.verdict(), Verdict::kAccepted);
    return std::ranges::count(report.findings(), Rule::kStEmptySharedBegin, &Finding::rule);
  };
  EXPECT_EQ(notes(TensorEntry("a", "U8", "0", 5, 5)), 0);
  EXPECT_EQ(notes(TensorEntry("a", "U8", "0", 9, 9)), 0);
  EXPECT_EQ(notes(TensorEntry("a", "U8", "0", 7, 7)), 1);
  EXPECT_EQ(notes(TensorEntry("a", "U8", "0", 7, 9)), 1);
}

// 512 MiB or 2 s in the reference cause no warning yet.
TEST(RarePathsTest, AtTheBoundsOfWhatTheReferencePays) {
  const auto reported = [](const std::string& header) {
    const Report report = CheckBytes(AsBytes(header));
    EXPECT_EQ(report.verdict(), Verdict::kAccepted);
    return std::ranges::count(report.findings(), Rule::kStReferenceCost, &Finding::rule);
  };
  for (const std::uint64_t mib : {512, 513}) {
    constexpr std::uint64_t kTensorOf64 = 960 + 64 * 43;
    std::string shape = "0", tensors;
    for (int i = 1; i < 64; ++i) shape += ",1";
    for (std::uint64_t left = (mib << 20) / kTensorOf64 + 1; left > 0; --left)
      tensors +=
          (tensors.empty() ? "{" : ",") + TensorEntry(std::to_string(left), "U8", shape, 0, 0);
    EXPECT_EQ(reported(BuildFile(tensors + "}")), mib > 512) << mib;
  }
  for (const int entries : {1'250'000, 1'250'001}) {  // of 1.6 us each
    std::string metadata = R"("":"")";
    for (int i = 1; i < entries; ++i)
      metadata.append(",\"").append(std::to_string(i)).append(R"(":"")");
    EXPECT_EQ(reported(BuildFile(R"({"__metadata__":{)" + metadata + "}}")), entries > 1'250'000);
  }
}

// A key of the maximum length, when there are too many keys.
TEST(RarePathsTest, OfTwoLimitsThatWhichIsHit) {
  const std::string file = BuildFile(R"({"__metadata__":{"aa":"","bb":""}})");
  const Report report =
      CheckBytes(AsBytes(file), {.limits = {.metadata_entries = 1, .name_bytes = 2}});
  EXPECT_EQ(report.findings()[0].rule, Rule::kLimitMetadataEntries);
}

TEST(RarePathsTest, AHugeExponentOfAnUnknownField) {
  const auto check = [](const std::string& number) {
    return CheckBytes(AsBytes(BuildFile(R"({"a":{"dtype":"U8","shape":[1],"x":)" + number +
                                            R"(,"data_offsets":[0,1]}})",
                                        1)),
                      {.profile = Profile::kReference})
        .verdict();
  };
  const std::string digits(40, '9');
  EXPECT_EQ(check("0e" + digits), Verdict::kAccepted);
  EXPECT_EQ(check("1e-" + digits), Verdict::kAccepted);
  EXPECT_EQ(check("1e" + digits), Verdict::kRejected);
  EXPECT_EQ(check("[0e" + digits + ",-1e" + digits + "]"), Verdict::kRejected);
}

TEST(RarePathsTest, OpensAPath) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / "tensorgate-rare-paths.safetensors";
  const std::string file = testing::SmallFile();
  std::ofstream(path, std::ios::binary) << file;
  auto opened = File::OpenPath(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->file_size(), file.size());
  const auto missing = File::OpenPath(path);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().findings()[0].rule, Rule::kIoOpenFailed);
}

TEST(RarePathsTest, IteratorsAndMoves) {
  auto opened = File::OpenBytes(AsBytes(testing::SmallFile()));
  auto other = File::OpenBytes(AsBytes(BuildFile("{}")));
  ASSERT_TRUE(opened && other);
  EXPECT_TRUE(other->tensors().empty());
  *other = std::move(*opened);
  EXPECT_FALSE(other->tensors().empty());
  auto tensor = other->tensors().begin();
  EXPECT_EQ((*tensor++).name(), "a");
  EXPECT_EQ((*tensor).name(), "b\xC3\xA9");
  EXPECT_FALSE((*tensor).shape().empty());
  auto dimension = (*tensor).shape().begin();
  EXPECT_EQ(*dimension++, 3u);
  EXPECT_EQ(*dimension, 2u);
  EXPECT_TRUE((*++tensor).shape().empty());

  StreamCheck check;
  StreamCheck started;
  EXPECT_TRUE(started.Feed(AsBytes(testing::SmallFile())));
  check = std::move(started);
  StreamCheck moved(std::move(check));
  EXPECT_EQ(moved.Finish().verdict(), Verdict::kAccepted);
}

}  // namespace
}  // namespace tensorgate::safetensors
