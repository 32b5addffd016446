// System calls that fail, one after the other, each in every way: the result is complete or an
// error, and never half a file.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/guarded.h"
#include "lib/checkpoint/shelf.h"
#include "lib/source/new_file.h"
#include "lib/source/spool.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/convert.h"
#include "tensorgate/save.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/formats/torch/build.h"
#include "tests/lib/temp_folder.h"

namespace {

enum Call {
  kOpen,
  kOpenAt,
  kAccess,
  kRandom,
  kLink,
  kRename,
  kMakeFolder,
  kChangeMode,
  kSync,
  kClose,
  kRead,
  kWrite,
  kWriteAt,
  kWritePieces,
  kCopy,
  kStatus,
  kList,
  kCalls
};

// Instead of an error number: no bytes are transferred, or half of them.
constexpr int kNothing = 0, kHalf = -1;

// The ways in which each call may fail.
const std::vector<std::pair<Call, std::vector<int>>> kWays = {
    {kOpen, {EIO, EACCES}},
    {kOpenAt, {EIO, EEXIST}},
    {kAccess, {EIO}},
    {kRandom, {EIO, kNothing, kHalf}},
    {kLink, {EIO, EEXIST}},
    {kRename, {EIO}},
    {kMakeFolder, {EIO, EEXIST}},
    {kChangeMode, {EIO}},
    {kSync, {EIO, EINTR}},
    {kClose, {EIO, EINTR}},
    {kRead, {EIO, EINTR, kNothing, kHalf}},
    {kWrite, {EIO, EINTR, kNothing, kHalf}},
    {kWriteAt, {EIO, EINTR, kNothing, kHalf}},
    {kWritePieces, {EIO, EINTR, kNothing, kHalf}},
    {kCopy, {EIO, EINTR, kNothing, kHalf, ENOSPC, EDQUOT, EFBIG}},
    {kStatus, {EIO}},
    {kList, {EIO}},
};

struct Plan {
  int call = kCalls;
  int after = 0;
  int way = 0;
  bool again = false;  // all later calls fail, too
  int failed = 0;
} plan;

// The result in place of the call's, or -2 to perform it. `count` is halved if that is requested.
long Instead(Call call, std::size_t* count = nullptr) {
  if (plan.call != call) return -2;
  if (plan.after-- > 0) return -2;
  if (plan.after < -1 && !plan.again) return -2;
  if (plan.way > 0) {
    ++plan.failed;
    errno = plan.way;
    return -1;
  }
  if (count == nullptr || *count < 2) return -2;
  ++plan.failed;
  if (plan.way == kNothing) return 0;
  *count /= 2;
  return -2;
}

template <typename Real>
long Do(Call call, const Real& real) {
  const long instead = Instead(call);
  return instead == -2 ? real() : instead;
}

template <typename Real>
ssize_t Transfer(Call call, std::size_t count, const Real& real) {
  const long instead = Instead(call, &count);
  return instead == -2 ? real(count) : instead;
}

int OpenAt(Call call, int folder, const char* path, int flags, std::va_list rest) {
  const auto mode = va_arg(rest, unsigned);
  return static_cast<int>(Do(call, [&] { return syscall(SYS_openat, folder, path, flags, mode); }));
}

// Called when a file has received its name.
std::function<void()> renamed;

}  // namespace

