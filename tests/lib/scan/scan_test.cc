// Format detection by content; streams and malicious sources. tests/cli/scan_test.py has examples
// of formats.
#include "tensorgate/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/scan/detect.h"
#include "tensorgate/render.h"

namespace tensorgate {
namespace {

using namespace std::string_view_literals;

std::string Safetensors(std::string header, std::size_t data = 0) {
  std::string file;
  const std::uint64_t length = header.size();
  for (int i = 0; i < 8; ++i) file += static_cast<char>(length >> (8 * i) & 0xFF);
  return file + header + std::string(data, '\0');
}

const std::string kGood =
    Safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
const std::string kBad =
    Safetensors(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8);

Report ScanText(std::string_view text, std::string_view name, const CheckOptions& options = {}) {
  MemorySource source(internal::AsBytes(text));
  return Scan(source, name, options);
}

Report Stream(std::string_view text, std::size_t chunk, bool at_end = true,
              const CheckOptions& options = {}, std::string name = {}) {
  StreamScan scan(options, std::move(name));
  while (!text.empty() && scan.Feed(internal::AsBytes(text.substr(0, chunk)))) {
    text.remove_prefix(std::min(chunk, text.size()));
  }
  return scan.Finish(at_end);
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Scan, SuffixSaysHowTheUnknownIsRefused) {
  EXPECT_EQ(ScanText("1234567", "a.safetensors").verdict(), Verdict::kRejected);
  EXPECT_EQ(ScanText("1234567", "a.SafeTensors").verdict(), Verdict::kRejected);
  EXPECT_EQ(ScanText("1234567", "a.txt").file_class(), FileClass::kOther);
  EXPECT_EQ(ScanText("1234567", "a.bin").verdict(), Verdict::kRejected);
  EXPECT_EQ(ScanText("\xF0\xF1", "a.bin").file_class(), FileClass::kModel);
  EXPECT_EQ(ScanText("1234567", "").file_class(), FileClass::kOther);
  EXPECT_EQ(ScanText("\xF0\xF1\xF2"sv, "").file_class(), FileClass::kModel);
}

TEST(Scan, SafetensorsUnderAnyName) {
  for (const char* name : {"", "x", "x.pkl", "x.txt", "x.safetensors"}) {
    EXPECT_EQ(ScanText(kGood, name).verdict(), Verdict::kAccepted) << name;
    EXPECT_EQ(ScanText(kBad, name).verdict(), Verdict::kRejected) << name;
    EXPECT_EQ(ScanText(kBad, name).format(), "safetensors") << name;
  }
}

TEST(Scan, WhiteSpaceBeforeTheBrace) {
  const std::string file = Safetensors(std::string(5000, ' ') + "{}");
  CheckOptions reference{.profile = Profile::kReference};
  EXPECT_EQ(ScanText(file, "x", reference).verdict(), Verdict::kAccepted);
  EXPECT_EQ(ScanText(file, "x").verdict(), Verdict::kRejected);
}

TEST(Scan, AcceptedWhateverItsLengthLooksLike) {
  // 80 02: a pickle of protocol 2. 1F 8B: gzip. 4D 5A: an executable. 78 9C: zlib.
  for (const std::size_t length : {0x0280uz, 0x8B1Fuz, 0x5A4Duz, 0x9C78uz}) {
    std::string header = R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})";
    header.resize(length, ' ');
    EXPECT_EQ(ScanText(Safetensors(header), "x").verdict(), Verdict::kAccepted) << length;
    header[0] = '[';
    EXPECT_NE(ScanText(Safetensors(header), "x").format(), "safetensors") << length;
  }
}

TEST(Scan, ForeignSignatureIsNamedIfTheProofFails) {
  std::string header = "{not JSON";
  header.resize(0x0280, ' ');
  EXPECT_EQ(ScanText(Safetensors(header), "x").format(), "pickle");
  EXPECT_EQ(ScanText(Safetensors(header), "x.safetensors").format(), "safetensors");
}

TEST(Scan, ReadsLittle) {
  int reads = 0;
  std::uint64_t bytes = 0;
  CallbackSource source(
      kGood.size(), [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
        ++reads;
        MemorySource memory(internal::AsBytes(kGood));
        const Result<std::size_t> count = memory.Read(offset, into);
        bytes += *count;
        return count;
      });
  EXPECT_EQ(Scan(source, "x").verdict(), Verdict::kAccepted);
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(bytes, kGood.size());
}

