// Which program wrote an archive, by the names in it; formats that are recognized by more than a
// signature.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "tensorgate/scan.h"

namespace tensorgate {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::string FormatOf(std::string_view file) {
  MemorySource source(internal::AsBytes(file));
  return std::string(Scan(source, "x").format());
}

void Put(std::string& record, std::size_t at, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    record[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
}

// A ZIP archive of empty members; optionally with ZIP64 records as PyTorch writes them.
std::string Zip(const std::vector<std::string>& names, bool zip64 = false) {
  std::string local = "PK\3\4";
  local.resize(30);
  Put(local, 26, names[0].size(), 2);
  local += names[0];
  std::string list;
  for (const std::string& name : names) {
    std::string entry = "PK\1\2";
    entry.resize(46);
    Put(entry, 28, name.size(), 2);
    Put(entry, 30, 3, 2);
    Put(entry, 32, 2, 2);
    list += entry + name + "extra";
  }
  std::string end = "PK\5\6";
  end.resize(22);
  Put(end, 12, zip64 ? 0xFFFFFFFF : list.size(), 4);
  if (!zip64) return local + list + end;
  std::string large = "PK\6\6";
  large.resize(56);
  Put(large, 40, list.size(), 8);
  std::string locator = "PK\6\7";
  locator.resize(20);
  return local + list + large + locator + end;
}

TEST(ArchiveTest, IsNamedByItsMembers) {
  const struct {
    std::vector<std::string> names;
    const char* format;
  } cases[] = {
      {{"a/archive_format", "a/data.pkl"}, "pytorch-export"},
      {{"a/data.pkl", "a/constants.pkl"}, "torchscript"},
      {{"a/data.pkl", "a/code/b.py"}, "torchscript"},
      {{"a/code/b.py"}, "zip"},
      {{"a/x", "a/data.pkl"}, "pytorch-zip"},
      {{"data.pkl"}, "pytorch-zip"},
      {{"a/nodata.pkl"}, "zip"},
      {{"MAR-INF/MANIFEST.json", "x"}, "torch-mar"},
      {{"config.json", "model.weights.h5"}, "keras-zip"},
      {{"config.json"}, "zip"},
      {{"model.weights.h5"}, "zip"},
      {{"a.npy", "b.npy"}, "npz"},
      {{"a.npy", "b.txt"}, "zip"},
      {{"b.txt"}, "zip"},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(FormatOf(Zip(each.names)), each.format) << each.names[0];
    EXPECT_EQ(FormatOf(Zip(each.names, true)), each.format) << each.names[0];
    EXPECT_EQ(FormatOf("stub" + Zip(each.names)).empty(), false);
  }
  // With a truncated or wrong directory it is just an archive.
  const std::string whole = Zip({"x", "a/data.pkl"});
  EXPECT_EQ(FormatOf(std::string_view(whole).substr(0, whole.size() - 1)), "zip");
  std::string wrong = whole;
  Put(wrong, whole.size() - 10, 0xFFFFFF, 3);
  EXPECT_EQ(FormatOf(wrong), "zip");
}

// Reads after the first `reads` fail.
Report ScanWhileReadable(std::string_view file, int reads) {
  MemorySource memory(internal::AsBytes(file));
  CallbackSource source(
      file.size(), [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
        if (reads-- <= 0) return std::unexpected(Status{.rule = Rule::kIoReadFailed});
        return memory.Read(offset, into);
      });
  return Scan(source, "x");
}

TEST(ArchiveTest, OfWhichOnlyAPartCanBeRead) {
  const std::string first_says = Zip({"a/data.pkl", "a/constants.pkl"});
  EXPECT_EQ(ScanWhileReadable(first_says, 3).format(), "torchscript");
  EXPECT_EQ(ScanWhileReadable(first_says, 2).format(), "torchscript");
  // From here on only the first member's name is available.
  const std::string large = first_says.substr(0, 40) + std::string(70'000, '\0') + first_says;
  EXPECT_EQ(ScanWhileReadable(large, 3).format(), "torchscript");
  EXPECT_EQ(ScanWhileReadable(large, 2).format(), "pytorch-zip");
  EXPECT_EQ(ScanWhileReadable(large, 1).format(), "pytorch-zip");
  EXPECT_EQ(ScanWhileReadable(large, 0).verdict(), Verdict::kUndecided);
  // A text may have an archive at its end: what was not read was not judged.
  const std::string text(5000, 'x');
  EXPECT_EQ(ScanWhileReadable(text, 1).verdict(), Verdict::kUndecided);
  EXPECT_EQ(ScanWhileReadable(text, 100).format(), "text");
}

TEST(ArchiveTest, OddRecords) {
  const std::string whole = Zip({"x", "a/data.pkl"}, true);
  const std::size_t locator = whole.size() - 22 - 20;
  // A ZIP64 locator without the record, and with a record truncated by the file's end.
  std::string lone = whole;
  lone.replace(lone.find("PK\6\6"), 4, "none");
  EXPECT_EQ(FormatOf(lone), "zip");
  std::string cut = lone;
  cut.replace(locator + 8, 4, "PK\6\6");
  EXPECT_EQ(FormatOf(cut), "zip");
  // An entry that runs past the directory, and a directory that starts with something else.
  std::string past = Zip({"x", "a/data.pkl"});
  const std::size_t list = past.find("PK\1\2");
  Put(past, list + 46 + 6 + 28, 0xFFFF, 2);
  EXPECT_EQ(FormatOf(past), "zip");
  std::string other = Zip({"x", "a/data.pkl"});
  other[list] = 'Q';
  EXPECT_EQ(FormatOf(other), "zip");
  // Archives without members, and multi-disk archives.
  std::string empty = "PK\5\6";
  empty.resize(22);
  EXPECT_EQ(FormatOf(empty), "zip");
  EXPECT_EQ(FormatOf("PK\7\10PK\3\4 and the rest of it"), "zip");
  EXPECT_EQ(FormatOf("PK\3\4"), "zip");
}

// A tar archive whose first member has that name; `spaces` before its checksum.
std::string Tar(const std::string& name, int spaces = 0) {
  std::string tar(1024, '\0');
  tar.replace(0, name.size(), name);
  unsigned sum = 8 * ' ';
  for (const char c : tar) sum += static_cast<unsigned char>(c);
  std::string octal(static_cast<std::size_t>(spaces), ' ');
  for (int shift = 9; shift >= 0; shift -= 3) octal += static_cast<char>('0' + (sum >> shift & 7));
  return tar.replace(148, octal.size(), octal);
}

TEST(ArchiveTest, TarsByTheirFirstMember) {
  for (const char* name : {"./sys_info", "sys_info", "./pickle", "storages", "tensors"}) {
    EXPECT_EQ(FormatOf(Tar(name)), "pytorch-tar") << name;
    EXPECT_EQ(FormatOf(Tar(name, 3)), "pytorch-tar") << name;
  }
  EXPECT_EQ(FormatOf(Tar("model.bin")), "tar");
  EXPECT_EQ(FormatOf(Tar("./tensors/0")), "tar");
  std::string wrong = Tar("model.bin");
  wrong[0] = 'n';
  EXPECT_EQ(FormatOf(wrong), "unknown");
  EXPECT_EQ(FormatOf(std::string_view(Tar("model.bin")).substr(0, 511)), "unknown");
  EXPECT_EQ(FormatOf(Tar("")), "tar");  // for Python's tarfile, too
  EXPECT_EQ(FormatOf(std::string(1024, '\0')), "zeros");
}

TEST(ArchiveTest, Pickles) {
  EXPECT_EQ(FormatOf("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."sv),
            "pytorch-legacy");
  EXPECT_EQ(FormatOf("\x80\x04\x95 joblib.numpy_pickle"sv), "joblib");
  EXPECT_EQ(FormatOf("\x80\3cjoblib.something\nelse\n."sv), "joblib");
  for (const std::string_view head : {"\x80\x04\x95 else"sv, "\x80\0."sv, "\x80\x05."sv})
    EXPECT_EQ(FormatOf(head), "pickle");
  for (const std::string_view head : {"\x80\x06."sv, "\x80\x80."sv, "\x80\x04"sv, "\x81\x04."sv})
    EXPECT_EQ(FormatOf(head), "unknown");
  // Protocol 0: a call, whatever follows, and a pickle up to its last byte.
  for (const std::string_view head :
       {"cos\nsystem\n(S'x'\ntR."sv, "cos\nsystem\n(S'x'\ntR and so on"sv,
        "(S'x'\nios\nsystem\n."sv, "(lp0\n."sv})
    EXPECT_EQ(FormatOf(head), "pickle");
  for (const std::string_view head :
       {"."sv, ".end"sv, "cos"sv, "cos\nsystem"sv, "cos\nsystem\n(S'x"sv, "S'x"sv, "(lp0\n. "sv,
        "(((((((((((((((((((((((((!"sv, "(("sv, "((((((((((((((((((((((((((and so on"sv})
    EXPECT_EQ(FormatOf(head), "text") << head;
}

TEST(ArchiveTest, ProtocolBuffers) {
  // ONNX: ir_version, then the producer, then the graph (7) or the opset (8).
  EXPECT_EQ(FormatOf("\x08\x07\x12\x02pt\x3a\x01x"sv), "onnx");
  EXPECT_EQ(FormatOf("\x08\x20\x12\x02pt\x42\x01x"sv), "onnx");
  EXPECT_EQ(FormatOf("\x08\x07\x10\x01\x3a\x01x."sv), "onnx");
  // A saved model: schema 1, then a meta graph of some size that begins with its own field 1.
  EXPECT_EQ(FormatOf("\x08\x01\x12\x41\x0a\x02pt and so on"sv), "tensorflow-savedmodel");
  for (const std::string_view other : {
           "\x08\x01\x12\x40\x0a\x02pt and so on"sv,  // too small
           "\x08\x01\x12\x41\x12\x02pt and so on"sv,  // begins with another field
           "\x08\x01\x10\x41\x0a\x02pt and so on"sv,  // a number
           "\x08\x01\x1a\x41\x0a\x02pt and so on"sv,  // another field
           "\x08\x02\x12\x41\x0a\x02pt and so on"sv,  // another schema
           "\x08\x21\x12\x02pt\x3a\x01x"sv,           // no version
           "\x08\0\x12\x02pt\x3a\x01x"sv,
           "\x08\x07\x12\x02pt\x3a"sv,          // truncated
           "\x08\x07\x12\x02pt\x38\x01"sv,      // the graph as a number
           "\x08\x07\x0a\x02pt\x3a\x01x"sv,     // field 1 again
           "\x08\x07\xd2\x01\x01p\x3a\x01x"sv,  // field 26
           "\x08\x07\x11pppppppp\x3a\x01x"sv,   // eight fixed bytes
           "\x08\x07\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv,
           "\x08\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv,
       }) {
    EXPECT_EQ(FormatOf(other), "unknown") << other;
  }
  EXPECT_EQ(FormatOf("\x08\x07\x12\x04pppp"sv), "unknown");  // only the producer
}

TEST(ArchiveTest, KnownByMoreThanASignature) {
  EXPECT_EQ(FormatOf("\x89HDF\r\n\x1a\n and so on"sv), "hdf5");
  for (const char* mark : {"keras_version", "model_weights", "layer_names"})
    EXPECT_EQ(FormatOf("\x89HDF\r\n\x1a\n"s.append(mark)), "keras-hdf5") << mark;
  EXPECT_EQ(FormatOf(std::string(512, '\0') + "\x89HDF\r\n\x1a\n"), "hdf5");
  for (const std::string_view head :
       {"x\x01\xff\xfe"sv, "x\x5e\xff\xfe"sv, "x\x9c\xff\xfe"sv, "x\xda\xff\xfe"sv})
    EXPECT_EQ(FormatOf(head), "zlib");
}

TEST(ArchiveTest, Texts) {
  EXPECT_EQ(FormatOf("version https://git-lfs.github.com/spec/v1\noid"), "git-lfs-pointer");
  EXPECT_EQ(FormatOf(" {\"a\": 1}"), "json");
  EXPECT_EQ(FormatOf("[1, 2, 3, 4]"), "json");
  EXPECT_EQ(FormatOf("\xef\xbb\xbf<HTML><body>"), "html");
  EXPECT_EQ(FormatOf("<!DOCTYPE html>"), "html");
  EXPECT_EQ(FormatOf("<?xml version='1.0'?>"), "xml");
  EXPECT_EQ(FormatOf("<svg/> and more"), "xml");
  EXPECT_EQ(FormatOf("Just words, that end."), "text");
  EXPECT_EQ(FormatOf("Words, and \xC3\xA9"), "text");
  EXPECT_EQ(FormatOf("Words, cut in \xC3"), "unknown");
  // The head may end within a character.
  EXPECT_EQ(FormatOf(std::string(4095, 'w') + "\xC3\xA9"), "text");
  EXPECT_EQ(FormatOf(std::string(4093, 'w') + "\xC3 and so on"), "text");
  EXPECT_EQ(FormatOf(std::string(4092, 'w') + "\xC3 and so on"), "unknown");
}

}  // namespace
}  // namespace tensorgate