extern "C" {
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int file = OpenAt(kOpen, AT_FDCWD, path, flags, rest);
  va_end(rest);
  return file;
}
int openat(int folder, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int file = OpenAt(kOpenAt, folder, path, flags, rest);
  va_end(rest);
  return file;
}
int access(const char* path, int mode) noexcept {
  return static_cast<int>(
      Do(kAccess, [&] { return syscall(SYS_faccessat, AT_FDCWD, path, mode); }));
}
ssize_t getrandom(void* into, std::size_t size, unsigned flags) {
  return Transfer(kRandom, size,
                  [&](auto count) { return syscall(SYS_getrandom, into, count, flags); });
}
int linkat(int from, const char* path, int to, const char* name, int flags) noexcept {
  return static_cast<int>(
      Do(kLink, [&] { return syscall(SYS_linkat, from, path, to, name, flags); }));
}
int renameat(int from, const char* name, int to, const char* path) noexcept {
  const long result = Do(kRename, [&] { return syscall(SYS_renameat2, from, name, to, path, 0); });
  if (result == 0 && renamed) {
    const auto hook = std::exchange(renamed, nullptr);
    hook();
    renamed = hook;
  }
  return static_cast<int>(result);
}
int mkdirat(int folder, const char* name, mode_t mode) noexcept {
  return static_cast<int>(
      Do(kMakeFolder, [&] { return syscall(SYS_mkdirat, folder, name, mode); }));
}
int fchmod(int file, mode_t mode) noexcept {
  return static_cast<int>(Do(kChangeMode, [&] { return syscall(SYS_fchmod, file, mode); }));
}
int fsync(int file) {
  return static_cast<int>(Do(kSync, [&] { return syscall(SYS_fsync, file); }));
}
// Closed in any case, as in Linux.
int close(int file) {
  const long closed = syscall(SYS_close, file);
  return static_cast<int>(Do(kClose, [&] { return closed; }));
}
ssize_t pread64(int file, void* into, std::size_t size, off64_t offset) {
  return Transfer(kRead, size,
                  [&](auto count) { return syscall(SYS_pread64, file, into, count, offset); });
}
ssize_t write(int file, const void* from, std::size_t size) {
  return Transfer(kWrite, size, [&](auto count) { return syscall(SYS_write, file, from, count); });
}
ssize_t pwrite64(int file, const void* from, std::size_t size, off64_t offset) {
  return Transfer(kWriteAt, size,
                  [&](auto count) { return syscall(SYS_pwrite64, file, from, count, offset); });
}
ssize_t pwritev64(int file, const iovec* pieces, int count, off64_t offset) {
  // A full disk affects both.
  const Call call = plan.call == kWriteAt && plan.again ? kWriteAt : kWritePieces;
  return Transfer(call, static_cast<std::size_t>(count),
                  [&](auto some) { return syscall(SYS_pwritev, file, pieces, some, offset, 0); });
}
ssize_t copy_file_range(int from, off64_t* in, int to, off64_t* out, std::size_t size,
                        unsigned flags) {
  return Transfer(kCopy, size, [&](auto count) {
    return syscall(SYS_copy_file_range, from, in, to, out, count, flags);
  });
}
int mkostemp(char* path, int flags) {
  static const auto real = reinterpret_cast<int (*)(char*, int)>(dlsym(RTLD_NEXT, "mkostemp64"));
  return static_cast<int>(Do(kOpen, [&] { return real(path, flags); }));
}
int fstat(int file, struct stat* status) noexcept {
  return static_cast<int>(
      Do(kStatus, [&] { return syscall(SYS_newfstatat, file, "", status, AT_EMPTY_PATH); }));
}
DIR* fdopendir(int folder) {
  static const auto real = reinterpret_cast<DIR* (*)(int)>(dlsym(RTLD_NEXT, "fdopendir"));
  const long instead = Instead(kList);
  return instead == -2 ? real(folder) : nullptr;
}
}

namespace tensorgate {
namespace {

namespace fs = std::filesystem;
using internal::AsBytes;
using testing::torch::Dict;
using testing::torch::View;

std::string Content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Text(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += static_cast<char>(byte);
  return text;
}

class SystemCallsTest : public testing::FolderTest {
 protected:
  SystemCallsTest() : bytes_(300'000) {
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::byte>(i * 13 >> 2);
  }
  ~SystemCallsTest() override {
    plan = {};
    renamed = nullptr;
  }

  /// Runs `body` after `prepare` repeatedly, until each call has failed in each way; `judge` then
  /// receives whether it succeeded. Returns how many failures of each call were an error.
  template <typename Prepare, typename Body, typename Judge>
  std::array<int, kCalls> FailEach(const Prepare& prepare, const Body& body, const Judge& judge) {
    std::array<int, kCalls> errors{};
    for (const auto& [call, ways] : kWays) {
      for (const int way : ways) {
        for (const bool again : {false, true}) {
          // Calls that are repeated after an interruption or a partial transfer would never end.
          if (again && (way == EINTR || way == kHalf)) continue;
          for (int after = 0;; ++after) {
            prepare();
            plan = {call, after, way, again, 0};
            const Result<void> result = body();
            const int failed = plan.failed;
            plan = {};
            SCOPED_TRACE(::testing::Message() << "call " << call << ", way " << way << ", again "
                                              << again << ", after " << after);
            if (failed == 0) EXPECT_TRUE(result) << Info(result.error().rule).id;
            if (!result) ++errors[static_cast<std::size_t>(call)];
            judge(result.has_value(), call);
            if (failed == 0 || HasFailure()) break;
          }
        }
      }
    }
    return errors;
  }

