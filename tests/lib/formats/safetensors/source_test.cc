// Sources: paths that are not files, files that change, sparse large files, callbacks that fail,
// limits, streams.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tensorgate/safetensors.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate::safetensors {
namespace {

using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;

class SourceTest : public testing::FolderTest {
 protected:
  static Rule ReasonOf(const Report& report) { return report.findings()[0].rule; }
};

TEST_F(SourceTest, IrregularFilesAreUndecidedAndNeverHang) {
  const std::string fifo = folder_ / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path :
       {fifo, std::string("/dev/null"), std::string("/dev/zero"), folder_.string()}) {
    const Report report = CheckPath(path);
    EXPECT_EQ(report.verdict(), Verdict::kUndecided) << path;
    EXPECT_EQ(ReasonOf(report), Rule::kIoNotRegular) << path;
  }
  const std::string socket_path = folder_ / "socket";
  const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(ReasonOf(CheckPath(socket_path)), Rule::kIoNotRegular);
  close(descriptor);
  EXPECT_EQ(ReasonOf(CheckPath(folder_ / "none")), Rule::kIoOpenFailed);
  EXPECT_EQ(ReasonOf(CheckPath(std::string("a\0b", 3))), Rule::kIoOpenFailed);
}

TEST_F(SourceTest, AFileThatChangesIsUndecided) {
  const std::string path = Write("model.safetensors", testing::SmallFile());
  auto source = FileSource::Open(path);
  ASSERT_TRUE(source);
  EXPECT_EQ(Check(*source).verdict(), Verdict::kAccepted);
  // A different modification time, as left by a writer in place.
  timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  EXPECT_EQ(ReasonOf(Check(*source)), Rule::kIoChanged);
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ(ReasonOf(Check(*source)), Rule::kIoShortRead);
}

// A new name changes the inode's change time, as writing does: then the modification time decides.
TEST_F(SourceTest, AFileThatIsLinkedAndWrittenIsUndecided) {
  const std::string path = Write("model.safetensors", testing::SmallFile());
  auto source = FileSource::Open(path);
  ASSERT_TRUE(source);
  std::filesystem::create_hard_link(path, folder_ / "link");
  EXPECT_TRUE(source->CheckUnchanged());
  timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  EXPECT_EQ(source->CheckUnchanged().error().rule, Rule::kIoChanged);
}

// If standard input is closed, the next file gets its number.
TEST_F(SourceTest, ADescriptorOfNumberZero) {
  const std::string path = Write("model.safetensors", testing::SmallFile());
  const int kept = fcntl(0, F_DUPFD_CLOEXEC, 3), other = open(path.c_str(), O_RDONLY);
  close(0);
  const Verdict verdict = CheckPath(path).verdict();
  EXPECT_TRUE(FileSource::Duplicate(other));
  close(other);
  if (kept >= 0) {
    ASSERT_EQ(dup2(kept, 0), 0);
    close(kept);
  }
  EXPECT_EQ(verdict, Verdict::kAccepted);
}

TEST_F(SourceTest, ADuplicateOutlivesWhatItWasMadeOf) {
  const int descriptor = open(Write("x", testing::SmallFile()).c_str(), O_RDONLY);
  auto source = FileSource::Duplicate(descriptor);
  close(descriptor);
  ASSERT_TRUE(source);
  EXPECT_EQ(Check(*source).verdict(), Verdict::kAccepted);
  EXPECT_EQ(FileSource::Duplicate(-1).error().rule, Rule::kIoOpenFailed);
}

TEST_F(SourceTest, ADescriptorStaysTheCallers) {
  const std::string path = Write("model.safetensors", testing::SmallFile());
  const int descriptor = open(path.c_str(), O_RDONLY);
  {
    auto source = FileSource::FromDescriptor(descriptor);
    ASSERT_TRUE(source);
    EXPECT_EQ(Check(*source).verdict(), Verdict::kAccepted);
  }
  EXPECT_EQ(fcntl(descriptor, F_GETFD), 0);
  close(descriptor);
  EXPECT_FALSE(FileSource::FromDescriptor(-1));
}

