// .npy files as files: truncated and changed at every byte, sources that fail or change, limits,
// deadlines, and as checkpoints.
#include "lib/formats/numpy/file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

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

// A file with a header of version 1.0 and data.
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
    // Without its magic string it is not of this format.
    for (std::size_t size = 0; size < 6; ++size) {
      MemorySource source(AsBytes(std::string_view(file).substr(0, size)));
      EXPECT_EQ(Scan(source, "x.npy").verdict() == Verdict::kAccepted, false) << name << size;
    }
    EXPECT_EQ(ReasonOf(Check(file + "x")), Rule::kNumpyDataTrailing) << name;
  }
}

// numpy_test.py compares with NumPy; this checks that accepted data are inside the file and fill
// it.
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

// A file that was recognized by its magic string, but does not have it when it is read, has
// changed.
TEST(NumpyFileTest, AnotherFileThanWasRecognized) {
  EXPECT_EQ(ReasonOf(Check("GGUF and more than that")), Rule::kIoChanged);
  EXPECT_EQ(ReasonOf(Check("")), Rule::kIoChanged);
}

TEST(NumpyFileTest, ADeadlineThatHasPassed) {
  CheckOptions options;
  options.deadline = DeadlineIn(std::chrono::seconds(-1));
  EXPECT_EQ(ReasonOf(Check(Content("plain"), options)), Rule::kLimitTime);
}

// The largest headers that are read, full of brackets, items, strings and numbers.
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
      "{'descr': [('\u007f\u0080\u07ff\u0800\uffff\U00010000\U00010001\U0010ffff', '<f4')], ";
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

// A file of version 2.0 or 3.0.
std::string LongFile(char version, std::string_view header, std::size_t data = 0) {
  std::string file = "\x93NUMPY";
  file.append({version, '\0', static_cast<char>(header.size()), '\0', '\0', '\0'});
  return file.append(header).append(data, '\0');
}

// All findings by their rules, in their order.
std::string RulesOf(const Report& report) {
  std::string rules;
  for (const Finding& finding : report.findings()) {
    if (!rules.empty()) rules += ' ';
    rules += Info(finding.rule).id.substr(std::string_view("numpy/").size());
  }
  return rules;
}

std::string HeaderOf(std::string_view descr, std::string_view shape, bool columns = false) {
  return "{'descr': " + std::string(descr) + ", 'fortran_order': " + (columns ? "True" : "False") +
         ", 'shape': " + std::string(shape) + ", }\n";
}

TEST(NumpyFileTest, NoMoreThanVersionAndLength) {
  using namespace std::string_literals;
  const struct {
    std::string file;
    Rule rule;
    std::uint64_t allowed;
  } cases[] = {{"\x93NUMPY"s, Rule::kNumpyFileTooSmall, 10},
               {"\x93NUMPY\4"s, Rule::kNumpyFileTooSmall, 10},
               {"\x93NUMPY\1\0"s, Rule::kNumpyFileTooSmall, 10},
               {"\x93NUMPY\2\0"s, Rule::kNumpyFileTooSmall, 12},
               {"\x93NUMPY\1\0\0"s, Rule::kNumpyFileTooSmall, 10},
               {"\x93NUMPY\3\0\0\0\0"s, Rule::kNumpyFileTooSmall, 12},
               {"\x93NUMPY\4\0"s, Rule::kNumpyVersion, 0},
               {"\x93NUMPY\1\1"s, Rule::kNumpyVersion, 0},
               {"\x93NUMPY\1\0\0\0"s, Rule::kNumpyHeaderSyntax, 0},
               {"\x93NUMPY\2\0\0\0\0\0"s, Rule::kNumpyHeaderSyntax, 0}};
  for (const auto& each : cases) {
    const Report report = Check(each.file);
    ASSERT_EQ(ReasonOf(report), each.rule) << each.file.size();
    EXPECT_EQ(report.findings()[0].allowed, each.allowed) << each.file.size();
  }
}

