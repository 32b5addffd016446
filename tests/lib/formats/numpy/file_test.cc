// .npy files as files: cut and changed at every byte, sources that fail or change, limits, deadlines, and what a
// checkpoint makes of them.
#include "lib/formats/numpy/file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string>

#include "lib/base/bytes.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/scan.h"

namespace tensorgate {
namespace {

using internal::AsBytes;

std::string Content(const std::string& name) {
  std::ifstream file(TENSORGATE_CORPUS_DIR "/numpy/accept/" + name + ".npy", std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(content.empty()) << name;
  return content;
}

Report Check(std::string_view file, const CheckOptions& options = {}) {
  MemorySource source(AsBytes(file));
  return numpy::Examine(source, options, nullptr);
}

// A header of version 1.0, and data.
std::string File(std::string_view header, std::size_t data = 0) {
  std::string file = "\x93NUMPY\1";
  file.push_back('\0');
  file.push_back(static_cast<char>(header.size() & 0xFF));
  file.push_back(static_cast<char>(header.size() >> 8));
  return file.append(header).append(data, '\0');
}

Rule ReasonOf(const Report& report) {
  return report.findings().empty() ? Rule{} : report.findings()[0].rule;
}

TEST(NumpyFileTest, CutAtEveryByte) {
  for (const char* name : {"plain", "version-2", "descr-fields", "order-columns"}) {
    const std::string file = Content(name);
    ASSERT_EQ(Check(file).verdict(), Verdict::kAccepted) << name;
    for (std::size_t size = 6; size < file.size(); ++size) {
      const Report report = Check(std::string_view(file).substr(0, size));
      EXPECT_EQ(report.verdict(), Verdict::kRejected) << name << size;
      EXPECT_LE(report.findings()[0].offset, size) << name;
    }
    // Without its magic it is nothing of this format.
    for (std::size_t size = 0; size < 6; ++size) {
      MemorySource source(AsBytes(std::string_view(file).substr(0, size)));
      EXPECT_EQ(Scan(source, "x.npy").verdict() == Verdict::kAccepted, false) << name << size;
    }
    EXPECT_EQ(ReasonOf(Check(file + "x")), Rule::kNumpyDataTrailing) << name;
  }
}

// numpy_test.py compares with NumPy; here: what is accepted is inside, and all of the rest.
TEST(NumpyFileTest, EverySingleByteChange) {
  for (const char* name : {"plain", "version-3", "descr-fields-nested", "shape-scalar"}) {
    std::string file = Content(name);
    int accepted = 0;
    for (std::size_t at = 6; at < file.size(); ++at) {
      const char before = file[at];
      for (int value = 0; value < 256; ++value) {
        file[at] = static_cast<char>(value);
        MemorySource source(AsBytes(file));
        std::unique_ptr<const ModelFile> opened;
        const Report report = numpy::Examine(source, {}, &opened);
        ASSERT_EQ(report.verdict() == Verdict::kAccepted, opened != nullptr) << name << at;
        if (!opened) {
          ASSERT_EQ(report.verdict(), Verdict::kRejected) << name << at << ' ' << value;
          ASSERT_EQ(Check(file, {.profile = Profile::kReference}).format(), "numpy");
          continue;
        }
        ++accepted;
        const ByteRange range = opened->tensor(0).range;
        EXPECT_EQ(range.offset + range.length, file.size()) << name << at;
        EXPECT_EQ(range.length, opened->tensor(0).bytes()) << name << at;
        EXPECT_EQ(Check(file, {.profile = Profile::kReference}).verdict(), Verdict::kAccepted);
      }
      file[at] = before;
    }
    EXPECT_GT(accepted, 256) << name;
  }
}

TEST(NumpyFileTest, LimitsAtTheLimitAndPastIt) {
  const std::string file = Content("plain");
  const struct {
    std::uint64_t Limits::* limit;
    std::uint64_t enough;
    Rule rule;
  } cases[] = {{&Limits::file_bytes, file.size(), Rule::kLimitFileBytes},
               {&Limits::header_bytes, 118, Rule::kLimitHeaderBytes},
               {&Limits::tensors, 1, Rule::kLimitTensors},
               {&Limits::rank, 2, Rule::kLimitRank}};
  for (const auto& each : cases) {
    CheckOptions options;
    options.limits.*each.limit = each.enough;
    EXPECT_EQ(Check(file, options).verdict(), Verdict::kAccepted) << Info(each.rule).id;
    --(options.limits.*each.limit);
    const Report report = Check(file, options);
    EXPECT_EQ(report.verdict(), Verdict::kUndecided) << Info(each.rule).id;
    EXPECT_EQ(ReasonOf(report), each.rule);
  }
}

class Hostile final : public Source {
 public:
  Hostile(std::string file, int fail_at) : file_(std::move(file)), fail_at_(fail_at) {}
  std::uint64_t size() const override { return file_.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    if (reads_++ == fail_at_) return std::unexpected(Status{.rule = Rule::kIoReadFailed});
    return internal::CopyBytes(AsBytes(std::string_view(file_).substr(offset)), into);
  }
  Result<void> CheckUnchanged() override {
    if (reads_ >= fail_at_ && changes_) return std::unexpected(Status{.rule = Rule::kIoChanged});
    return {};
  }
  int reads() const { return reads_; }
  bool changes_ = false;

 private:
  std::string file_;
  int fail_at_, reads_ = 0;
};

TEST(NumpyFileTest, EveryReadMayFail) {
  const std::string file = Content("bool");
  const CheckOptions options{.scope = Scope::kFull};
  for (int i = 0;; ++i) {
    ASSERT_LT(i, 50);
    Hostile source(file, i);
    const Report report = numpy::Examine(source, options, nullptr);
    if (source.reads() <= i) {
      EXPECT_EQ(report.verdict(), Verdict::kAccepted);
      EXPECT_GT(i, 3);
      break;
    }
    EXPECT_EQ(report.verdict(), Verdict::kUndecided) << i;
    EXPECT_EQ(ReasonOf(report), Rule::kIoReadFailed) << i;
  }
  Hostile source(file, 0);
  source.changes_ = true;
  EXPECT_EQ(numpy::Examine(source, options, nullptr).verdict(), Verdict::kUndecided);
}

// What was recognized by its magic, and has none when it is read, is another file.
TEST(NumpyFileTest, AnotherFileThanWasRecognized) {
  EXPECT_EQ(ReasonOf(Check("GGUF and more than that")), Rule::kIoChanged);
  EXPECT_EQ(ReasonOf(Check("")), Rule::kIoChanged);
}

TEST(NumpyFileTest, ADeadlineThatHasPassed) {
  CheckOptions options;
  options.deadline = DeadlineIn(std::chrono::seconds(-1));
  EXPECT_EQ(ReasonOf(Check(Content("plain"), options)), Rule::kLimitTime);
}

// The largest headers that are read: brackets, items, strings and numbers without end.
TEST(NumpyFileTest, WorstHeadersCostLittle) {
  const std::string pieces[] = {
      "(",    "[",    "{",    "((),", "'a'",    "'\\x41'",  "\"\\\n\"",
      "1,",   "1 L ", "L ",   "0x1_", "# x\n",  "\\\n",     "[('a',",
      "'a' ", "-1,",  "1.5,", "1e",   "{1:{1:", "\xff\xff", "1\t\t\t\t\t\t\t\t"};
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& piece : pieces) {
    for (const char* start : {"", "{'shape': ", "{'descr': [", "{'shape': ("}) {
      std::string header = start;
      while (header.size() < 10'000) header += piece;
      header.resize(10'000);
      EXPECT_EQ(Check(File(header)).verdict(), Verdict::kRejected) << piece;
    }
  }
  const auto spent = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(spent, std::chrono::seconds(5));
}

class WithoutMemory final : public Source {
 public:
  std::uint64_t size() const override { return 100; }
  Result<std::size_t> Read(std::uint64_t, std::span<std::byte>) override { throw std::bad_alloc(); }
};

TEST(NumpyFileTest, WithoutMemoryNothingIsDecided) {
  WithoutMemory source;
  const Report report = numpy::Examine(source, {}, nullptr);
  EXPECT_EQ(report.verdict(), Verdict::kUndecided);
  EXPECT_EQ(report.format(), "numpy");
  EXPECT_EQ(ReasonOf(report), Rule::kIoOutOfMemory);
}

// NumPy takes a byte of any value for True.
TEST(NumpyFileTest, OnlyStrictReadsBooleans) {
  std::string file = Content("bool");
  file.back() = '\2';
  const Report strict = Check(file, {.scope = Scope::kFull});
  ASSERT_EQ(strict.findings().size(),
            Check(Content("bool"), {.scope = Scope::kFull}).findings().size() + 1);
  EXPECT_EQ(strict.scope(), Scope::kFull);
  EXPECT_GE(strict.bytes_read(), file.size());
  const Report reference = Check(file, {.profile = Profile::kReference, .scope = Scope::kFull});
  EXPECT_EQ(reference.verdict(), Verdict::kAccepted);
  EXPECT_EQ(reference.scope(), Scope::kStructure);
  EXPECT_EQ(reference.findings().size(),
            Check(file, {.profile = Profile::kReference}).findings().size());
}

// Offsets are those of bytes, also after characters of two, three and four.
TEST(NumpyFileTest, OffsetsOfCharacters) {
  const std::string before =
      "{'descr': [('\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff', '<f4')], ";
  const std::string header = before + "'fortran_order': 0, 'shape': (1,), }\n";
  std::string file = "\x93NUMPY\3";
  file.push_back('\0');
  file.push_back(static_cast<char>(header.size()));
  file.append(3, '\0').append(header).append(4, '\0');
  const Report report = Check(file, {.profile = Profile::kReference});
  ASSERT_EQ(ReasonOf(report), Rule::kNumpyOrderInvalid);
  EXPECT_EQ(report.findings()[0].offset,
            12 + before.size() + std::string_view("'fortran_order': ").size());
}

// ---- As a checkpoint.

TEST(NumpyFileTest, OneTensorNamedArray) {
  const std::string file = Content("plain");
  const auto checkpoint = Checkpoint::OpenBytes(AsBytes(file));
  ASSERT_TRUE(checkpoint);
  ASSERT_EQ(checkpoint->tensor_count(), 1u);
  const auto tensor = checkpoint->tensor(0);
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->name, "array");
  EXPECT_EQ(tensor->type, DType::kF32);
  EXPECT_EQ(tensor->shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_TRUE(tensor->stride.empty());
  EXPECT_EQ(checkpoint->Find("array"), 0u);
  EXPECT_FALSE(checkpoint->Find(""));
}

// What lies in Fortran's order is read in C order.
TEST(NumpyFileTest, ColumnsAreReadAsRows) {
  std::string file = File("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n");
  file.append("\1\4\2\5\3\6");
  const auto checkpoint = Checkpoint::OpenBytes(AsBytes(file));
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->tensor(0)->stride, (std::vector<std::uint64_t>{1, 2}));
  const Result<Buffer> rows = checkpoint->Read(0);
  ASSERT_TRUE(rows);
  EXPECT_EQ(internal::AsText(rows->bytes()), "\1\2\3\4\5\6");
}

TEST(NumpyFileTest, WhatHasNoDtypeIsAcceptedAndNotOpened) {
  for (const char* name :
       {"descr-texts", "descr-fields", "descr-big-endian", "descr-complex-double"}) {
    const std::string file = Content(name);
    EXPECT_EQ(Check(file).verdict(), Verdict::kAccepted) << name;
    const auto checkpoint = Checkpoint::OpenBytes(AsBytes(file));
    ASSERT_FALSE(checkpoint) << name;
    EXPECT_EQ(ReasonOf(checkpoint.error()), Rule::kUseNoDtype) << name;
  }
}

}  // namespace
}  // namespace tensorgate