// A descriptor may come to refer to another file: each property that differs is detected.
TEST_F(SourceTest, ADescriptorThatBecomesAnotherFileIsUndecided) {
  const std::string empty = Write("empty", ""), other = Write("other", ""),
                    full = Write("full", "x");
  const auto after = [&](auto change) {
    const int descriptor = open(empty.c_str(), O_RDONLY);
    auto source = FileSource::FromDescriptor(descriptor);
    EXPECT_TRUE(source && source->CheckUnchanged());
    change(descriptor);
    const Result<void> same = source->CheckUnchanged();
    close(descriptor);
    return same ? Rule{} : same.error().rule;
  };
  const auto becomes = [&](const std::string& path) {
    return after([&](int descriptor) {
      const int second = open(path.c_str(), O_RDONLY);
      ASSERT_EQ(dup2(second, descriptor), descriptor);
      close(second);
    });
  };
  EXPECT_EQ(becomes(full), Rule::kIoChanged);
  EXPECT_EQ(becomes(other), Rule::kIoChanged);
  EXPECT_EQ(becomes("/proc/self/limits"), Rule::kIoChanged);  // on another device, with size 0
  EXPECT_EQ(becomes("/dev/null"), Rule::kIoNotRegular);
  EXPECT_EQ(after([](int descriptor) { fchmod(descriptor, 0400); }), Rule::kIoChanged);
  EXPECT_EQ(after([](int descriptor) { close(descriptor); }), Rule::kIoOpenFailed);
}

TEST_F(SourceTest, ReadsThatTheSystemRefuses) {
  const std::string path = Write("model.safetensors", testing::SmallFile());
  const int write_only = open(path.c_str(), O_WRONLY);
  auto source = FileSource::FromDescriptor(write_only);
  ASSERT_TRUE(source);
  const Report report = Check(*source);
  EXPECT_EQ(ReasonOf(report), Rule::kIoReadFailed);
  EXPECT_EQ(report.findings()[0].found, std::uint64_t{EBADF});
  close(write_only);

  auto open_file = FileSource::Open(path);
  ASSERT_TRUE(open_file);
  std::byte byte;
  EXPECT_EQ(open_file->Read(UINT64_MAX, std::span(&byte, 1)), 0u);
  EXPECT_EQ(open_file->Read(std::uint64_t{INT64_MAX} + 1, std::span(&byte, 1)), 0u);
  EXPECT_EQ(open_file->Read(testing::SmallFile().size(), std::span(&byte, 1)), 0u);
}

TEST_F(SourceTest, FilesMove) {
  auto small = FileSource::Open(Write("small", "12"));
  auto large = FileSource::Open(Write("large", "12345"));
  ASSERT_TRUE(small && large);
  FileSource moved(std::move(*small));
  EXPECT_EQ(moved.size(), 2u);
  moved = std::move(*large);
  EXPECT_EQ(moved.size(), 5u);
  EXPECT_TRUE(moved.CheckUnchanged());
  std::array<std::byte, 8> bytes;
  EXPECT_EQ(moved.Read(0, bytes), 5u);
}

TEST(MemorySourceTest, EndsWhereItsBytesEnd) {
  MemorySource source(AsBytes("abc"));
  std::byte byte{};
  EXPECT_EQ(source.Read(2, std::span(&byte, 1)), 1u);
  EXPECT_EQ(byte, std::byte{'c'});
  EXPECT_EQ(source.Read(3, std::span(&byte, 1)), 0u);
  EXPECT_EQ(source.Read(UINT64_MAX, std::span(&byte, 1)), 0u);
}

