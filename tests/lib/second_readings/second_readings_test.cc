#include "lib/second_readings/second_readings.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/second_readings/packed.h"
#include "lib/second_readings/protobuf_walk.h"
#include "lib/second_readings/tar.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

const std::string kHdf5 = "\x89HDF\r\n\x1a\n";
constexpr std::string_view kCall = "cos\nsystem\n(S'x'\ntR."sv;

std::string Number(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string Entry() { return "PK\1\2" + std::string(42, '\0'); }

std::string EndRecord(std::uint64_t size, std::uint64_t offset) {
  return "PK\5\6" + std::string(8, '\0') + Number(size, 4) + Number(offset, 4) + "\0\0"s;
}

std::string Zip64End(std::uint64_t size, std::uint64_t offset, std::uint64_t record) {
  return "PK\6\6" + std::string(36, '\0') + Number(size, 8) + Number(offset, 8) + "PK\6\7" +
         Number(0, 4) + Number(record, 8) + Number(1, 4);
}

// The readings found, as a text; for the file, and for a stream of it in pieces of each size.
std::string Found(const SecondReadings& readings) {
  std::string found;
  if (readings.tar()) found += "tar ";
  if (readings.zip()) found += "zip:" + std::to_string(readings.zip()->directory) + " ";
  if (readings.hdf5()) found += "hdf5:" + std::to_string(*readings.hdf5()) + " ";
  if (!readings.compressed().empty()) found.append(readings.compressed()).append(" ");
  if (readings.flatbuffer()) found += "flatbuffer ";
  if (readings.onnx()) found += "onnx ";
  if (readings.pickle().dangerous()) {
    found.append("calls ").append(readings.pickle().name()).append(" ");
  } else if (readings.pickle().names()) {
    found.append("names ").append(readings.pickle().name()).append(" ");
  }
  return found;
}

std::string Whole(std::string_view file, Family family = Family::kSafetensors) {
  SecondReadings readings(family);
  MemorySource source(AsBytes(file));
  EXPECT_TRUE(FindSecondReadings(readings, source));
  return Found(readings);
}

std::string InPieces(std::string_view file, std::size_t piece) {
  SecondReadings readings(Family::kSafetensors);
  for (std::size_t at = 0; at < file.size(); at += piece) {
    readings.Watch(AsBytes(file.substr(at, piece)));
    readings.Watch({});
  }
  readings.EndOfStream();
  return Found(readings);
}

void ExpectFound(const std::string& file, const std::string& wanted) {
  EXPECT_EQ(Whole(file), wanted);
  for (const std::size_t piece :
       {1uz, 2uz, 3uz, 7uz, 8uz, 100uz, 4095uz, 4096uz, 70'000uz, 200'000uz}) {
    if (file.size() / piece < 100'000) EXPECT_EQ(InPieces(file, piece), wanted) << piece;
  }
}

TEST(SecondReadingsTest, NothingInNothing) {
  ExpectFound("", "");
  for (std::size_t size = 1; size < 100; ++size) ExpectFound(std::string(size, '\0'), "");
  ExpectFound(std::string(5000, '\0'), "");
  ExpectFound(std::string(200'000, '\xFF'), "");
}

TEST(SecondReadingsTest, AnArchiveByItsSizeOrItsOffset) {
  const std::string front(1000, '\xFF');
  ExpectFound(front + Entry() + EndRecord(46, 0), "zip:1000 ");
  ExpectFound(front + Entry() + EndRecord(1, 1000), "zip:1000 ");
  ExpectFound(front + Entry() + "gap" + EndRecord(49, 1), "zip:1000 ");
  ExpectFound(front + Entry() + EndRecord(45, 1001), "");
  ExpectFound(front + EndRecord(46, 0), "");
  ExpectFound(front + Entry() + EndRecord(0, 0), "");  // no members
  ExpectFound(front + Entry() + EndRecord(0xFFFFFFFF, 0xFFFFFFFF), "");
}

// The first and the last place at which a list of members may be, and the first of two.
TEST(SecondReadingsTest, AnArchiveAtTheEdges) {
  const std::string front(1000, '\xFF');
  ExpectFound(Entry() + EndRecord(46, 7), "zip:0 ");
  ExpectFound("PK\1\2" + std::string(20, '\0') + EndRecord(0, 0), "zip:0 ");
  ExpectFound(EndRecord(1, 22) + Entry(), "zip:22 ");
  ExpectFound(EndRecord(1, 22) + Entry().substr(0, 45), "");
  ExpectFound(front + Entry() + Entry() + EndRecord(46, 1000), "zip:1046 ");
}

TEST(SecondReadingsTest, AnArchiveAsFarFromTheEndAsReadersLook) {
  const std::string front(100, '\xFF'), archive = Entry() + EndRecord(46, 0);
  for (const std::size_t after : {0uz, 1uz, 65'535uz, 65'536uz, kZipTail - 22}) {
    ExpectFound(front + archive + std::string(after, '\xFF'), "zip:100 ");
  }
  ExpectFound(front + archive + std::string(kZipTail - 21, '\xFF'), "");
}

TEST(SecondReadingsTest, AListOfMembersFarBeforeTheEnd) {
  const std::string gap(300'000, '\xFF');
  ExpectFound(gap + Entry() + gap + EndRecord(0, gap.size()), "zip:300000 ");
  ExpectFound(gap + "PK\1\3" + gap + EndRecord(0, gap.size()), "");
}

TEST(SecondReadingsTest, ZIP64) {
  const std::string front(500, '\xFF');
  const std::uint64_t list = front.size(), record = list + 46;
  const auto file = [&](std::uint64_t size, std::uint64_t offset, std::uint64_t place) {
    return front + Entry() + Zip64End(size, offset, place) + EndRecord(0xFFFFFFFF, 0xFFFFFFFF);
  };
  ExpectFound(file(46, 0, 0), "zip:500 ");       // by the size, before the locator
  ExpectFound(file(1, list, 0), "zip:500 ");     // by the offset
  ExpectFound(file(46, 0, record), "zip:500 ");  // where the locator points
  ExpectFound(file(45, 1, 0), "");
  // A locator with nothing before it.
  ExpectFound(Zip64End(0, 0, 0).substr(56) + EndRecord(0, 0), "");
  // Elsewhere in the file: the bytes before the locator are not a record.
  std::string moved = Zip64End(0, 56 + 20, 0).substr(0, 56) + "12345678901234567890" + Entry();
  moved +=
      "PK\6\7" + Number(0, 4) + Number(0, 8) + Number(1, 4) + EndRecord(0xFFFFFFFF, 0xFFFFFFFF);
  EXPECT_EQ(Whole(moved), "zip:76 ");
  ExpectFound(std::string(60, '\xFF') + moved.substr(60), "");
}

std::string Locator(std::uint64_t record) {
  return "PK\6\7" + Number(0, 4) + Number(record, 8) + Number(1, 4);
}

TEST(SecondReadingsTest, ZIP64AtTheEdges) {
  const std::string end = EndRecord(0xFFFFFFFF, 0xFFFFFFFF);
  // The record at the file's beginning, where no locator points.
  ExpectFound(Zip64End(0, 98, 999) + end + Entry(), "zip:98 ");
  // No locator.
  ExpectFound(Entry() + Zip64End(46, 0, 0).substr(0, 56) + std::string(20, 'x') + end, "");
  // Where the last bytes that are looked at begin: the locator, and the record.
  const std::string front = std::string(400, '\xFF') + Entry();
  const std::string record = Zip64End(0, 400, 0).substr(0, 56),
                    none = Zip64End(0, 1, 0).substr(0, 56);
  const std::string last = Locator(front.size()) + end;
  const std::string gap(kZipTail - last.size(), '\xFF');
  EXPECT_EQ(Whole(front + record + last + gap), "zip:400 ");
  ExpectFound(front + record + gap.substr(56) + last, "zip:400 ");
  ExpectFound(front + none + gap.substr(56) + last, "");
  // Farther before the end a stream takes the record for a list of members.
  const std::string far = front + record + gap + last;
  EXPECT_EQ(Whole(far), "zip:400 ");
  for (const std::size_t piece : {1uz, 3uz, 100uz, 70'000uz}) {
    EXPECT_EQ(InPieces(far, piece), "zip:446 ") << piece;
  }
}

// Each mark counts once, wherever the pieces end.
TEST(SecondReadingsTest, AsManyMarksAsAreKept) {
  for (const int count : {4096, 4097}) {
    std::string many;
    for (int i = 0; i < count; ++i) many += "PK\1\2";
    many += std::string(100'000, '\xFF') + EndRecord(0, 30'000);
    for (const std::size_t piece : {4uz, 5uz, 6uz, 7uz, 1000uz}) {
      EXPECT_EQ(InPieces(many, piece).empty(), count == 4096) << piece;
    }
  }
}

TEST(SecondReadingsTest, WhatAStreamCannotLookUpCounts) {
  // More signatures than are kept: each place is assumed to have one.
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "PK\1\2";
  many += std::string(100'000, '\xFF') + EndRecord(0, 30'000);
  EXPECT_EQ(Whole(many), "");
  EXPECT_NE(InPieces(many, 1000), "");
}

TEST(SecondReadingsTest, HDF5AtPowersOfTwo) {
  for (const std::size_t at : {512uz, 1024uz, 2048uz, 4096uz, 8192uz, 65'536uz, 131'072uz}) {
    const std::string file = std::string(at, '\xFF') + kHdf5;
    ExpectFound(file, "hdf5:" + std::to_string(at) + " ");
    ExpectFound(file.substr(0, file.size() - 1), "");
    ExpectFound(" " + file, "");
  }
  ExpectFound(std::string(256, '\xFF') + kHdf5, "");
  ExpectFound(std::string(768, '\xFF') + kHdf5, "");
}

TEST(SecondReadingsTest, TheOwnFormatIsNotASecondReading) {
  const std::string front(100, '\xFF'), archive = front + Entry() + EndRecord(46, 0);
  EXPECT_EQ(Whole(archive, Family::kPickle), "zip:100 ");
  EXPECT_EQ(Whole(archive, Family::kOther), "zip:100 ");
  EXPECT_EQ(Whole(archive, Family::kZip), "");
  EXPECT_EQ(Whole(kCall, Family::kOther), "calls os.system ");
  EXPECT_EQ(Whole(kCall, Family::kPickle), "");
  EXPECT_EQ(Whole(kCall, Family::kZip), "");
}

TEST(SecondReadingsTest, APickleAcrossLongTexts) {
  for (const std::size_t length : {0uz, 1uz, 4000uz, 4096uz, 70'000uz}) {
    ExpectFound("X" + Number(length, 4) + std::string(length, 'x') + std::string(kCall),
                "calls os.system ");
    ExpectFound("V" + std::string(length, 'x') + "\n" + std::string(kCall), "calls os.system ");
  }
  ExpectFound("cos\nsystem\n.", "names os.system ");
  ExpectFound("X" + Number(100, 4) + "too short", "");
  // A length larger than any file.
  ExpectFound("\x8e" + Number(UINT64_MAX, 8) + "x", "");
}

TEST(SecondReadingsTest, AMobileModule) {
  ExpectFound("\x10\0\0\0PTMF"s + std::string(20, '\0'), "flatbuffer ");
  ExpectFound("\x1c\0\0\0PTMF"s + std::string(20, '\0'), "");  // a root past the end of the file
}

TEST(SecondReadingsTest, CompressedDataOfAnyLength) {
  for (const std::size_t after : {0uz, 30uz, 5000uz, 200'000uz}) {
    const std::string file = "x\x9c\1\5\0\xfa\xffhello"s + std::string(after, '\0');
    ExpectFound(file, "zlib data ");
    EXPECT_EQ(Whole(file, Family::kOther), "zlib data ");
    EXPECT_EQ(Whole(file, Family::kZip), "");
    EXPECT_EQ(Whole(file, Family::kPickle), "");
    ExpectFound("y" + file.substr(1), "");
  }
}

// A message with a graph, field 7, that ends where the file does.
TEST(SecondReadingsTest, AnOnnxModel) {
  const std::string graph = "\x3A\1y", last = "\xf8\xff\xff\xff\x0f\1";  // field 2^29 - 1
  ExpectFound("\x08\7" + graph, "onnx ");
  ExpectFound("\x08\7" + graph + last, "onnx ");
  ExpectFound("\x08\7\x42\1y"s, "");
  ExpectFound("\x08\7" + graph + "\0\1"s, "");  // field 0
  ExpectFound("\x08\7" + graph + "\x80\x80\x80\x80\x10\1"s, "");
  ExpectFound("\x08\7" + graph + "\x08", "");
  ExpectFound("\x08\7\x12\x88\x27" + std::string(5000, 'x') + graph, "onnx ");
}

// The last field is cut, or is longer than the file.
TEST(SecondReadingsTest, AnOnnxModelThatIsCut) {
  const std::string graph = "\x3A\1y";
  ExpectFound("\x08\7" + graph + "\x88", "");
  ExpectFound("\x08\7" + graph + "\x08\x80", "");
  ExpectFound("\x08\7" + graph + "\x12\5x", "");
  ExpectFound("\x08\7" + graph + "\x0d" + "123", "");
  ExpectFound("\x08\7" + graph + "\x0d" + "1234", "onnx ");
  ExpectFound("\x08\7" + graph + "\x09" + "12345678", "onnx ");
  ExpectFound("\x08\7" + graph + "\x0b", "");  // a group
}

// A reading that ends exactly where the file does does not end the others.
TEST(SecondReadingsTest, WhatEndsWithTheFile) {
  // A text of a pickle that has not ended, and in it the graph, of no bytes.
  ExpectFound("U\5abc\x3A\0"s, "onnx ");
  // The last field of a message, and in it the end of what is compressed.
  ExpectFound("x\x9c\x4b\x4a\4\0xyz"s, "zlib data ");
}

class Counting final : public Source {
 public:
  explicit Counting(std::string_view file) : file_(file) {}
  std::uint64_t size() const override { return file_.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    ++reads;
    return CopyBytes(AsBytes(file_.substr(static_cast<std::size_t>(offset))), into);
  }
  int reads = 0;

 private:
  std::string_view file_;
};

// What is at hand is not read again.
TEST(SecondReadingsTest, ReadsOfAFile) {
  const auto reads = [](const std::string& file) {
    SecondReadings readings(Family::kSafetensors);
    Counting source(file);
    EXPECT_TRUE(FindSecondReadings(readings, source));
    return source.reads;
  };
  for (const std::size_t size : {1uz, 511uz, 519uz, 520uz, 4095uz, 4096uz}) {
    EXPECT_EQ(reads(std::string(size, '\xFF')), 1) << size;
  }
  EXPECT_EQ(reads(std::string(512, '\xFF') + kHdf5), 1);
  EXPECT_EQ(reads("x\x9c\1\5\0\xfa\xffhello"s), 1);
  EXPECT_EQ(reads(std::string(200, '\xFF') + Entry() + EndRecord(46, 0)), 1);
  EXPECT_EQ(reads("N0N0N0"), 1);
  EXPECT_EQ(reads("\x08\7\x3A\1y"), 1);
  EXPECT_EQ(reads(std::string(4097, '\xFF')), 2);  // the tail
  EXPECT_EQ(reads(std::string(4104, '\xFF')), 3);  // and what is at 4,096
}

SecondReadings Of(std::string_view file) {
  SecondReadings readings(Family::kSafetensors);
  MemorySource source(AsBytes(file));
  EXPECT_TRUE(FindSecondReadings(readings, source));
  return readings;
}

std::string Tar() {
  std::string block(512, '\0');
  block.replace(0, 4, "name");
  block.replace(148, 4, "1241");  // in octal: the sum of the name and eight spaces
  return block;
}

TEST(SecondReadingsTest, WhatAReportSaysOfAPickle) {
  std::string many;
  for (int i = 0; i < 50'000; ++i) many += "N0";
  const std::pair<std::string, std::string> cases[] = {
      {std::string(kCall), "call os.system"},
      {"cos\nsystem\n.", "name os.system"},
      {"\x82\1)R.", "call a function or class whose name is computed"},
      {"L119547037146038801333356L\n.",
       "start a legacy PyTorch stream, whose other pickles torch.load runs"},
      {many, "continue in a way that unpicklers read differently, or run for very long"},
  };
  for (const auto& [file, words] : cases) {
    ReportBuilder builder({}, "safetensors");
    Of(file).AddTo(builder);
    const Report report = builder.Finish();
    ASSERT_EQ(report.findings().size(), 1u) << words;
    EXPECT_EQ(report.findings()[0].rule, Rule::kScanAlsoPickle);
    EXPECT_EQ(report.FoundText(report.findings()[0]), words);
  }
}

// Among the reference profile's loaders, one looks for tar archives: torch.load.
TEST(SecondReadingsTest, WhoseLoaderTakesATar) {
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    for (const Family family : {Family::kSafetensors, Family::kZip, Family::kPickle}) {
      SecondReadings readings(family);
      const std::string tar = Tar();
      MemorySource source(AsBytes(tar));
      EXPECT_TRUE(FindSecondReadings(readings, source));
      ReportBuilder builder({.profile = profile}, "x");
      readings.AddTo(builder);
      EXPECT_EQ(builder.HasError(), profile == Profile::kStrict || family == Family::kPickle);
    }
  }
  ReportBuilder builder({}, "x");
  Of("nothing").AddTo(builder);
  EXPECT_FALSE(builder.HasError());
}

TEST(SecondReadingsTest, WhereTheFirstOneBegins) {
  const std::string front(600, '\xFF');
  EXPECT_EQ(Of("nothing").first(), std::nullopt);
  EXPECT_EQ(Of("cos\nsystem\n.").first(), 0u);
  // In a text, a name without a call does not count.
  SecondReadings text(Family::kOther);
  MemorySource source(AsBytes("cos\nsystem\n."sv));
  EXPECT_TRUE(FindSecondReadings(text, source));
  EXPECT_EQ(text.first(), std::nullopt);
  EXPECT_EQ(Of(Tar()).first(), 0u);
  EXPECT_EQ(Of("x\x9c\1\5\0\xfa\xffhello"s).first(), 0u);
  EXPECT_EQ(Of("\x10\0\0\0PTMF"s + std::string(20, '\0')).first(), 4u);
  EXPECT_EQ(Of("N0" + std::string(kCall)).first(), 20u);
  EXPECT_EQ(Of(front + Entry() + EndRecord(46, 0)).first(), 600u);
  EXPECT_EQ(Of(std::string(512, '\xFF') + kHdf5).first(), 512u);
}

TEST(SecondReadingsTest, AmbiguousIsWhatOnlyASecondReadingRefuses) {
  const auto with = [](std::initializer_list<Rule> rules) {
    ReportBuilder builder({}, "safetensors");
    for (const Rule rule : rules) builder.Add(rule, 0);
    return builder.Finish();
  };
  EXPECT_FALSE(IsProvenButAmbiguous(with({})));
  EXPECT_FALSE(IsProvenButAmbiguous(with({Rule::kScanAlsoOnnx})));
  EXPECT_TRUE(IsProvenButAmbiguous(with({Rule::kScanAlsoTar})));
  EXPECT_TRUE(IsProvenButAmbiguous(with({Rule::kScanAlsoPickle})));
  EXPECT_FALSE(IsProvenButAmbiguous(with({Rule::kStDataTrailing})));
}

TEST(ProtobufWalkTest, NothingFollowsTheLastByteThereCanBe) {
  ProtobufWalk walk;
  walk.Feed(
      AsBytes("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv));  // field 1, of 2^64 - 1 bytes
  EXPECT_TRUE(walk.going());
  EXPECT_EQ(walk.position(), UINT64_MAX);
  walk.Feed(AsBytes("\x08"sv));
  EXPECT_FALSE(walk.going());
}

TEST(SecondReadingsTest, NoWriterHasSoManyOpcodes) {
  std::string file;
  for (int i = 0; i < 50'000; ++i) file += "N0";
  ExpectFound(file.substr(1), "");
  ExpectFound(file, "calls  ");
}

TEST(PackedTest, WhatUnpacks) {
  const std::string stored = "\1\5\0\xfa\xffhello"s, gzip = "\x1f\x8b\x08" + std::string(7, '\0');
  const std::string call(kCall);
  const std::string packed_call =
      "\1" + Number(call.size(), 2) + Number(~call.size() & 0xFFFF, 2) + call;
  const auto unpacks = [](const std::string& file) { return Unpacks(AsBytes(file)); };
  EXPECT_EQ(PackedFormat(AsBytes(gzip)), "gzip data");
  EXPECT_TRUE(unpacks(gzip + stored));
  EXPECT_FALSE(unpacks(gzip));
  EXPECT_FALSE(unpacks(gzip + "\7"));
  // Extra field, name, comment, checksum of the header.
  const std::string full = "\x1f\x8b\x08\x1e" + std::string(6, '\0') +
                           "\3\0abc"
                           "name\0"
                           "comment\0"
                           "cc"s;
  EXPECT_TRUE(unpacks(full + stored));
  for (std::size_t cut = 10; cut < full.size(); ++cut)
    EXPECT_FALSE(unpacks(full.substr(0, cut))) << cut;
  // zlib: its first byte occurs in many texts.
  for (const char second : {'\x01', '\x5e', '\x9c', '\xda'}) {
    EXPECT_EQ(PackedFormat(AsBytes("x"s + second)), "zlib data");
    EXPECT_TRUE(unpacks("x"s + second + stored));
    EXPECT_TRUE(unpacks("x"s + second + packed_call.substr(0, packed_call.size() - 1) + "\7"));
  }
  for (const char second : {'\x02', '\x00', '\xbb', '\xf9'})
    EXPECT_EQ(PackedFormat(AsBytes("x"s + second)), "");
  EXPECT_FALSE(unpacks("x^2 + y^2 = z^2\n"));
  EXPECT_FALSE(unpacks("x\x9c" + stored.substr(0, 8)));
  // Data that continue past the window count.
  std::string blocks;
  while (blocks.size() < kPackedWindow) blocks += "\0\0\0\xff\xff"s;
  EXPECT_TRUE(unpacks(gzip + blocks.substr(0, kPackedWindow - gzip.size())));
  EXPECT_FALSE(unpacks(gzip + blocks.substr(0, 1000)));
}

// "ZF", a size of 19 characters, in some versions a space, and zlib data.
TEST(PackedTest, WhatJoblibWroteBefore) {
  const std::string stored = "\1\5\0\xfa\xffhello"s, header = "ZF0x5                ";
  ASSERT_EQ(header.size(), 21u);
  for (const std::string& front : {header, header + " ", "ZF" + std::string(19, 'a')}) {
    EXPECT_EQ(PackedFormat(AsBytes(front + "x\x9c")), "zlib data");
    EXPECT_EQ(PackedFormat(AsBytes(front + "\x48\x89")), "zlib data");  // of a smaller window
    EXPECT_TRUE(Unpacks(AsBytes(front + "x\x9c" + stored)));
    EXPECT_FALSE(Unpacks(AsBytes(front + "x\x9c" + stored.substr(0, 8))));
    EXPECT_EQ(PackedFormat(AsBytes(front + "x")), "");
    EXPECT_EQ(PackedFormat(AsBytes(front + "y\x9c")), "");
    EXPECT_EQ(PackedFormat(AsBytes(front + "  x\x9c")), "");
  }
  // Another method than deflate, and a window that deflate does not have: their checks are right.
  for (const unsigned first : {0x78u, 0x48u, 0x79u, 0x77u, 0x88u, 0xF8u}) {
    const unsigned check = (31 - first * 256 % 31) % 31;
    const std::string bytes = {static_cast<char>(first), static_cast<char>(check)};
    EXPECT_EQ(PackedFormat(AsBytes(header + bytes)),
              first < 0x79 && first != 0x77 ? "zlib data" : "")
        << first;
  }
  for (std::size_t size = 0; size <= header.size(); ++size) {
    EXPECT_EQ(PackedFormat(AsBytes(header.substr(0, size))), "") << size;
  }
  EXPECT_EQ(PackedFormat(AsBytes("ZF0x5               gx\x9c")), "");
}

// Deflate data with one block of fixed codes: `text`, then its last byte many times, without an
// end.
std::string Repeating(std::string_view text, std::size_t times) {
  std::string packed;
  std::size_t count = 0;
  const auto put = [&](unsigned bit) {
    if (count++ % 8 == 0) packed += '\0';
    packed.back() = static_cast<char>(packed.back() | static_cast<char>(bit << ((count - 1) % 8)));
  };
  const auto code = [&](unsigned value, unsigned bits) {
    while (bits-- > 0) put(value >> bits & 1);
  };
  code(0b110, 3);  // the last block, with fixed codes
  for (const char c : text) {
    const unsigned byte = static_cast<unsigned char>(c);
    byte < 144 ? code(0x30 + byte, 8) : code(0x190 + byte - 144, 9);
  }
  for (std::size_t i = 0; i < times; ++i) code(0b11000101'00000, 13);  // 258 bytes, at distance 1
  return packed;
}

TEST(PackedTest, WhatGoesOnCountsIfAPickleDoes) {
  const std::string text = "X\xff\xff\xff\x7fx", other = "\xff";
  const auto unpacks = [](const std::string& packed) { return Unpacks(AsBytes("x\x9c" + packed)); };
  // More than is decompressed: a megabyte.
  EXPECT_TRUE(unpacks(Repeating(text, 4100)));
  EXPECT_FALSE(unpacks(Repeating(other, 4100)));
  EXPECT_FALSE(unpacks(Repeating(text, 4000)));  // truncated
  // More than the window holds.
  const std::string block = "\0\xff\xff\0\0"s;
  const std::string more = block + text + std::string(65'535 - text.size(), 'x');
  const std::string rest = block + std::string(65'535, 'x');
  EXPECT_TRUE(unpacks((more + rest + rest).substr(0, kPackedWindow - 2)));
  EXPECT_FALSE(unpacks((more + rest + rest).substr(0, kPackedWindow - 3)));
  EXPECT_FALSE(
      unpacks((block + other + more.substr(6) + rest + rest).substr(0, kPackedWindow - 2)));
}

TEST(TarTest, NumbersAsTarfileReadsThem) {
  const auto block = [](std::string_view mode, std::string_view sum) {
    std::string text(512, '\0');
    text.replace(0, 4, "name");
    text.replace(100, mode.size(), mode);
    text.replace(148, sum.size(), sum);
    return text;
  };
  const auto octal = [](unsigned value) {
    std::string digits;
    for (; value != 0; value /= 8) digits.insert(0, 1, static_cast<char>('0' + value % 8));
    return digits;
  };
  const auto is_tar = [&](std::string_view mode) {
    unsigned sum = 8 * ' ' + 'n' + 'a' + 'm' + 'e';
    for (const char c : mode) sum += static_cast<unsigned char>(c);
    return FirstTarMember(block(mode, octal(sum))).has_value();
  };
  for (const std::string_view mode :
       {""sv, "644"sv, " 644 "sv, "+644"sv, "-1"sv, "0o644"sv, "0O_7"sv, "6_4"sv, "644\0xyz"sv,
        "\x80zzzzzzz"sv, "\xffzzzzzzz"sv, "0"sv, "600"sv, "   "sv}) {
    EXPECT_TRUE(is_tar(mode)) << mode;
  }
  for (const std::string_view mode : {"648"sv, "x"sv, "6 4"sv, "6__4"sv, "_64"sv, "64_"sv, "+"sv,
                                      "0o"sv, "\x81zzz"sv, "6\xe9"sv, "+-6"sv}) {
    EXPECT_FALSE(is_tar(mode)) << mode;
  }
  // A sum of signed bytes, and one in base 256.
  const std::string high = block("\x80\xf0zzzzzz"sv, "");
  unsigned sum = 8 * ' ';
  int signed_sum = 8 * ' ';
  for (const char c : high) {
    sum += static_cast<unsigned char>(c);
    signed_sum += static_cast<signed char>(c);
  }
  EXPECT_TRUE(FirstTarMember(block("\x80\xf0zzzzzz"sv, octal(sum))));
  EXPECT_TRUE(FirstTarMember(block("\x80\xf0zzzzzz"sv, octal(static_cast<unsigned>(signed_sum)))));
  const std::string base256 =
      "\x80\0\0\0\0\0"s + static_cast<char>(sum >> 8) + static_cast<char>(sum & 0xFF);
  EXPECT_TRUE(FirstTarMember(block("\x80\xf0zzzzzz"sv, base256)));
  EXPECT_FALSE(FirstTarMember(block("\x80\xf0zzzzzz"sv, octal(sum + 1))));
  EXPECT_FALSE(FirstTarMember(std::string(512, '\0')));
  EXPECT_EQ(FirstTarMember(block("644", octal(8 * ' ' + 'n' + 'a' + 'm' + 'e' + '6' + '4' + '4'))),
            "name");
}

// What comes right before and after the sum is part of it; of bytes above 127 the signed sum may be negative.
TEST(TarTest, WhatTheSumCovers) {
  const auto sums = [](std::string text) {
    std::pair<std::int64_t, std::int64_t> sum(8 * ' ', 8 * ' ');
    text.erase(148, 8);
    for (const char c : text) {
      sum.first += static_cast<unsigned char>(c);
      sum.second += static_cast<signed char>(c);
    }
    return sum;
  };
  const auto with = [](std::string text, std::int64_t sum) {
    // Base 256, as tarfile reads it: 0xFF is negative.
    text[148] = sum < 0 ? '\xFF' : '\x80';
    for (std::size_t i = 0; i < 7; ++i) {
      text[155 - i] = static_cast<char>(static_cast<std::uint64_t>(sum) >> (8 * i) & 0xFF);
    }
    return text;
  };
  for (const std::size_t at : {0uz, 147uz, 156uz, 511uz}) {
    std::string text(512, '\0');
    text[at] = '0';
    EXPECT_EQ(sums(text).first, 8 * ' ' + '0');
    EXPECT_TRUE(FirstTarMember(with(text, 8 * ' ' + '0'))) << at;
    EXPECT_FALSE(FirstTarMember(with(text, 8 * ' '))) << at;
  }
  std::string high(512, '\0');
  high.replace(345, 100, 100, '\xF0');
  const auto [plain, negative] = sums(high);
  ASSERT_LT(negative, 0);
  EXPECT_TRUE(FirstTarMember(with(high, plain)));
  EXPECT_TRUE(FirstTarMember(with(high, negative)));
  EXPECT_FALSE(FirstTarMember(with(high, negative - 1)));
  EXPECT_FALSE(FirstTarMember(with(high, -plain)));
}

}  // namespace
}  // namespace tensorgate::internal