  /// No partial file, whatever happened.
  void ExpectNoPart(const fs::path& folder) {
    if (!fs::exists(folder)) return;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      EXPECT_FALSE(entry.path().filename().string().contains("partial")) << entry;
    }
  }

  std::vector<std::byte> bytes_;
};

TEST_F(SystemCallsTest, OfASavingThatReplaces) {
  const std::string other = Write("other", Text(bytes_));
  fs::create_directory(folder_ / "in");
  const std::string path = folder_ / "in/model.safetensors";
  const std::span<const std::byte> bytes(bytes_);
  const std::vector<std::byte> zeros(3 << 20);
  const DataCallback called = [](std::uint64_t, std::span<std::byte> into) {
    std::ranges::fill(into, std::byte{7});
    return Result<void>();
  };
  const auto save = [&]() -> Result<void> {
    Result<FileSource> source = FileSource::Open(other);
    if (!source) return std::unexpected(source.error());
    std::vector<TensorData> tensors = {
        {.name = "a", .shape = {4096}, .data = SourceData{&*source, 0}},
        {.name = "b", .shape = {1000}, .data = SourceData{&*source, 8192 - 1000}},
        {.name = "c", .shape = {bytes.size()}, .data = bytes},
        {.name = "d", .shape = {zeros.size()}, .data = std::span<const std::byte>(zeros)},
        {.name = "e", .shape = {600'000}, .data = called},
        {.name = "f", .shape = {5}, .data = bytes.first(5)}};
    // Offset by 4 KiB, so that the kernel copies; the others are written in blocks and together.
    // Waiting for the disk takes most of the time.
    const bool sync = plan.call == kSync;
    return Save(path, tensors, {.alignment = 4096, .order = TensorOrder::kAsGiven, .sync = sync});
  };
  ASSERT_TRUE(save());
  const std::string expected = Content(path);
  const auto prepare = [&] { std::ofstream(path) << "old"; };
  const auto errors = FailEach(prepare, save, [&](bool done, Call) {
    EXPECT_EQ(Content(path) == expected, done);
    EXPECT_TRUE(Content(path) == expected || Content(path) == "old");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "in"), {}), 1);
  });
  for (const Call call : {kOpen, kLink, kRename, kChangeMode, kSync, kClose, kWriteAt, kCopy}) {
    EXPECT_GT(errors[call], 0) << call;
  }
  // If unnamed files or writes of many pieces are not available, there is another way.
  EXPECT_EQ(errors[kWritePieces], 0);
}

TEST_F(SystemCallsTest, OfShardsThatAreSavedAndPushed) {
  const fs::path in = folder_ / "in";
  const std::string path = in / "model.safetensors", index = path + ".index.json";
  const auto save = [&]() -> Result<void> {
    return internal::Guarded([&]() -> Result<void> {
      auto writer = Writer::Create(path, {.sync = false, .max_shard_bytes = 1000});
      if (!writer) return std::unexpected(writer.error());
      const TensorData whole{
          .name = "a", .shape = {900}, .data = std::span<const std::byte>(bytes_).first(900)};
      if (auto added = writer->Add(whole); !added) return added;
      if (auto added = writer->Add({.name = "b", .shape = {900}, .data = PushedData()}); !added) {
        return added;
      }
      if (auto written = writer->Write("b", std::span(bytes_).first(900)); !written) return written;
      return writer->Finish();
    });
  };
  const auto prepare = [&] {
    fs::remove_all(in);
    fs::create_directory(in);
    std::ofstream(path) << "former";
  };
  FailEach(prepare, save, [&](bool done, Call call) {
    ExpectNoPart(in);
    if (done) {
      EXPECT_TRUE(Checkpoint::OpenPath(index));
      // A folder that cannot be listed is not cleaned up, except for the one known name.
      EXPECT_FALSE(fs::exists(path));
      return;
    }
    EXPECT_EQ(Content(path), "former");
    EXPECT_FALSE(fs::exists(index));
    // A failure before the first file appears leaves nothing.
    if (call != kRename) EXPECT_EQ(std::distance(fs::directory_iterator(in), {}), 1);
  });
}

