#include "lib/formats/archive.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/source/read.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kEndRecord = 22, kLongestComment = 65'535;
constexpr std::size_t kEntry = 46;
constexpr std::uint64_t kDirectoryProbe = 65'536;

std::uint64_t LittleEndian(std::string_view text, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes && at + i < text.size(); ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(text[at + i])} << (8 * i);
  }
  return value;
}

std::optional<std::vector<std::byte>> ReadPart(Source& source, std::uint64_t offset,
                                               std::uint64_t length) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(length));
  if (!ReadFully(source, offset, bytes)) return std::nullopt;
  return bytes;
}

std::optional<std::vector<std::byte>> ReadTail(Source& source) {
  const std::uint64_t length = std::min<std::uint64_t>(source.size(), kEndRecord + kLongestComment);
  return ReadPart(source, source.size() - length, length);
}

void AddDirectory(std::string_view directory, ArchiveMembers& members) {
  while (directory.size() >= kEntry && directory.starts_with("PK\1\2")) {
    const std::uint64_t name = LittleEndian(directory, 28, 2);
    const std::uint64_t rest = LittleEndian(directory, 30, 2) + LittleEndian(directory, 32, 2);
    if (kEntry + name + rest > directory.size()) return;
    members.Add(directory.substr(kEntry, static_cast<std::size_t>(name)));
    directory.remove_prefix(static_cast<std::size_t>(kEntry + name + rest));
  }
}

}  // namespace

void ArchiveMembers::Add(std::string_view name) {
  const auto is = [&](std::string_view file) {
    return name == file || (name.ends_with(file) && name[name.size() - file.size() - 1] == '/');
  };
  data_pkl |= is("data.pkl");
  constants_pkl |= is("constants.pkl");
  code |= name.contains("/code/");
  mar |= name.starts_with("MAR-INF/");
  archive_format |= is("archive_format");
  keras_config |= name == "config.json";
  keras_weights |= name == "model.weights.h5";
  npy |= name.ends_with(".npy");
  only_npy &= name.ends_with(".npy");
}

ArchiveMembers ReadMembers(Source& source, std::span<const std::byte> head) {
  ArchiveMembers members;
  const std::string_view first = AsText(head);
  if (first.starts_with("PK\3\4") && first.size() >= 30) {
    members.Add(first.substr(30, static_cast<std::size_t>(LittleEndian(first, 26, 2))));
  }
  const auto tail_bytes = ReadTail(source);
  if (!tail_bytes) return members;
  const std::string_view tail = AsText(*tail_bytes);
  const std::size_t end = tail.rfind("PK\5\6");
  if (end == tail.npos || tail.size() - end < kEndRecord) return members;
  // The directory ends where the end records start, whatever offset they state: there may be other
  // bytes before the archive.
  std::size_t list_end = end;
  std::uint64_t length = LittleEndian(tail, end + 12, 4);
  // PyTorch writes ZIP64 records for small archives, too.
  if (end >= 20 && tail.substr(end - 20).starts_with("PK\6\7")) {
    list_end = tail.rfind("PK\6\6", end);  // the ZIP64 end record
    if (list_end == tail.npos) return members;
    length = LittleEndian(tail, list_end + 40, 8);
  }
  const std::uint64_t before = source.size() - tail.size() + list_end;
  if (length > before) return members;
  const std::uint64_t offset = before - length;
  length = std::min(length, kDirectoryProbe);
  const auto directory = ReadPart(source, offset, length);
  if (directory) AddDirectory(AsText(*directory), members);
  return members;
}

}  // namespace tensorgate::internal