// After an element type is refused, its other findings are left out.
TEST(NumpyFileTest, OneFindingWhereTheElementIsRefused) {
  for (const auto& [descr, rule] : {std::pair("[('a', 'f4'), ('b', 'O')]", "descr-object"),
                                    {"[('a', 'f4'), ('b', 'x')]", "descr-unknown"},
                                    {"[('a', 'f4'), ('a', 'f4')]", "field-duplicate"}}) {
    const Report report = Check(File(HeaderOf(descr, "(1, 9223372036854775807, 3)")));
    EXPECT_TRUE(RulesOf(report).starts_with(rule)) << RulesOf(report);
    EXPECT_FALSE(RulesOf(report).contains("descr-alias")) << RulesOf(report);
    EXPECT_FALSE(RulesOf(report).contains("no-dtype")) << RulesOf(report);
    EXPECT_FALSE(RulesOf(report).contains("shape")) << RulesOf(report);
  }
}

// A product that wraps around to few bytes, or to none.
TEST(NumpyFileTest, SizesThatOverflow) {
  for (const auto& [descr, shape] : {std::pair("'<c16'", "(2305843009213693952,)"),
                                     {"'<c16'", "(1152921504606846977,)"},
                                     {"'|u1'", "(4294967296, 4294967296)"},
                                     {"'|u1'", "(9223372036854775808,)"},
                                     {"'|u1'", "(0, 4294967296, 4294967296)"},
                                     {"'|S0'", "(9223372036854775808,)"}}) {
    for (const std::size_t data : {0uz, 16uz}) {
      EXPECT_EQ(ReasonOf(Check(File(HeaderOf(descr, shape), data))), Rule::kNumpyShapeOverflow)
          << descr << shape;
    }
  }
  // A refused shape has no size to check.
  const Report report = Check(File(HeaderOf("'|u1'", "(4294967296, 4294967296, None)")));
  EXPECT_TRUE(RulesOf(report).starts_with("shape-invalid")) << RulesOf(report);
  EXPECT_FALSE(RulesOf(report).contains("overflow")) << RulesOf(report);
}

TEST(NumpyFileTest, ElementsWithoutBytes) {
  EXPECT_EQ(Check(File(HeaderOf("'|S0'", "(0,)"))).verdict(), Verdict::kAccepted);
  EXPECT_EQ(Check(File(HeaderOf("'|S0'", "(2, 0)"))).verdict(), Verdict::kAccepted);
  EXPECT_EQ(ReasonOf(Check(File(HeaderOf("'|S0'", "(1,)")))), Rule::kNumpyDescrZeroSize);
  EXPECT_EQ(ReasonOf(Check(File(HeaderOf("'|S0'", "()")))), Rule::kNumpyDescrZeroSize);
}

TEST(NumpyFileTest, FactsOfAHeader) {
  const std::string header = HeaderOf("'|u1'", "(2, 3)");
  for (const std::string padding : {"", " ", "   \n", "\n"}) {
    const Report report = Check(File(header + padding, 6));
    ASSERT_TRUE(report.facts());
    EXPECT_EQ(report.facts()->header_bytes, header.size() + padding.size());
    EXPECT_EQ(report.facts()->padding_bytes, 1 + padding.size());
    EXPECT_EQ(report.facts()->parameters, 6u);
    EXPECT_EQ(report.facts()->data_bytes, 6u);
  }
}