TEST(Scan, FailingSources) {
  CallbackSource fails(100, [](std::uint64_t offset, std::span<std::byte>) -> Result<std::size_t> {
    return std::unexpected(
        Status{.rule = Rule::kIoReadFailed, .system_error = 5, .offset = offset});
  });
  CallbackSource ends(100,
                      [](std::uint64_t, std::span<std::byte>) -> Result<std::size_t> { return 0; });
  CallbackSource lies(100, [](std::uint64_t, std::span<std::byte> into) -> Result<std::size_t> {
    return into.size() + 1;
  });
  for (const char* name : {"x", "x.safetensors"}) {
    EXPECT_EQ(Scan(fails, name).findings()[0].rule, Rule::kIoReadFailed);
    EXPECT_EQ(Scan(ends, name).findings()[0].rule, Rule::kIoShortRead);
    EXPECT_EQ(Scan(lies, name).verdict(), Verdict::kUndecided);
  }
  EXPECT_EQ(ScanPath("/nonexistent/file").findings()[0].rule, Rule::kIoOpenFailed);
  EXPECT_EQ(ScanPath("/").findings()[0].rule, Rule::kIoNotRegular);
}

TEST(Scan, WhatFailsAfterTheHead) {
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[9000],"data_offsets":[0,9000]}})" + std::string(5000, ' ');
  const std::string file = Safetensors(header, 9000);
  int left = 1;
  MemorySource memory(internal::AsBytes(file));
  CallbackSource source(
      file.size(), [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
        if (left-- == 0) return std::unexpected(Status{.rule = Rule::kIoReadFailed});
        return memory.Read(offset, into);
      });
  const Report report = Scan(source, "x");
  EXPECT_EQ(report.findings()[0].rule, Rule::kIoReadFailed);
  EXPECT_EQ(report.format(), "safetensors");
}

TEST(Scan, WhatChangesIsUndecidedWhateverItIs) {
  class Changing : public Source {
   public:
    explicit Changing(std::string_view text) : memory_(internal::AsBytes(text)) {}
    std::uint64_t size() const override { return memory_.size(); }
    Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
      return memory_.Read(offset, into);
    }
    Result<void> CheckUnchanged() override {
      return std::unexpected(Status{.rule = Rule::kIoChanged});
    }

   private:
    MemorySource memory_;
  };
  const std::string archive = "PK\5\6" + std::string(18, '\0');
  for (const std::string_view file :
       {"some text"sv, "GGUF and so on"sv, "\x80\2cjoblib.numpy_pickle\nX\n."sv,
        std::string_view(archive), std::string_view(kGood)}) {
    Changing source(file);
    EXPECT_EQ(Scan(source, "x").findings()[0].rule, Rule::kIoChanged) << file;
  }
}

TEST(Scan, APath) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("tensorgate-scan-test-" + std::to_string(::getpid()));
  std::ofstream(path, std::ios::binary) << kGood;
  EXPECT_EQ(ScanPath(path).verdict(), Verdict::kAccepted);
  std::filesystem::remove(path);
}

// The length of a header may look like another format, which is reported if the header is invalid.
TEST(Scan, AFailedProofUnderAnotherSignature) {
  const auto format = [](std::string_view start, std::string_view header) {
    std::string file(start);
    file.resize(8);
    return std::string(ScanText(file.append(header), "x").format());
  };
  EXPECT_EQ(format("PK\3\4", "{not JSON"), "zip");
  EXPECT_EQ(format("PK\3", "{not JSON"), "safetensors");
}