class ConvertCallsTest : public SystemCallsTest {
 protected:
  void SetUp() override {
    const View floats{.shape = {4}, .stride = {1}, .elements = 4};
    const View turned{.shape = {2, 2}, .stride = {1, 2}, .elements = 4};
    fs::create_directory(folder_ / "in");
    Write("in/pytorch_model-1.bin",
          testing::torch::File(Dict({{"a", floats.Code()}, {"t", turned.Code()}}),
                               {"0123456789abcdef"}));
    Write("in/pytorch_model-2.bin",
          testing::torch::File(Dict({{"b", floats.Code()}}), {"ABCDEFGHIJKLMNOP"}));
    Write("in/pytorch_model.bin.index.json",
          R"({"metadata":{},"weight_map":{"a":"pytorch_model-1.bin","t":"pytorch_model-1.bin",)"
          R"("b":"pytorch_model-2.bin"}})");
    fs::create_directory(folder_ / "one");
    fs::copy(folder_ / "in/pytorch_model-1.bin", folder_ / "one/pytorch_model.bin");
  }
  /// The error of a conversion into `out`, if there is one; for a report, the first finding.
  std::optional<ConvertError> ErrorOf(const std::string& from, bool verify = true) {
    auto converted = Convert(folder_ / from, out_, {.verify = verify, .sync = false});
    if (converted) return std::nullopt;
    ConvertError& error = converted.error();
    if (error.report) error.status.rule = error.report->findings()[0].rule;
    return std::move(error);
  }

  const std::string out_ = folder_ / "out";
  const std::string index_ = out_ + "/model.safetensors.index.json";
};

TEST_F(ConvertCallsTest, OfShardsAndAFolder) {
  const struct {
    const char* from;
    std::string made;
  } rows[] = {{"in", index_}, {"one", out_ + "/model.safetensors"}};
  for (const auto& [from, made] : rows) {
    for (const bool verify : {false, true}) {
      const auto prepare = [&] { fs::remove_all(out_); };
      const auto body = [&]() -> Result<void> {
        const auto error = ErrorOf(from, verify);
        if (error) return std::unexpected(error->status);
        return {};
      };
      const auto errors = FailEach(prepare, body, [&](bool done, Call call) {
        ExpectNoPart(out_);
        if (done) {
          EXPECT_TRUE(Checkpoint::OpenPath(made));
        } else if (!verify && call != kRename) {
          EXPECT_FALSE(fs::exists(out_));
        }
      });
      for (const Call call : {kOpen, kOpenAt, kMakeFolder, kRead, kList, kStatus}) {
        EXPECT_GT(errors[call], 0) << call;
      }
    }
  }
}

// Another program writes between writing and reading back: each difference is detected.
TEST_F(ConvertCallsTest, VerifyFindsEveryDifference) {
  const std::string one = out_ + "/model-00001-of-00002.safetensors";
  const std::string two = out_ + "/model-00002-of-00002.safetensors";
  const auto verify = [&](const std::function<void()>& change) {
    fs::remove_all(out_);
    renamed = [&] {
      if (fs::exists(index_)) change();
    };
    auto error = ErrorOf("in");
    renamed = nullptr;
    return error;
  };
  using Shape = std::vector<std::uint64_t>;
  const auto tensor = [](const char* name, DType dtype, Shape shape, std::string_view bytes) {
    return TensorData{
        .name = name, .dtype = dtype, .shape = std::move(shape), .data = AsBytes(bytes)};
  };
  const auto save = [](const std::string& path, const std::vector<TensorData>& tensors) {
    EXPECT_TRUE(Save(path, tensors));
  };
  const char* b = "ABCDEFGHIJKLMNOP";
  EXPECT_FALSE(verify([&] { save(two, {tensor("b", DType::kF32, {4}, b)}); }));
  const auto expect = [&](const char* name, const std::function<void()>& change) {
    const auto error = verify(change);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->status.rule, Rule::kConvertVerifyFailed) << Info(error->status.rule).id;
    EXPECT_EQ(error->tensor, name);
  };
  expect("b", [&] { save(two, {tensor("b", DType::kF32, {4}, "ABCDEFGHIJKLMNOp")}); });
  expect("b", [&] { save(two, {tensor("b", DType::kI32, {4}, b)}); });
  expect("b", [&] { save(two, {tensor("b", DType::kF32, {2, 2}, b)}); });
  const TensorData a = tensor("a", DType::kF32, {4}, "0123456789abcdef");
  expect("t", [&] { save(one, {a, tensor("t", DType::kF32, {2, 2}, "012389ab4567cdeF")}); });
  expect("",
         [&] { save(two, {tensor("b", DType::kF32, {4}, b), tensor("c", DType::kF32, {4}, b)}); });
  expect("b", [&] {
    save(two, {tensor("c", DType::kF32, {4}, b)});
    std::string index = Content(index_);
    index.replace(index.find("\"b\""), 3, "\"c\"");
    std::ofstream(index_) << index;
  });
  const auto cut = verify([&] { fs::resize_file(two, 20); });
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->status.rule, Rule::kCpShardRejected);
  // The source of the comparison.
  const auto lost = verify([&] { fs::resize_file(folder_ / "in/pytorch_model-2.bin", 1); });
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->status.rule, Rule::kIoShortRead);
  EXPECT_EQ(lost->tensor, "b");
}