// Version 3.0 is for characters above U+00FF; NumPy reads `L` after a number in the others.
TEST(NumpyFileTest, WhatAVersionIsFor) {
  const std::string latin = HeaderOf("[('\u00ff', '|u1')]", "(1,)");
  const std::string wide = HeaderOf("[('\u0100', '|u1')]", "(1,)");
  EXPECT_TRUE(RulesOf(Check(LongFile(3, latin, 1))).contains("version-high"));
  EXPECT_FALSE(RulesOf(Check(LongFile(3, wide, 1))).contains("version-high"));
  EXPECT_TRUE(RulesOf(Check(LongFile(2, HeaderOf("'|u1'", "(1,)"), 1))).contains("version-high"));
  EXPECT_FALSE(RulesOf(Check(File(HeaderOf("'|u1'", "(1,)"), 1))).contains("version-high"));
  const std::string python2 = HeaderOf("'|u1'", "(1L,)");
  const CheckOptions reference{.profile = Profile::kReference};
  EXPECT_EQ(Check(File(python2, 1), reference).verdict(), Verdict::kAccepted);
  EXPECT_EQ(Check(LongFile(2, python2, 1), reference).verdict(), Verdict::kAccepted);
  EXPECT_EQ(ReasonOf(Check(LongFile(3, python2, 1), reference)), Rule::kNumpyHeaderSyntax);
}

// A file that is refused is not read any further.
TEST(NumpyFileTest, NoDataOfARefusedFile) {
  for (const std::string& file : {Content("bool") + "x", Content("bool").substr(0, 129)}) {
    const Report report = Check(file, {.scope = Scope::kFull});
    EXPECT_EQ(report.verdict(), Verdict::kRejected);
    EXPECT_EQ(report.scope(), Scope::kStructure);
  }
}

// Magic and length, then the header; strict looks for what else the file is.
TEST(NumpyFileTest, WhatTheReferenceReads) {
  Hostile source(Content("plain"), -1);
  EXPECT_EQ(numpy::Examine(source, {.profile = Profile::kReference}, nullptr).verdict(),
            Verdict::kAccepted);
  EXPECT_EQ(source.reads(), 2);
  EXPECT_EQ(numpy::Examine(source, {}, nullptr).verdict(), Verdict::kAccepted);
  EXPECT_GT(source.reads(), 4);
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

// Data in Fortran order are read in C order.
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

// Columns and rows differ where two dimensions or more are above 1.
TEST(NumpyFileTest, StridesWhereTheyMakeADifference) {
  using Numbers = std::vector<std::uint64_t>;
  const struct {
    const char* shape;
    std::size_t data;
    Numbers stride;
  } cases[] = {{"()", 1, {}},
               {"(3,)", 3, {}},
               {"(1, 3)", 3, {}},
               {"(3, 1)", 3, {}},
               {"(1, 3, 1)", 3, {}},
               {"(2, 3)", 6, {1, 2}},
               {"(2, 1, 3)", 6, {1, 2, 2}},
               {"(2, 3, 0)", 0, {}},
               {"(0, 2, 3)", 0, {}}};
  for (const auto& each : cases) {
    for (const bool columns : {false, true}) {
      const std::string file = File(HeaderOf("'|u1'", each.shape, columns), each.data);
      MemorySource source(AsBytes(file));
      std::unique_ptr<const ModelFile> opened;
      EXPECT_EQ(numpy::Examine(source, {}, &opened).verdict(), Verdict::kAccepted) << each.shape;
      ASSERT_TRUE(opened) << each.shape;
      EXPECT_EQ(opened->tensor(0).stride, columns ? each.stride : Numbers()) << each.shape;
    }
  }
}

TEST(NumpyFileTest, TheElementTypeAsItIsWritten) {
  for (const auto& [descr, name] :
       {std::pair("'<f4'", "F32"), {"'<c16'", "<c16"}, {"[('a', '<f4')]", "[('a', '<f4')]"}}) {
    const std::string file = File(HeaderOf(descr, "(0,)"));
    MemorySource source(AsBytes(file));
    std::unique_ptr<const ModelFile> opened;
    EXPECT_EQ(numpy::Examine(source, {}, &opened).verdict(), Verdict::kAccepted) << descr;
    ASSERT_TRUE(opened) << descr;
    EXPECT_EQ(opened->tensor(0).type.name, name);
  }
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