TEST(Stream, AgreesWithFiles) {
  for (const std::string& file :
       {kGood, kBad, kGood.substr(0, 30), kGood + "x", std::string("hello\n"),
        std::string("1234567"), std::string(9000, 'x'),
        Safetensors(kGood.substr(8, kGood.size() - 16) + std::string(9000, ' '), 8),
        Safetensors(kBad.substr(8, kBad.size() - 16) + std::string(9000, ' '), 8),
        "PK\3\4" + std::string(9000, '\0'), std::string("PK\3\4 ends", 9),
        std::string("\x80\2\0\0\0\0\0\0{not JSON", 17) + std::string(9000, ' '),
        std::string("GGUF") + std::string(9000, '\0'),
        std::string("\x1f\x8b\x08\0\0\0\0\0{", 9) + std::string(9000, ' '), std::string("\x80\2N."),
        "(lp0\n" + Repeated("I1\na", 2000) + "."}) {
    const Report whole = ScanText(file, "");
    for (const std::size_t chunk : {1uz, 7uz, 8uz, 9uz, 100uz, 4096uz, 100'000uz}) {
      const Report stream = Stream(file, chunk);
      EXPECT_EQ(stream.verdict(), whole.verdict()) << file.substr(0, 40) << chunk;
      EXPECT_EQ(stream.format(), whole.format()) << file.substr(0, 40) << chunk;
      if (stream.size()) EXPECT_EQ(stream.size(), whole.size()) << file.substr(0, 40) << chunk;
      ASSERT_EQ(stream.findings().size(), whole.findings().size()) << file.substr(0, 40) << chunk;
      for (std::size_t i = 0; i < whole.findings().size(); ++i) {
        EXPECT_EQ(stream.findings()[i].rule, whole.findings()[i].rule);
      }
    }
  }
}

// Files that are judged from their end are spooled up to a limit. The suffix counts like that of a
// file's name, with pieces of any size.
TEST(Stream, WithANameAgreesWithFiles) {
  const std::string zeros(9000, '\0'), letters = Repeated("hello\n", 3000);
  const std::string texts[] = {kGood,
                               kBad,
                               kGood.substr(0, 40),
                               kGood + "x",
                               "",
                               "1234567",
                               letters,
                               zeros,
                               "<!DOCTYPE html>",
                               "GGUF" + zeros,
                               "\x80\2N.",
                               "\x80\2cos\nsystem\n)R.",
                               "version https://git-lfs.github.com/spec/v1\n",
                               "PK\3\4" + zeros,
                               Safetensors("{}" + std::string(0x027E, ' '))};
  for (const std::string& text : texts) {
    for (const char* name :
         {"a.safetensors", "A.SafeTensors", "a.pt", "a.gguf", "a.txt", "a", ""}) {
      const Report file = ScanText(text, name);
      for (const std::size_t chunk : {1u, 8u, 4096u, 100'000u}) {
        const Report stream = Stream(text, chunk, true, {}, name);
        EXPECT_EQ(stream.verdict(), file.verdict()) << name << text.substr(0, 20);
        EXPECT_EQ(stream.format(), file.format()) << name << text.substr(0, 20);
        EXPECT_EQ(stream.file_class(), file.file_class()) << name << text.substr(0, 20);
        ASSERT_EQ(stream.findings().size(), file.findings().size()) << name << text.substr(0, 20);
        for (std::size_t i = 0; i < file.findings().size(); ++i) {
          EXPECT_EQ(stream.findings()[i].rule, file.findings()[i].rule) << name;
        }
      }
    }
  }
}

TEST(Stream, SpooledBytesHaveALimit) {
  const std::string zip = "PK\3\4" + std::string(9000, '\0');
  // Taken for safetensors until its header has arrived.
  const std::string late = std::string("\x80\2\0\0\0\0\0\0{not JSON", 17) + std::string(9000, ' ');
  for (const std::string& file : {zip, late}) {
    for (const std::size_t chunk : {100uz, 1000uz, 100'000uz}) {
      for (const std::uint64_t limit : {10, 4096, 4097, 5000}) {
        const Report report = Stream(file, chunk, true, {.limits = {.file_bytes = limit}});
        EXPECT_EQ(report.verdict(), Verdict::kUndecided);
        EXPECT_EQ(report.findings()[0].rule, Rule::kLimitFileBytes);
        EXPECT_EQ(report.findings()[0].allowed, limit);
      }
      const Report report = Stream(file, chunk, true, {.limits = {.file_bytes = file.size()}});
      EXPECT_EQ(report.verdict(), ScanText(file, "").verdict());
    }
  }
}

TEST(Stream, AtTheLimitOfSpooledBytes) {
  const std::string zip = "PK\3\4" + std::string(96, '\0');
  EXPECT_EQ(Stream(zip, 100, true, {.limits = {.file_bytes = 100}}).verdict(),
            ScanText(zip, "").verdict());
  EXPECT_EQ(Stream(zip, 100, true, {.limits = {.file_bytes = 99}}).verdict(), Verdict::kUndecided);
  // No more bytes are needed once it is exceeded.
  for (const std::string& file :
       {zip + std::string(9000, '\0'),
        std::string("\x80\2\0\0\0\0\0\0{not JSON", 17) + std::string(9000, ' ')}) {
    StreamScan scan({.limits = {.file_bytes = 5000}});
    EXPECT_FALSE(scan.Feed(internal::AsBytes(file)));
  }
}

TEST(Stream, AnEarlyRefusalHasNoSize) {
  EXPECT_EQ(Stream(std::string(9000, 'x'), 10).size(), std::nullopt);
  EXPECT_EQ(Stream(std::string(100, 'x'), 10).size(), 100u);
}

TEST(Stream, WhatCannotBeKeptIsUndecided) {
  rlimit usual;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &usual), 0);
  const rlimit none{0, usual.rlim_max};
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  const Report report = Stream("PK\3\4" + std::string(9000, '\0'), 1000);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &usual), 0);
  std::signal(SIGXFSZ, before);
  EXPECT_EQ(report.verdict(), Verdict::kUndecided);
  EXPECT_EQ(report.findings()[0].rule, Rule::kIoSpoolFailed);
  EXPECT_EQ(report.findings()[0].found, static_cast<std::uint64_t>(EFBIG));
  EXPECT_THAT(Message(report, report.findings()[0]), ::testing::HasSubstr("too large"));
}

