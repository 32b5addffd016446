// Streams that are ended early: with the verdict and the reason of the whole file.
#include "lib/scan/early.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/containers/zip/reader.h"
#include "tensorgate/scan.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/formats/torch/build.h"

namespace tensorgate {
namespace {

using namespace std::string_view_literals;
using internal::EarlyReport;
using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;
namespace made = testing::torch;

std::string Content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

// Every single-file entry of the corpus, with the limits of its recipe.
template <typename Each>
int ForEachFile(const Each& each) {
  const boost::json::value manifest =
      boost::json::parse(Content(TENSORGATE_CORPUS_DIR "/manifest.json"));
  int files = 0;
  for (const boost::json::value& entry : manifest.at("entries").as_array()) {
    if (entry.as_object().contains("files") ||
        entry.at("size").to_number<std::uint64_t>() > 2'000'000) {
      continue;
    }
    CheckOptions options;
    for (const auto& limit : entry.at("limits").as_object()) {
      const auto* named =
          std::ranges::find(kLimits, std::string_view(limit.key()), &LimitInfo::name);
      options.limits.*named->member = limit.value().to_number<std::uint64_t>();
    }
    const std::string path(entry.at("path").as_string());
    each(path, Content(TENSORGATE_CORPUS_DIR "/" + path), options);
    ++files;
  }
  return files;
}

Report Whole(std::string_view file, const CheckOptions& options = {}) {
  MemorySource source(AsBytes(file));
  return Scan(source, {}, options);
}

struct Streamed {
  Report report;
  std::size_t taken = 0;  // bytes until it was certain
};

Streamed Stream(std::string_view file, std::size_t piece, const CheckOptions& options = {}) {
  StreamScan scan(options);
  std::size_t at = 0;
  for (bool open = true; open && at < file.size(); at += piece) {
    open = scan.Feed(AsBytes(file.substr(at, piece)));
  }
  return {scan.Finish(), std::min(at, file.size())};
}

void ExpectSame(const Report& stream, const Report& whole, const std::string& about) {
  EXPECT_EQ(stream.verdict(), whole.verdict()) << about;
  ASSERT_EQ(stream.findings().empty(), whole.findings().empty()) << about;
  if (whole.findings().empty()) return;
  EXPECT_EQ(stream.findings()[0].rule, whole.findings()[0].rule) << about;
  EXPECT_EQ(stream.findings()[0].offset, whole.findings()[0].offset) << about;
}

TEST(EarlyTest, EveryFileOfTheCorpusInPieces) {
  const int files =
      ForEachFile([](const std::string& path, std::string_view file, CheckOptions options) {
        for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
          options.profile = profile;
          const Report whole = Whole(file, options);
          for (const std::size_t piece : {1uz, 7uz, 4096uz}) {
            // One byte at a time is slow for a large file, and no different from seven.
            if (piece == 1 && file.size() > 50'000) continue;
            ExpectSame(Stream(file, piece, options).report, whole,
                       path + " by " + std::to_string(piece));
          }
        }
      });
  EXPECT_GT(files, 1000);
}

// What is certain after the beginning is the result for the whole file, wherever each file is
// truncated.
TEST(EarlyTest, AnEarlyReportAgreesWithTheWhole) {
  int certain = 0;
  ForEachFile([&](const std::string& path, std::string_view file, const CheckOptions& options) {
    const Report whole = Whole(file, options);
    const std::size_t step = std::max<std::size_t>(file.size() / 500, 1);
    for (std::size_t size = 1; size < file.size(); size += step) {
      MemorySource prefix(AsBytes(file.substr(0, size)));
      const auto early = EarlyReport(prefix, options);
      if (!early) continue;
      ++certain;
      EXPECT_EQ(early->size(), std::nullopt) << path;
      ExpectSame(*early, whole, path + " cut to " + std::to_string(size));
    }
  });
  EXPECT_GT(certain, 400);
}

TEST(EarlyTest, OneByteAfterTheDataIsEnough) {
  const std::string file = testing::SmallFile();
  const std::string without = BuildFile("{\"__metadata__\":{}}  ");
  for (const std::string& each : {file, without}) {
    for (const std::size_t piece : {1uz, 2uz, 7uz, each.size(), each.size() + 1, 5000uz}) {
      const auto [report, taken] = Stream(each + std::string(100'000, '\0'), piece);
      EXPECT_EQ(report.verdict(), Verdict::kRejected);
      ASSERT_EQ(report.findings().size(), 1u);
      EXPECT_EQ(report.findings()[0].rule, Rule::kStDataTrailing);
      EXPECT_EQ(report.findings()[0].offset, each.size());
      EXPECT_FALSE(report.findings()[0].has_found);
      EXPECT_EQ(Message(report, report.findings()[0]),
                "some bytes follow the end of the last tensor");
      EXPECT_LE(taken, each.size() + piece);
      EXPECT_EQ(report.size(), std::nullopt);
    }
    EXPECT_EQ(Stream(each, 1).report.verdict(), Verdict::kAccepted);
  }
}

// The limit and the end of the data: what comes first counts, however the stream is split.
TEST(EarlyTest, AfterTheDataAndAboveTheLimit) {
  const std::string file = testing::SmallFile();
  for (const auto& [limit, rule] :
       {std::pair(file.size() - 1, Rule::kLimitFileBytes), {file.size(), Rule::kStDataTrailing}}) {
    for (const std::size_t piece : {1uz, 50uz, 1000uz}) {
      const CheckOptions options{.limits = {.file_bytes = limit}};
      const Report report = Stream(file + std::string(500, 'x'), piece, options).report;
      EXPECT_EQ(report.findings()[0].rule, rule) << limit << ' ' << piece;
    }
  }
}

// Ends near 2^64 do not wrap to an end that was passed.
TEST(EarlyTest, DataThatEndNowhere) {
  constexpr std::uint64_t kSize = std::uint64_t{1} << 60;
  std::string header = "{";
  for (std::uint64_t i = 0; i < 15; ++i) {
    header +=
        TensorEntry(std::to_string(i), "U8", std::to_string(kSize), i * kSize, (i + 1) * kSize) +
        ",";
  }
  header += TensorEntry("z", "U8", std::to_string(kSize - 1), 15 * kSize, UINT64_MAX) + "}";
  const auto [report, taken] = Stream(BuildFile(header, 5000), 100);
  EXPECT_EQ(report.findings()[0].rule, Rule::kStDataPastEnd);
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(EarlyTest, APickleThatIsRefusedIsNotAwaited) {
  const std::string start = "\x80\x02](";
  const std::string filler = Repeated("K\1", 10'000'000);
  const struct {
    std::string file;
    Rule rule;
  } cases[] = {
      {start + "cos\nsystem\n" + filler, Rule::kPickleGlobalOutside},
      {start + "0" + filler, Rule::kPickleOpcodeOutside},
      {start + Repeated("K\1", 100'000) + "cos\nsystem\n" + filler, Rule::kPickleGlobalOutside},
      {"\x80\x04\x95" + filler, Rule::kPickleProtoVersion},
      {"\x80\x02N." + filler, Rule::kPickleTrailingBytes}};
  for (const auto& [file, rule] : cases) {
    for (const std::size_t piece : {1000uz, 65'536uz, 1uz << 20}) {
      const auto [report, taken] = Stream(file, piece);
      EXPECT_EQ(report.findings()[0].rule, rule);
      EXPECT_EQ(report.verdict(), Verdict::kRejected);
      EXPECT_LE(taken, (1u << 20) + piece) << Info(rule).id;
      EXPECT_EQ(report.size(), std::nullopt);
    }
  }
}

// The number of bytes after STOP is that of the bytes so far, so it is not reported. A text is a
// pickle of protocol 0 only if it is one up to its last byte, and the last byte of a beginning is
// not the file's.
TEST(EarlyTest, ATextThatIsAPickleSoFarIsAwaited) {
  std::string beginning = "(I12\n";
  for (int i = 0; i < 21'843; ++i) beginning += "I1\n";
  beginning += "l.";
  ASSERT_EQ(beginning.size(), 64u << 10);
  MemorySource prefix(AsBytes(beginning));
  EXPECT_EQ(EarlyReport(prefix, {}), std::nullopt);
  EXPECT_EQ(Whole(beginning).verdict(), Verdict::kRejected);
  const std::string text = beginning + " And so on.\n";
  EXPECT_EQ(Whole(text).verdict(), Verdict::kUnsupported);
  ExpectSame(Stream(text, 4096).report, Whole(text), "a text");
}

TEST(EarlyTest, NumbersThatCountToTheEndAreNotReported) {
  const Report report = Stream("\x80\x02N." + std::string(200'000, 'x'), 1000).report;
  ASSERT_EQ(report.findings()[0].rule, Rule::kPickleTrailingBytes);
  EXPECT_FALSE(report.findings()[0].has_found);
  const Report whole = Whole("\x80\x02N." + std::string(20, 'x'));
  EXPECT_EQ(whole.findings()[0].found, 20u);
}

TEST(EarlyTest, OfWhatCannotBeReadNothingIsCertain) {
  CallbackSource broken(
      9000, [](std::uint64_t, std::span<std::byte>) -> Result<std::size_t> { return 0; });
  EXPECT_FALSE(EarlyReport(broken, {}));
}

// A trusted call before that is reported, too, and changes nothing.
TEST(EarlyTest, ARefusalAfterATrustedCall) {
  CheckOptions trusting;
  trusting.trusted = *TrustList::Parse("m.f reduce()");
  const std::string file = "\x80\2cm\nf\n)Rcos\nsystem\n)R\x86.";
  MemorySource prefix(AsBytes(file));
  const auto early = EarlyReport(prefix, trusting);
  ASSERT_TRUE(early);
  EXPECT_EQ(early->findings()[0].rule, Rule::kUseTrustedCall);
  EXPECT_EQ(early->reason()->rule, Rule::kPickleGlobalOutside);
}

// Only in the strict profile: bytes that the reference ignores may follow.
TEST(EarlyTest, TheReferenceReadsToTheEnd) {
  MemorySource prefix(AsBytes("\x80\x02N.and more"sv));
  EXPECT_TRUE(EarlyReport(prefix, {}));
  EXPECT_FALSE(EarlyReport(prefix, {.profile = Profile::kReference}));
}

std::string LocalHeader(std::string_view name, std::string_view extra = {}) {
  return "PK\3\4" + made::Little(20, 2) + made::Little(0, 2) + made::Little(0, 2) +
         made::Little(0x0021'0000, 4) + made::Little(0, 12) + made::Little(name.size(), 2) +
         made::Little(extra.size(), 2) + std::string(name) + std::string(extra);
}

TEST(EarlyTest, FirstLocalHeaders) {
  const auto may = [](std::string_view head) { return zip::internal::MayBegin(AsBytes(head)); };
  const std::string good = LocalHeader("m/data.pkl");
  for (std::size_t size = 0; size <= good.size(); ++size) {
    EXPECT_TRUE(may(std::string_view(good).substr(0, size))) << size;
  }
  const auto with = [&](std::size_t at, std::uint64_t value) {
    return std::string(good).replace(at, 2, made::Little(value, 2));
  };
  EXPECT_TRUE(may(with(6, 0x0808)));
  EXPECT_TRUE(may(with(4, 45)));
  EXPECT_TRUE(may(LocalHeader("m/data.pkl", "FB" + made::Little(3, 2) + "ZZZ")));
  const std::string zip64 = made::Little(1, 2) + made::Little(16, 2) + std::string(16, '\0');
  EXPECT_TRUE(may(LocalHeader("m/data.pkl", zip64)));
  EXPECT_FALSE(may(with(0, 0x4141)));
  EXPECT_FALSE(may(with(4, 46)));
  EXPECT_FALSE(may(with(6, 1)));
  EXPECT_FALSE(may(with(8, 8)));
  for (const std::string_view name :
       {""sv, "../x"sv, "/x"sv, "a\\b"sv, "a\0b"sv, "a:b"sv, "a/\xFF"sv}) {
    EXPECT_FALSE(may(LocalHeader(name))) << name;
  }
  EXPECT_FALSE(may(LocalHeader("m/x", "FB" + made::Little(3, 2) + "ZZY")));
  EXPECT_FALSE(may(LocalHeader("m/x", "UT" + made::Little(0, 2))));
  EXPECT_FALSE(may(LocalHeader("m/x", "FB" + made::Little(9, 2))));
}

TEST(EarlyTest, AnArchiveThatIsNotAcceptedIsNotAwaited) {
  const std::string good = LocalHeader("m/data.pkl");
  const std::string bad = std::string(good).replace(8, 2, made::Little(8, 2));
  const std::string more(8 << 20, '\0');
  const auto [report, taken] = Stream(bad + more, 1000);
  EXPECT_EQ(report.verdict(), Verdict::kUnsupported);
  EXPECT_EQ(report.file_class(), FileClass::kModel);
  EXPECT_EQ(report.findings()[0].rule, Rule::kScanUnsupported);
  EXPECT_LE(taken, (1u << 20) + 1000);
  EXPECT_EQ(Stream(good + more, 1000).taken, good.size() + more.size());
}

TEST(SpoolTest, HasALimitOfItsOwn) {
  EXPECT_EQ(Limits().spool_bytes, 1u << 30);
  const std::string zip = LocalHeader("m/data.pkl") + std::string(5000, '\0');
  for (const std::size_t piece : {1uz, 999uz, 10'000uz}) {
    CheckOptions options{.limits = {.spool_bytes = zip.size()}};
    EXPECT_NE(Stream(zip, piece, options).report.verdict(), Verdict::kUndecided);
    --options.limits.spool_bytes;
    const auto [report, taken] = Stream(zip, piece, options);
    EXPECT_EQ(report.verdict(), Verdict::kUndecided);
    EXPECT_EQ(report.findings()[0].rule, Rule::kLimitSpoolBytes);
    EXPECT_EQ(report.findings()[0].allowed, zip.size() - 1);
    EXPECT_NE(Info(Rule::kLimitSpoolBytes).fix.find("--limit-spool-bytes"), std::string_view::npos);
    // The smaller limit applies.
    options.limits.file_bytes = 100;
    EXPECT_EQ(Stream(zip, piece, options).report.findings()[0].rule, Rule::kLimitFileBytes);
  }
  // Files that are judged as they arrive are not spooled.
  CheckOptions none{.limits = {.spool_bytes = 0}};
  EXPECT_EQ(Stream(testing::SmallFile(), 10, none).report.verdict(), Verdict::kAccepted);
  EXPECT_EQ(Stream(std::string(9000, 'x'), 10, none).report.verdict(), Verdict::kUnsupported);
}

}  // namespace
}  // namespace tensorgate
