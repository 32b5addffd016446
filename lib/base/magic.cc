#include "lib/base/magic.h"

#include "lib/base/bytes.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view name;
};

// Short signatures occur in ordinary tensor data by chance, so those below have four bytes or more.
constexpr Magic kMagics[] = {
    {"PK\3\4"sv, "a ZIP archive (such as a PyTorch checkpoint)"},
    {"PK\5\6"sv, "an empty ZIP archive"},
    {"PK\7\x08PK"sv, "a split ZIP archive"},
    {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file (such as Keras weights)"},
    {"GGUF"sv, "a GGUF file"},
    {"%PDF-"sv, "a PDF document"},
    {"\x7f"
     "ELF"sv,
     "an ELF executable"},
    {"\x93NUMPY"sv, "a NumPy array"},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive"},
    {"\x1f\x8b\x08"sv, "gzip data"},
    {"BZh91AY&SY"sv, "bzip2 data"},
    {"\xfd"
     "7zXZ\0"sv,
     "xz data"},
    {"\x28\xb5\x2f\xfd"sv, "zstd data"},
    {"Rar!\x1a\x07"sv, "a RAR archive"},
    {"<!DOCTYPE html"sv, "an HTML page"},
    {"<!doctype html"sv, "an HTML page"},
    {"<html"sv, "an HTML page"},
    {"<HTML"sv, "an HTML page"},
    {"<?xml"sv, "an XML document"},
};

unsigned ByteAt(std::span<const std::byte> bytes, std::size_t index) {
  return index < bytes.size() ? std::to_integer<unsigned>(bytes[index]) : 256;
}

// PROTO of version 2 to 5, then an opcode that can start a stream: FRAME with a size that fits, or
// an opcode that pickle writers emit there. The zero bytes of a header length are not opcodes.
bool IsPickle(std::span<const std::byte> head, std::uint64_t limit) {
  if (ByteAt(head, 0) != 0x80 || ByteAt(head, 1) < 2 || ByteAt(head, 1) > 5) return false;
  const unsigned opcode = ByteAt(head, 2);
  if (opcode == 0x95) {
    if (head.size() < 12) return false;
    const std::uint64_t frame = LoadLittleEndian64(head.subspan<3, 8>());
    return limit >= 11 && frame >= 1 && frame <= limit - 11;
  }
  constexpr std::string_view kFirst = "(]})c\x8a\x8cXUNKIMJGBC"sv;
  return opcode < 256 && kFirst.contains(static_cast<char>(opcode)) && ByteAt(head, 3) != 0;
}

// The DOS header's e_lfanew at 60 points to "PE\0\0" shortly after it; the two letters alone prove
// nothing.
bool IsWindowsExecutable(std::span<const std::byte> head, std::uint64_t limit) {
  if (ByteAt(head, 0) != 'M' || ByteAt(head, 1) != 'Z' || head.size() < 64) return false;
  const unsigned low = ByteAt(head, 60) | ByteAt(head, 61) << 8;
  const unsigned high = ByteAt(head, 62) | ByteAt(head, 63) << 8;
  return high == 0 && low >= 64 && low % 8 == 0 && low < limit;
}

}  // namespace

std::string_view ForeignMagic(std::span<const std::byte> head, std::uint64_t limit) {
  const std::string_view text = AsText(head);
  for (const Magic& magic : kMagics) {
    if (text.starts_with(magic.bytes)) return magic.name;
  }
  if (IsPickle(head, limit)) return "a pickle";
  if (IsWindowsExecutable(head, limit)) return "a Windows executable";
  return {};
}

bool IsLfsPointer(std::span<const std::byte> head) {
  return AsText(head).starts_with("version https://git-lfs.github.com/spec/");
}

}  // namespace tensorgate::internal