// 100 GB of holes: 8 + n bytes are read, and what the readers of other formats look at: the first
// bytes of file and data, the last, and eight at each power of two.
TEST_F(SourceTest, AGiantIsJudgedByItsHeader) {
  constexpr std::uint64_t kData = 100'000'000'000;
  const std::string header = "{" + TensorEntry("a", "U8", std::to_string(kData), 0, kData) + "}";
  const std::string path = Write("giant.safetensors", BuildFile(header));
  if (truncate64(path.c_str(), static_cast<off64_t>(8 + header.size() + kData)) != 0)
    GTEST_SKIP() << "no large files here";
  auto file = FileSource::Open(path);
  ASSERT_TRUE(file);
  int reads = 0;
  CallbackSource counting(file->size(), [&](std::uint64_t offset, std::span<std::byte> into) {
    ++reads;
    return file->Read(offset, into);
  });
  const Report report = Check(counting);
  EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  constexpr int kPowers = 24;  // from 4,096 to 2^36
  EXPECT_LE(reads, 5 + kPowers + 1);
  EXPECT_LE(report.bytes_read(), 8 + header.size() + 64 + 4096 + 69'654 + 8 * (kPowers + 1));
  EXPECT_EQ(report.facts()->data_bytes, kData);
}

TEST(CallbackTest, FailuresAreUndecidedAndKeepTheirPlace) {
  const std::string bytes = testing::SmallFile();
  // Fails at the 1st, 2nd … read, each time in a different way.
  for (int way = 0; way < 4; ++way) {
    for (int failing = 0; failing < 4; ++failing) {
      int reads = 0;
      CallbackSource source(
          bytes.size(),
          [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
            if (reads++ == failing) {
              if (way == 0)
                return std::unexpected(
                    Status{.rule = Rule::kIoReadFailed, .system_error = 5, .offset = offset});
              if (way == 1) return 0;
              if (way == 2) return into.size() + 1;
              throw 42;
            }
            std::ranges::copy(AsBytes(bytes).subspan(offset, into.size()), into.begin());
            return into.size();
          });
      const Report report = Check(source);
      EXPECT_EQ(report.verdict(), Verdict::kUndecided) << way << failing;
      EXPECT_EQ(report.findings()[0].rule, way == 1 ? Rule::kIoShortRead : Rule::kIoReadFailed)
          << way << failing;
    }
  }
  CallbackSource none(100, nullptr);
  EXPECT_EQ(Check(none).verdict(), Verdict::kUndecided);
}

TEST(LimitsTest, AtTheLimitAndPastIt) {
  const std::string file = testing::SmallFile();
  const struct {
    std::uint64_t Limits::* limit;
    std::uint64_t enough;
    Rule rule;
  } cases[] = {{&Limits::file_bytes, file.size(), Rule::kLimitFileBytes},
               {&Limits::header_bytes, file.size() - 28, Rule::kLimitHeaderBytes},
               {&Limits::tensors, 3, Rule::kLimitTensors},
               {&Limits::metadata_entries, 1, Rule::kLimitMetadataEntries},
               {&Limits::name_bytes, 3, Rule::kLimitNameBytes},
               {&Limits::rank, 2, Rule::kLimitRank}};
  for (const auto& each : cases) {
    CheckOptions options;
    options.limits.*each.limit = each.enough;
    EXPECT_EQ(CheckBytes(AsBytes(file), options).verdict(), Verdict::kAccepted)
        << Info(each.rule).id;
    options.limits.*each.limit = each.enough - 1;
    const Report report = CheckBytes(AsBytes(file), options);
    EXPECT_EQ(report.verdict(), Verdict::kUndecided) << Info(each.rule).id;
    EXPECT_EQ(report.findings()[0].rule, each.rule);
    StreamCheck stream(options);
    stream.Feed(AsBytes(file));
    EXPECT_EQ(stream.Finish().findings()[0].rule, each.rule);
  }
}

TEST(StreamTest, RefusesEarlyAndAcceptsAtTheEnd) {
  const std::string file = testing::SmallFile();
  StreamCheck good;
  for (const char& c : file) ASSERT_TRUE(good.Feed(AsBytes(std::string_view(&c, 1))));
  EXPECT_EQ(good.Finish().verdict(), Verdict::kAccepted);

  std::string bad = file;
  bad[8] = '[';
  StreamCheck refused;
  EXPECT_FALSE(refused.Feed(AsBytes(std::string_view(bad).substr(0, bad.size() - 20))));
  const Report report = refused.Finish();
  EXPECT_EQ(report.verdict(), Verdict::kRejected);
  EXPECT_EQ(report.size(), std::nullopt);

  StreamCheck broken;
  EXPECT_TRUE(broken.Feed(AsBytes(file)));
  EXPECT_EQ(broken.Finish(false).verdict(), Verdict::kUndecided);

  // Refused before it stopped early: refused.
  StreamCheck both;
  EXPECT_FALSE(both.Feed(AsBytes(bad)));
  EXPECT_EQ(both.Finish(false).verdict(), Verdict::kRejected);

  StreamCheck empty;
  EXPECT_EQ(empty.Finish().findings()[0].rule, Rule::kStFileTooSmall);
}

// A length of 100 MB must not by itself cost 100 MB.
TEST(StreamTest, MemoryFollowsWhatHasCome) {
  std::string file = BuildFile("{");
  file[0] = 0;
  file[3] = 5;  // n = 83,886,080
  StreamCheck stream;
  EXPECT_TRUE(stream.Feed(AsBytes(file)));
  const Report report = stream.Finish();
  EXPECT_EQ(report.findings()[0].rule, Rule::kStHeaderPastEnd);
  EXPECT_EQ(report.findings()[0].allowed, file.size() - 8);
}

}  // namespace
}  // namespace tensorgate::safetensors
