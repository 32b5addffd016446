// Who wrote an archive, by the names in it; formats that are known by more than a signature.
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

// A ZIP archive of empty members; with ZIP64's records as PyTorch writes them.
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
  // Cut or wrong lists are no more than an archive.
  const std::string whole = Zip({"x", "a/data.pkl"});
  EXPECT_EQ(FormatOf(std::string_view(whole).substr(0, whole.size() - 1)), "zip");
  std::string wrong = whole;
  Put(wrong, whole.size() - 10, 0xFFFFFF, 3);
  EXPECT_EQ(FormatOf(wrong), "zip");
}

TEST(ArchiveTest, KnownByMoreThanASignature) {
  std::string tar(1024, '\0');
  tar.replace(0, 10, "./sys_info");
  unsigned sum = 8 * ' ';
  for (const char c : tar) sum += static_cast<unsigned char>(c);
  const char octal[] = {static_cast<char>('0' + sum / 512), static_cast<char>('0' + sum / 64 % 8),
                        static_cast<char>('0' + sum / 8 % 8), static_cast<char>('0' + sum % 8)};
  tar.replace(148, 4, octal, 4);
  EXPECT_EQ(FormatOf(tar), "pytorch-tar");
  tar[2] = 't';  // one more than 's'
  tar[151] = static_cast<char>(tar[151] == '7' ? '0' : tar[151] + 1);
  if (tar[151] != '0') {
    EXPECT_EQ(FormatOf(tar), "tar");
  }

  EXPECT_EQ(FormatOf("\x89HDF\r\n\x1a\n and so on"sv), "hdf5");
  for (const char* mark : {"keras_version", "model_weights", "layer_names"})
    EXPECT_EQ(FormatOf("\x89HDF\r\n\x1a\n"s.append(mark)), "keras-hdf5") << mark;
  EXPECT_EQ(FormatOf(std::string(512, '\0') + "\x89HDF\r\n\x1a\n"), "hdf5");
  EXPECT_EQ(FormatOf("\x80\x04\x95 joblib.numpy_pickle"sv), "joblib");
  EXPECT_EQ(FormatOf("\x80\x04\x95 else"sv), "pickle");
  EXPECT_EQ(FormatOf("cos\nsystem\n(S'x'\ntR."sv), "pickle");
  EXPECT_EQ(FormatOf("cos\nsystem\n(S'x"sv), "pickle");
  for (const std::string_view head : {"x\x01\xff\xfe"sv, "x\x5e\xff\xfe"sv, "x\x9c\xff\xfe"sv})
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
}

}  // namespace
}  // namespace tensorgate