TEST(Stream, BrokenOff) {
  EXPECT_EQ(Stream(kGood, 10, false).findings()[0].rule, Rule::kIoReadFailed);
  EXPECT_EQ(Stream("", 10, false).findings()[0].rule, Rule::kIoReadFailed);
  EXPECT_EQ(Stream("abc", 10, false).verdict(), Verdict::kUndecided);
  // Certain before it stopped early.
  EXPECT_EQ(Stream(kBad, 10, false).verdict(), Verdict::kRejected);
  EXPECT_EQ(Stream(std::string(9000, 'x'), 10, false).format(), "text");
  EXPECT_EQ(Stream(std::string(100, 'x'), 10, false).verdict(), Verdict::kUndecided);
}

TEST(Stream, RefusesEarly) {
  StreamScan scan;
  EXPECT_FALSE(scan.Feed(internal::AsBytes(std::string_view(kBad).substr(0, kBad.size() - 8))));
  EXPECT_FALSE(scan.Feed(internal::AsBytes(kBad)));
  EXPECT_EQ(scan.Finish().verdict(), Verdict::kRejected);
}

TEST(Stream, Moves) {
  StreamScan started;
  EXPECT_TRUE(started.Feed(internal::AsBytes(std::string_view(kGood).substr(0, 20))));
  StreamScan moved(std::move(started));
  StreamScan assigned;
  assigned = std::move(moved);
  EXPECT_TRUE(assigned.Feed(internal::AsBytes(std::string_view(kGood).substr(20))));
  EXPECT_EQ(assigned.Finish().verdict(), Verdict::kAccepted);
}

// Whatever the bytes: one of the verdicts, findings inside the file, and the same result again.
TEST(Scan, ArbitraryBytes) {
  std::mt19937 random(1);
  const std::vector<std::string_view> starts = {"",
                                                "PK\3\4"sv,
                                                "PK\5\6"sv,
                                                "\x80\x04"sv,
                                                "\x08\x01\x12"sv,
                                                "\x08\x07\x12"sv,
                                                "cos\n",
                                                "(lp0\n",
                                                "{\"a\":",
                                                "\x89HDF\r\n\x1a\n"sv,
                                                "x\0\0\0\0\0\0\0{"sv,
                                                "\x89PNG\r\n\x1a\n"sv};
  for (int round = 0; round < 20'000; ++round) {
    std::string file(starts[random() % starts.size()]);
    const std::size_t more = random() % (round % 50 == 0 ? 6000 : 80);
    for (std::size_t i = 0; i < more; ++i)
      file += static_cast<char>(random() % (round % 2 ? 256 : 100));
    if (round % 3 == 0)
      file += std::string("PK\5\6") + std::string(random() % 30, static_cast<char>(random()));
    const char* name = round % 5 == 0 ? "a.safetensors" : "a";
    const Report report = ScanText(file, name);
    if (report.verdict() != Verdict::kAccepted) {
      ASSERT_FALSE(report.findings().empty());
    }
    for (const Finding& finding : report.findings()) ASSERT_LE(finding.offset, file.size());
    ASSERT_EQ(RenderJson(name, report), RenderJson(name, ScanText(file, name)));
    Stream(file, 1 + random() % 200);
  }
}

// A caller's source that throws at its n-th read.
TEST(ScanTest, SourcesThatThrow) {
  struct Throwing final : Source {
    std::uint64_t size() const override { return bytes.size(); }
    Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
      if (calls-- == 0) throw 1;
      return internal::CopyBytes(internal::AsBytes(bytes).subspan(static_cast<std::size_t>(offset)),
                                 into);
    }
    std::string_view bytes;
    int calls = 0;
  };
  // A pickle, a checkpoint, a file that is only recognized, and one that is judged from its end.
  const std::string_view files[] = {kGood,
                                    "\x80\x02N."sv,
                                    "\x80\x02"
                                    "cos\nsystem\n."sv,
                                    "GGUF\3\0\0\0and more"sv,
                                    "PK\3\4and not an archive"sv,
                                    "text"sv};
  for (const std::string_view file : files) {
    int calls = 0;
    for (bool thrown = true; thrown; ++calls) {
      Throwing source;
      source.bytes = file;
      source.calls = calls;
      const Report report = Scan(source, "x");
      thrown = source.calls < 0;
      if (!thrown) continue;
      EXPECT_EQ(report.verdict(), Verdict::kUndecided) << file << calls;
      EXPECT_EQ(report.findings()[0].rule, Rule::kIoReadFailed) << file << calls;
    }
    EXPECT_GT(calls, 1) << file;
  }
}

}  // namespace
}  // namespace tensorgate
