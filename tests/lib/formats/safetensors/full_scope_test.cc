// Booleans that are neither 0 nor 1: found by every entry point with scope `full`, whatever the
// chunks, and by no other.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"
#include "tests/lib/formats/safetensors/build.h"

namespace tensorgate::safetensors {
namespace {

using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;

const CheckOptions kFull{.scope = Scope::kFull};

// BOOL tensors of 3, 0 and 5 bytes with others between them, listed out of order. `data`: 12 bytes.
std::string FileOf(std::string_view data) {
  std::string file = BuildFile(
      "{" + TensorEntry("last", "BOOL", "5", 7, 12) + "," + TensorEntry("bytes", "U8", "2", 0, 2) +
      "," + TensorEntry("first", "BOOL", "3", 2, 5) + "," + TensorEntry("none", "BOOL", "0", 5, 5) +
      "," + TensorEntry("more", "I8", "2", 5, 7) + "}");
  return file.append(data);
}
constexpr std::size_t kData = 12;

struct Reported {
  std::uint64_t count = 0, offset = 0;
  std::string tensor, value;

  bool operator==(const Reported&) const = default;
};

Reported ReportedBy(const Report& report) {
  const auto found = std::ranges::find(report.findings(), Rule::kTensorBoolValue, &Finding::rule);
  if (found == report.findings().end()) return {};
  return {found->found, found->offset, std::string(report.Subject(*found)),
          std::string(report.FoundText(*found))};
}

Report Stream(std::string_view file, std::size_t chunk, const CheckOptions& options) {
  StreamCheck stream(options);
  for (; !file.empty(); file.remove_prefix(std::min(chunk, file.size()))) {
    if (!stream.Feed(AsBytes(file.substr(0, chunk)))) break;
  }
  return stream.Finish();
}

Report Scanned(std::string_view file, const CheckOptions& options) {
  StreamScan scan(options);
  scan.Feed(AsBytes(file));
  return scan.Finish();
}

Report Called(std::string_view file, const CheckOptions& options) {
  CallbackSource source(file.size(), [&](std::uint64_t offset, std::span<std::byte> into) {
    const auto rest = AsBytes(file).subspan(static_cast<std::size_t>(offset));
    return Result<std::size_t>(
        tensorgate::internal::CopyBytes(rest.first(std::min<std::size_t>(rest.size(), 3)), into));
  });
  return Check(source, options);
}

void ExpectReported(const std::string& file, const Reported& expected) {
  const std::vector<std::function<Report()>> doors = {
      [&] { return CheckBytes(AsBytes(file), kFull); },
      [&] { return File::OpenBytes(AsBytes(file), kFull)->report(); },
      [&] { return Called(file, kFull); },
      [&] { return Scanned(file, kFull); },
      [&] { return Stream(file, 1, kFull); },
      [&] { return Stream(file, 7, kFull); },
      [&] { return Stream(file, file.size() - 6, kFull); },
      [&] { return Stream(file, file.size(), kFull); }};
  for (std::size_t i = 0; i < doors.size(); ++i) {
    const Report report = doors[i]();
    EXPECT_EQ(report.verdict(), Verdict::kAccepted) << i;
    EXPECT_EQ(report.scope(), Scope::kFull) << i;
    EXPECT_EQ(ReportedBy(report), expected) << i;
  }
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    const CheckOptions other{
        .profile = profile,
        .scope = profile == Profile::kStrict ? Scope::kStructure : Scope::kFull};
    for (const Report& report : {CheckBytes(AsBytes(file), other), Stream(file, 7, other)}) {
      EXPECT_EQ(report.scope(), Scope::kStructure);
      EXPECT_EQ(ReportedBy(report), Reported());
    }
  }
}

TEST(FullScopeTest, EveryByteOfEveryTensor) {
  const std::string plain(kData, '\1');
  ExpectReported(FileOf(plain), {});
  const std::uint64_t data = FileOf("").size();
  for (std::size_t at = 0; at < kData; ++at) {
    std::string bytes = plain;
    bytes[at] = '\x80';
    const bool first = at >= 2 && at < 5, last = at >= 7;
    ExpectReported(FileOf(bytes), first || last
                                      ? Reported{1, data + at, first ? "first" : "last", "0x80"}
                                      : Reported());
  }
  ExpectReported(FileOf(std::string(kData, '\2')), {8, data + 2, "first", "0x02"});
}

TEST(FullScopeTest, NoBooleansNothingRead) {
  const std::string file = BuildFile("{" + TensorEntry("a", "U8", "3", 0, 3) + "," +
                                     TensorEntry("b", "BOOL", "0", 3, 3) + "}") +
                           "\2\2\2";
  for (const Report& report : {CheckBytes(AsBytes(file), kFull), Stream(file, 5, kFull)}) {
    EXPECT_EQ(report.verdict(), Verdict::kAccepted);
    EXPECT_EQ(report.scope(), Scope::kStructure);
  }
  EXPECT_EQ(CheckBytes(AsBytes(file), kFull).bytes_read(), CheckBytes(AsBytes(file)).bytes_read());
  EXPECT_EQ(CheckBytes(AsBytes(FileOf(std::string(kData, '\1'))), kFull).bytes_read(),
            CheckBytes(AsBytes(FileOf(std::string(kData, '\1')))).bytes_read() + 8);
}

// A file that is refused, truncated or stops early is not read further.
TEST(FullScopeTest, OnlyWhereNothingElseSpeaksAgainstTheFile) {
  const std::string file = FileOf(std::string(kData, '\2'));
  const std::string longer = file + "x", cut = file.substr(0, file.size() - 1);
  for (const std::string& each : {longer, cut}) {
    for (const Report& report : {CheckBytes(AsBytes(each), kFull), Stream(each, 5, kFull)}) {
      EXPECT_EQ(report.verdict(), Verdict::kRejected);
      EXPECT_EQ(report.scope(), Scope::kStructure);
      EXPECT_EQ(ReportedBy(report), Reported());
    }
  }
  StreamCheck broken(kFull);
  broken.Feed(AsBytes(file));
  EXPECT_EQ(broken.Finish(false).verdict(), Verdict::kUndecided);
}

// Ends past any file must not wrap while a stream's size is unknown.
TEST(FullScopeTest, TensorsThatEndAfterEveryFile) {
  constexpr std::string_view kHalf = "9223372036854775807", kEnd = "18446744073709551614";
  const auto entry = [](std::string_view name, std::string_view size, std::string_view begin,
                        std::string_view end) {
    return "\"" + std::string(name) + "\":{\"dtype\":\"BOOL\",\"shape\":[" + std::string(size) +
           "],\"data_offsets\":[" + std::string(begin) + "," + std::string(end) + "]}";
  };
  for (const bool two : {false, true}) {
    const std::string file =
        BuildFile("{" + entry("a", "2305843009213693951", "0", "2305843009213693951") +
                  (two ? "," + entry("b", kHalf, kHalf, kEnd) : "") + "}") +
        "\2\2";
    const Report report = Stream(file.substr(0, 8), 8, kFull);
    StreamCheck stream(kFull);
    stream.Feed(AsBytes(file));
    EXPECT_EQ(stream.Finish().verdict(), Verdict::kRejected);
    EXPECT_EQ(report.verdict(), Verdict::kRejected);
  }
}

TEST(FullScopeTest, ASourceThatFailsWhereTheDataAre) {
  const std::string file = FileOf(std::string(kData, '\2'));
  const std::uint64_t data = FileOf("").size();
  // Head and tail of the data were already read, to look for signatures of other formats.
  std::size_t reads = 0;
  CallbackSource source(file.size(), [&](std::uint64_t offset, std::span<std::byte> into) {
    if (offset >= data && ++reads > 2) {
      return Result<std::size_t>(std::unexpected(Status{.rule = Rule::kIoReadFailed}));
    }
    const auto rest = AsBytes(file).subspan(static_cast<std::size_t>(offset));
    return Result<std::size_t>(tensorgate::internal::CopyBytes(rest, into));
  });
  const Report report = Check(source, kFull);
  EXPECT_EQ(report.verdict(), Verdict::kUndecided);
  EXPECT_EQ(report.findings()[0].rule, Rule::kIoReadFailed);
  EXPECT_GT(reads, 2u);
}

class ChangingSource final : public Source {
 public:
  explicit ChangingSource(std::string_view file) : memory_(AsBytes(file)) {}
  std::uint64_t size() const override { return memory_.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    return memory_.Read(offset, into);
  }
  Result<void> CheckUnchanged() override {
    if (asked_++ == 0) return {};
    return std::unexpected(Status{.rule = Rule::kIoChanged});
  }

 private:
  MemorySource memory_;
  int asked_ = 0;
};

TEST(FullScopeTest, ASourceThatChangesWhileTheDataAreRead) {
  const std::string file = FileOf(std::string(kData, '\1'));
  ChangingSource source(file);
  const Report report = Check(source, kFull);
  EXPECT_EQ(report.verdict(), Verdict::kUndecided);
  EXPECT_EQ(report.findings()[0].rule, Rule::kIoChanged);
}

}  // namespace
}  // namespace tensorgate::safetensors