TEST_F(SystemCallsTest, OfAFileThatIsWrittenPieceByPiece) {
  const Result<internal::NewFileFolder> folder =
      internal::NewFileFolder::OpenFor((folder_ / "x").string());
  ASSERT_TRUE(folder);
  const std::span<const std::byte> bytes(bytes_);
  std::vector<std::span<const std::byte>> pieces;
  std::string expected;
  for (std::size_t i = 0; i < 2 * internal::NewFile::kMaxPieces; ++i) {
    pieces.push_back(bytes.subspan(i, i % 7));
    expected += Text(pieces.back());
  }
  const auto body = [&]() -> Result<void> {
    Result<internal::NewFile> file = internal::NewFile::Create(*folder, "x");
    if (!file) return std::unexpected(file.error());
    if (const auto written = file->WriteAt(0, pieces); !written) return written;
    EXPECT_EQ(lseek(file->descriptor(), 0, SEEK_END), static_cast<off_t>(expected.size()));
    const Result<void> committed = file->Commit();
    if (committed) EXPECT_EQ(file->descriptor(), -1);
    return committed;
  };
  FailEach([&] { fs::remove(folder_ / "x"); }, body,
           [&](bool done, Call) { EXPECT_EQ(Content(folder_ / "x"), done ? expected : ""); });
}

TEST_F(SystemCallsTest, OfASpool) {
  std::vector<std::byte> back(bytes_.size());
  const auto body = [&]() -> Result<void> {
    internal::Spool spool;
    for (const std::size_t begin : {0, 100'000, 200'000}) {
      const auto appended = spool.Append(std::span(bytes_).subspan(begin, 100'000));
      if (!appended) return appended;
      EXPECT_EQ(spool.size(), begin + 100'000);
    }
    const Result<std::unique_ptr<Source>> source = spool.Open();
    if (!source) return std::unexpected(source.error());
    return ReadFully(**source, 0, back);
  };
  const auto prepare = [&] { std::ranges::fill(back, std::byte{}); };
  const auto errors = FailEach(prepare, body, [&](bool done, Call) {
    if (done) EXPECT_TRUE(back == bytes_);
  });
  for (const Call call : {kWrite, kRead, kStatus}) EXPECT_GT(errors[call], 0) << call;
}

// Strided tensors that are put in order in a temporary file, or read by themselves if that fails.
TEST_F(SystemCallsTest, OfAShelf) {
  internal::CheckpointData data;
  data.parts.emplace_back();
  data.parts[0].source = std::make_unique<MemorySource>(bytes_);
  const TensorRef columns{
      .type = DType::kU8, .shape = {60, 50}, .stride = {1, 300}, .range = {0, 14'760}};
  const TensorRef rows{
      .type = DType::kU8, .shape = {2, 700}, .stride = {9000, 1}, .range = {7, 9700}};
  std::vector<std::byte> expected, read(60 * 50 + 2 * 700);
  for (std::size_t i = 0; i < 60; ++i) {
    for (std::size_t j = 0; j < 50; ++j) expected.push_back(bytes_[i + 300 * j]);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t j = 0; j < 700; ++j) expected.push_back(bytes_[7 + 9000 * i + j]);
  }
  // Rows longer than a bucket are written immediately.
  const internal::ReorderLimits limits{
      .block = 4000, .segment = 2000, .buckets = 600, .bucket = 100};
  const auto body = [&]() -> Result<void> {
    internal::Shelf shelf(data, 0, {columns, rows}, nullptr, limits);
    return ReadFully(shelf, 0, read);
  };
  const auto prepare = [&] { std::ranges::fill(read, std::byte{}); };
  int fallbacks = 0;
  const auto errors = FailEach(prepare, body, [&](bool done, Call call) {
    if (done) EXPECT_TRUE(read == expected);
    if (call == kWrite) ++fallbacks;
  });
  EXPECT_EQ(errors[kWrite], 0);  // no failure is an error: it works without the file
  EXPECT_GT(fallbacks, 20);
}

}  // namespace
}  // namespace tensorgate
