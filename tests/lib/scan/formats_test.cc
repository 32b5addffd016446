// Formats without a parser, at the limits of their recognition. tests/cli/scan_test.py has
// examples.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/formats/recognized.h"
#include "lib/formats/registry.h"
#include "tensorgate/scan.h"

namespace tensorgate {
namespace {

using namespace std::string_view_literals;
using namespace std::string_literals;

Report ScanText(std::string_view text, std::string_view name = "") {
  MemorySource source(internal::AsBytes(text));
  return Scan(source, name);
}

std::string FormatOf(std::string_view text) { return std::string(ScanText(text).format()); }

TEST(FormatsTest, NamesAreReadInAnyCase) {
  for (const char* name : {".safetensors", "X.SAFETENSORS", "x.SafeTensors"})
    EXPECT_EQ(ScanText("1234567", name).verdict(), Verdict::kRejected) << name;
  for (const char* name : {"X.NPZ", ".pt", "x.Pt"})
    EXPECT_EQ(ScanText("\xF0\xF1", name).file_class(), FileClass::kModel) << name;
}

TEST(FormatsTest, UnknownAndKnownFormats) {
  EXPECT_EQ(ScanText("\xF0\xF1\xF2").findings()[0].rule, Rule::kScanUnknown);
  EXPECT_EQ(ScanText("GGUF\3\0\0\0"sv).findings()[0].rule, Rule::kScanUnsupported);
  for (const char* text : {"a\tb", "a\nb", "a\rb", "a\fb"}) EXPECT_EQ(FormatOf(text), "text");
  EXPECT_NE(FormatOf("a\vb"), "text");
}

// A header of 100,000,000 bytes is valid, one byte more is not; neither is a header of one byte.
TEST(FormatsTest, LengthsThatMayBeAHeaders) {
  EXPECT_EQ(FormatOf("\0\xE1\xF5\5\0\0\0\0{"sv), "safetensors");
  EXPECT_NE(FormatOf("\1\xE1\xF5\5\0\0\0\0{"sv), "safetensors");
  EXPECT_EQ(FormatOf("\1\0\0\0\0\0\0\0{"sv), "safetensors");
}

TEST(FormatsTest, ASuffixOfAnotherFormatIsReported) {
  const std::string good("\2\0\0\0\0\0\0\0{}", 10);
  for (const Finding& finding : ScanText(good, "x").findings())
    EXPECT_NE(finding.rule, Rule::kScanSuffix);
  EXPECT_EQ(ScanText(good, "x.gguf").findings().back().rule, Rule::kScanSuffix);
  EXPECT_EQ(ScanText(good, "x.gguf").verdict(), Verdict::kAccepted);
  EXPECT_NE(ScanText("GGUF\3\0\0\0"sv, "x.gguf").findings().back().rule, Rule::kScanSuffix);
}

TEST(FormatsTest, ProtobufsOfOnnx) {
  EXPECT_EQ(FormatOf("\x08\x07\x12\x01x\x3A\x01y"sv), "onnx");
  EXPECT_EQ(FormatOf("\x08\x07\x12\x80\x01" + std::string(128, 'x') + "\x3A\x01y"), "onnx");
  EXPECT_EQ(FormatOf("\x08\x07\xC8\x01\x01\x3A\x01y"sv), "onnx");  // field 25
  EXPECT_NE(FormatOf("\x08\x07\xD0\x01\x01\x3A\x01y"sv), "onnx");  // field 26
  EXPECT_NE(FormatOf("\x09\x07\x12\x01x\x3A\x01y"sv), "onnx");
  EXPECT_NE(FormatOf("\x08\x07\x11\x01\x3A\x01yz"sv), "onnx");  // a type that is not used
}

TEST(FormatsTest, MessagesOfProtobufs) {
  const auto with = [](std::string_view version, std::string_view rest) {
    return FormatOf("\x08" + std::string(version) + std::string(rest));
  };
  const std::string_view graph = "\x12\x01x\x3A\x01y";
  for (const std::string_view version : {"\x01", "\x20"}) EXPECT_EQ(with(version, graph), "onnx");
  for (const std::string_view version : {"\0"sv, "\x21"sv}) EXPECT_NE(with(version, graph), "onnx");
  EXPECT_EQ(with("\7", "\x12\x01x\x42\x01y"), "onnx");         // opset_import, field 8
  EXPECT_NE(with("\7", "\x12\x01x\x38\x01\x20\x01"), "onnx");  // field 7, a number
  EXPECT_NE(with("\7", "\x08\x07\x3A\x01yz"), "onnx");         // the version again
  EXPECT_NE(with("\7", "\x12\x02xx\x18\x80"), "onnx");         // cut
  EXPECT_NE(with("\7", "\x12\x7fxx\x3A\x01y"), "onnx");        // longer than the file
  // A saved model: schema 1, and a meta graph of more than 64 bytes that begins with its field 1.
  const std::string graphs = "\x0a" + std::string(200, 'x');
  EXPECT_EQ(with("\1", "\x12\x41" + graphs), "tensorflow-savedmodel");
  EXPECT_NE(with("\1", "\x12\x40" + graphs), "tensorflow-savedmodel");
  EXPECT_NE(with("\2", "\x12\x41" + graphs), "tensorflow-savedmodel");
  EXPECT_NE(with("\1", "\x1a\x41" + graphs), "tensorflow-savedmodel");
  EXPECT_NE(with("\1", "\x10\x41" + graphs), "tensorflow-savedmodel");
  EXPECT_NE(with("\1", "\x12\x41x" + graphs), "tensorflow-savedmodel");
}

TEST(FormatsTest, PicklesByTheirProtocol) {
  for (const std::string_view file : {"\x80\0."sv, "\x80\2."sv, "\x80\5."sv}) {
    EXPECT_EQ(FormatOf(file), "pickle") << file.size();
  }
  for (const std::string_view file : {"\x80\6."sv, "\x80\xff."sv, "\x80\x7f."sv, "\x81\2."sv}) {
    EXPECT_EQ(FormatOf(file), "unknown") << file.size();
  }
  EXPECT_NE(FormatOf("\x80\2"), "pickle");
  EXPECT_EQ(FormatOf("\x80\2cjoblib.numpy_pickle\nNumpyArrayWrapper\n."), "joblib");
  EXPECT_EQ(FormatOf("\x80\2X\x14\0\0\0ajoblib.numpy_pickle."s), "joblib");
  EXPECT_EQ(FormatOf("\x80\2cjoblib.x\ny\n."), "joblib");
  EXPECT_EQ(FormatOf("\x80\2cJoblib.x\ny\n."), "pickle");
}

// The end of what is looked at may cut a character, the end of a file may not.
TEST(FormatsTest, TextsWithACharacterAtTheEnd) {
  const auto text = [](std::size_t before, std::string_view end, std::size_t after = 0) {
    return FormatOf(std::string(before, 'a') + std::string(end) + std::string(after, 'a'));
  };
  constexpr std::size_t kHead = internal::kScanHead;
  EXPECT_EQ(text(kHead - 1, "\xc3\xa9"), "text");
  EXPECT_EQ(text(kHead - 3, "\xf0\x9f\x98\x80"), "text");
  EXPECT_EQ(text(kHead - 4, "\xf0\x9f\x98\x80"), "text");
  EXPECT_NE(text(kHead - 4, "\xff", 10), "text");
  EXPECT_NE(text(kHead - 1, "\xc3"), "text");
  EXPECT_NE(text(10, "\xc3"), "text");
  EXPECT_NE(text(10, "\xff", 10), "text");
  for (const std::string_view odd : {"\x7f"sv, "\x1f"sv, "\0"sv, "\x0e"sv, "\x08"sv}) {
    EXPECT_NE(text(10, odd), "text") << int{odd[0]};
  }
  for (const std::string_view plain : {" "sv, "~"sv, "\xc2\x80"sv})
    EXPECT_EQ(text(10, plain), "text");
}

TEST(FormatsTest, APickleTruncatedInALineIsNotOne) {
  EXPECT_EQ(FormatOf("cos\nsystem\n."), "pickle");
  EXPECT_NE(FormatOf("cos\n."), "pickle");
}

std::string TarOf(std::string_view name, std::string_view after_the_sum, std::size_t size = 512) {
  std::string block(512, '\0');
  block.replace(0, name.size(), name);
  block.replace(156, 1, "0");
  block.replace(257, 5, "ustar");
  unsigned sum = 8 * ' ';
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::string octal;
  for (; sum != 0; sum /= 8) octal.insert(octal.begin(), static_cast<char>('0' + sum % 8));
  octal.append(after_the_sum).resize(8);
  block.replace(148, 8, octal);
  block.resize(size, 'x');
  return block;
}

TEST(FormatsTest, TarsByTheirSums) {
  const auto tar = [](std::string_view after_the_sum, std::size_t size = 512) {
    return TarOf("file", after_the_sum, size);
  };
  for (const std::string_view after : {"\0 "sv, " "sv, "\0x"sv}) {
    EXPECT_EQ(FormatOf(tar(after)), "tar") << after;
    EXPECT_EQ(FormatOf(tar(after, 2000)), "tar") << after;
  }
  for (const std::string_view after : {"0"sv, "9"sv, "/"sv})
    EXPECT_NE(FormatOf(tar(after)), "tar") << after;
  EXPECT_NE(FormatOf(tar("\0"sv).substr(0, 511)), "tar");
}

std::string Number(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

// An archive with only its directory.
std::string ListOf(std::initializer_list<std::string_view> names) {
  std::string list;
  for (const std::string_view name : names) {
    list += "PK\1\2" + std::string(24, '\0') + Number(name.size(), 2) + std::string(16, '\0');
    list += name;
  }
  return list + "PK\5\6" + std::string(8, '\0') + Number(list.size(), 4) + std::string(6, '\0');
}

TEST(FormatsTest, ArchivesThatAreFoundByTheirEnd) {
  const std::string empty = ListOf({});
  EXPECT_EQ(FormatOf(empty), "zip");
  EXPECT_EQ(FormatOf("PK\5\6 cut"), "zip");
  EXPECT_EQ(FormatOf("PK\7\10"
                     "PK\3\4"),
            "zip");
  const std::string one = ListOf({"a.txt"});
  EXPECT_EQ(FormatOf("hello\n" + one), "zip");
  EXPECT_EQ(FormatOf("hello\n" + one + "and more"), "zip");
  EXPECT_EQ(FormatOf("\xF0\xF1\xF2" + one), "zip");
  // An archive without members has no data for any loader.
  EXPECT_EQ(FormatOf("hello\n" + empty), "unknown");
  EXPECT_EQ(FormatOf("GGUF" + empty), "gguf");
  EXPECT_EQ(FormatOf("hello\n"), "text");
  EXPECT_EQ(FormatOf("hello PK\5\6, too short"), "unknown");
}

const std::string kHdf5 = "\x89HDF\r\n\x1a\n", kCall = "cos\nsystem\n(S'x'\ntR.";

TEST(FormatsTest, AnHdf5FileMayBeginLater) {
  for (const std::size_t at : {0uz, 512uz, 1024uz, 2048uz, 4096uz, 8192uz}) {
    const std::string front(at, '\xFF');
    EXPECT_EQ(FormatOf(front + kHdf5), "hdf5") << at;
    EXPECT_NE(FormatOf(front + "\xFF" + kHdf5), "hdf5") << at;
  }
  const std::string keras = std::string(1024, '\xFF') + kHdf5 + "keras_version";
  EXPECT_EQ(FormatOf(keras), "keras-hdf5");
}

TEST(FormatsTest, WordsOfKeras) {
  for (const char* word : {"keras_version", "model_weights", "layer_names"}) {
    EXPECT_EQ(FormatOf(kHdf5 + word), "keras-hdf5") << word;
    EXPECT_NE(FormatOf("xHDF" + std::string(word)), "keras-hdf5") << word;
  }
  EXPECT_EQ(FormatOf(kHdf5 + "keras_weights"), "hdf5");
  for (const std::size_t at : {512uz, 1024uz, 2048uz}) {
    EXPECT_EQ(FormatOf(std::string(at, '\xFF') + kHdf5 + "layer_names"), "keras-hdf5") << at;
  }
}

TEST(FormatsTest, TarsOfTorch) {
  for (const char* name :
       {"sys_info", "pickle", "storages", "tensors", "./sys_info", "./tensors"}) {
    EXPECT_EQ(FormatOf(TarOf(name, "\0"sv)), "pytorch-tar") << name;
  }
  for (const char* name : {"sys_inf", "pickles", "xxtensors", "././tensors", "a/tensors"}) {
    EXPECT_EQ(FormatOf(TarOf(name, "\0"sv)), "tar") << name;
  }
}

TEST(FormatsTest, WhatElseARecognizedFileIsGetsReported) {
  const std::tuple<std::string, std::string_view, std::string_view> cases[] = {
      {TarOf(kHdf5, "\0"sv), "hdf5", "a tar archive"},
      {TarOf("GGUF", "\0"sv), "tar", ""},
      {"GGUF" + std::string(20, '\xFF') + ListOf({"a.txt"}), "gguf", "a ZIP archive"},
      {"GGUF" + std::string(508, '\xFF') + kHdf5, "gguf", "an HDF5 file"},
      {"GGUF12345" + kCall, "gguf", "a pickle"},  // opcode G takes eight bytes
      {"GGUF12345.", "gguf", ""}};
  for (const auto& [file, format, also] : cases) {
    const Report report = ScanText(file);
    EXPECT_EQ(report.format(), format) << also;
    EXPECT_EQ(report.verdict(), Verdict::kUnsupported) << also;
    const Finding& last = report.findings().back();
    EXPECT_EQ(last.rule == Rule::kScanAlsoFormat, !also.empty()) << also;
    if (!also.empty()) EXPECT_EQ(report.FoundText(last), also);
  }
}

// A file refused as safetensors is judged as the pickle that it is: opcode X takes five bytes.
TEST(FormatsTest, APickleInTheLengthOfAHeader) {
  const Report report = ScanText("X\5\0\0\0\0\0\0{x"s + kCall);
  EXPECT_EQ(report.format(), "pickle");
  EXPECT_EQ(report.verdict(), Verdict::kRejected);
  EXPECT_EQ(FormatOf("X\5\0\0\0\0\0\0{x"s), "safetensors");
}

// A signature of text counts only if text follows.
TEST(FormatsTest, MarksOfTextsWithoutText) {
  const std::string zeros(20, '\0');
  for (const auto& [mark, format] :
       {std::pair("<!DOCTYPE html>", "html"),
        {"<svg>", "xml"},
        {" {\"a\":1}", "json"},
        {"version https://git-lfs.github.com/spec/v1\n", "git-lfs-pointer"}}) {
    EXPECT_EQ(FormatOf(mark), format);
    EXPECT_EQ(FormatOf(mark + zeros), "unknown") << mark;
  }
  EXPECT_EQ(FormatOf("RIFF1234WEBP"), "picture");
  EXPECT_EQ(FormatOf("RIFF123\xFF"), "unknown");
  EXPECT_EQ(FormatOf("RIFF\xFF"), "unknown");
  for (const std::string_view cut : {"RIFF", "RIFF123", "RIFF1234", "RIFF1234WEB"}) {
    EXPECT_EQ(internal::recognize::Webp({cut, cut.size()}), internal::Match::kNo) << cut;
  }
}

TEST(FormatsTest, NamesOfWrittenFormats) {
  for (const char* name : {"a.safetensors", "A.SafeTensors", ".safetensors"})
    EXPECT_TRUE(internal::IsNamedSafetensors(name)) << name;
  for (const char* name : {"", "safetensors", "a.safetensors.index.json", "a.pt"})
    EXPECT_FALSE(internal::IsNamedSafetensors(name)) << name;
}

TEST(FormatsTest, ArchivesByTheirMembers) {
  EXPECT_EQ(FormatOf(ListOf({"a.npy", "b.npy"})), "npz");
  EXPECT_EQ(FormatOf(ListOf({"a.npy", "b.txt"})), "zip");
  EXPECT_EQ(FormatOf(ListOf({"a.npy", ""})), "zip");
  EXPECT_EQ(FormatOf(ListOf({"config.json", "model.weights.h5"})), "keras-zip");
  EXPECT_EQ(FormatOf(ListOf({"config.json"})), "zip");
  EXPECT_EQ(FormatOf(ListOf({"model.weights.h5"})), "zip");
  EXPECT_EQ(FormatOf(ListOf({"a/constants.pkl"})), "torchscript");
  EXPECT_EQ(FormatOf(ListOf({"a/code/x.py", "a/data.pkl"})), "torchscript");
  EXPECT_EQ(FormatOf(ListOf({"a/code/x.py"})), "zip");
  EXPECT_EQ(FormatOf(ListOf({"a/data.pkl"})), "pytorch-zip");
  // ZIP64's end record, truncated: its fields would be after the end of the file.
  EXPECT_EQ(FormatOf("PK\6\6PK\6\7" + std::string(16, '\0') + ListOf({"a.txt"})), "zip");
}

// How much of a stream has to come before it may be taken for safetensors.
TEST(FormatsTest, WhatShowsAHeader) {
  const auto shows = [](std::string_view after_the_length) {
    const std::string bytes = std::string(8, '\1') + std::string(after_the_length);
    return internal::recognize::ShowsHeader({bytes, UINT64_MAX});
  };
  EXPECT_TRUE(shows("{"));
  EXPECT_TRUE(shows(" \n{"));
  EXPECT_TRUE(shows("x"));
  EXPECT_FALSE(shows(""));
  EXPECT_FALSE(shows(" \t\r\n"));
  EXPECT_FALSE(shows(std::string(internal::kScanHead - 9, ' ')));
  EXPECT_TRUE(shows(std::string(internal::kScanHead - 8, ' ')));
  EXPECT_FALSE(internal::recognize::ShowsHeader({"1234567{", UINT64_MAX}));
}

TEST(FormatsTest, NamesOfModels) {
  for (const char* name : {"x.pt", "X.NEMO", "x.mar", ".gguf", "x.zip", "a/b.data"}) {
    EXPECT_TRUE(internal::IsNamedAsModel(name)) << name;
  }
  for (const char* name : {"", "pt", "x.txt", "x.json", "x.png", "x.html", "nemo"}) {
    EXPECT_FALSE(internal::IsNamedAsModel(name)) << name;
  }
}

// Of formats that are examined only, and not of suffixes that several have.
TEST(FormatsTest, NamesOfOtherFormats) {
  EXPECT_TRUE(internal::NamesOther("safetensors", "x.gguf"));
  EXPECT_TRUE(internal::NamesOther("numpy", "x.TXT"));
  EXPECT_FALSE(internal::NamesOther("numpy", "x.npy"));
  EXPECT_FALSE(internal::NamesOther("safetensors", "x.nemo"));
  EXPECT_FALSE(internal::NamesOther("safetensors", "x"));
  EXPECT_FALSE(internal::NamesOther("gguf", "x.txt"));
  EXPECT_FALSE(internal::NamesOther("no such format", "x.txt"));
}

TEST(FormatsTest, FormatsByTheirNames) {
  using internal::Packing;
  EXPECT_EQ(internal::FindFormat("numpy")->name, "numpy");
  EXPECT_EQ(internal::FindFormat("no such format"), nullptr);
  EXPECT_EQ(internal::FindShards("pytorch-checkpoint"), &internal::TorchFormat());
  EXPECT_EQ(internal::FindShards("safetensors-checkpoint"), &internal::SafetensorsFormat());
  EXPECT_EQ(internal::FindShards("safetensors"), nullptr);
  EXPECT_EQ(internal::FindShards(""), nullptr);
  for (const auto& [packing, name] : {std::pair(Packing::kZip, "zip"),
                                      {Packing::kTar, "tar"},
                                      {Packing::kHdf5, "hdf5"},
                                      {Packing::kPickle, "pickle"},
                                      {Packing::kZlib, "zlib"},
                                      {Packing::kNone, "unknown"}}) {
    EXPECT_EQ(internal::PlainFormat(packing).name, name);
  }
  EXPECT_EQ(internal::FormatBySuffix("x.safetensors"), &internal::SafetensorsFormat());
  for (const char* name : {"x.npy", "x.pt", "x", "safetensors"}) {
    EXPECT_EQ(internal::FormatBySuffix(name), nullptr) << name;
  }
}

}  // namespace
}  // namespace tensorgate
