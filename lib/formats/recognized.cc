#include "lib/formats/recognized.h"

#include <algorithm>
#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/utf8.h"
#include "lib/formats/torch/examination.h"
#include "lib/second_readings/flatbuffer.h"
#include "lib/second_readings/packed.h"
#include "lib/second_readings/tar.h"

namespace tensorgate::internal::recognize {
namespace {

using namespace std::string_view_literals;

Match Certainly(bool yes) { return yes ? Match::kYes : Match::kNo; }
Match Perhaps(bool yes) { return yes ? Match::kMaybe : Match::kNo; }

// The strict profile requires the brace immediately; the reference skips white space.
constexpr std::string_view kHeaderSpace = " \t\r\n";

// ---- Pickles.

bool BeginsAsPickle(std::string_view bytes) {
  return bytes.size() >= 3 && bytes[0] == '\x80' && bytes[1] >= 0 && bytes[1] <= 5;
}

bool IsLegacyTorch(std::string_view bytes) {
  return torch::internal::LayoutOf(AsBytes(bytes)) == torch::internal::Layout::kLegacy;
}

bool IsJoblib(std::string_view bytes) {
  return bytes.contains("joblib.numpy_pickle") || bytes.contains("cjoblib.");
}

// ---- HDF5, which may start after other bytes, at a power of two.

Match MatchHdf5(std::string_view bytes) {
  const auto at = [&](std::size_t offset) {
    return offset < bytes.size() && bytes.substr(offset).starts_with("\x89HDF\r\n\x1a\n");
  };
  if (at(0)) return Match::kYes;
  return Perhaps(at(512) || at(1024) || at(2048));
}

// ---- tar.

std::optional<std::string_view> TarMember(std::string_view bytes) {
  auto member = FirstTarMember(bytes);
  if (member && member->starts_with("./")) member->remove_prefix(2);
  return member;
}

// ---- Protocol buffers.

enum class Message : std::uint8_t { kNone, kSavedModel, kOnnx };

struct Varint {
  std::uint64_t value = 0;
  std::size_t length = 0;
};

std::optional<Varint> ReadVarint(std::string_view text) {
  Varint result;
  for (const char c : text.substr(0, 10)) {
    const auto byte = static_cast<unsigned char>(c);
    result.value |= std::uint64_t{byte & 0x7Fu} << (7 * result.length);
    ++result.length;
    if (byte < 0x80) return result;
  }
  return std::nullopt;
}

Message MessageOf(std::string_view bytes) {
  // Field 1 as a varint: ONNX's ir_version, or the schema version of a saved model.
  if (bytes.size() < 8 || bytes[0] != '\x08' || bytes[1] < 1 || bytes[1] > 32) return {};
  const bool first_schema = bytes[1] == 1;
  bytes.remove_prefix(2);
  while (!bytes.empty()) {
    const std::optional<Varint> key = ReadVarint(bytes);
    if (!key) return {};
    const std::uint64_t field = key->value >> 3, type = key->value & 7;
    bytes.remove_prefix(key->length);
    const std::optional<Varint> value = ReadVarint(bytes);
    if (!value || (type != 0 && type != 2)) return {};
    bytes.remove_prefix(value->length);
    if (first_schema && field == 2 && type == 2 && value->value > 64 && bytes.starts_with('\x0a')) {
      return Message::kSavedModel;
    }
    if ((field == 7 || field == 8) && type == 2) return Message::kOnnx;
    if (field < 2 || field > 25) return {};
    if (type == 2) {
      if (value->value > bytes.size()) return {};
      bytes.remove_prefix(static_cast<std::size_t>(value->value));
    }
  }
  return {};
}

// ---- Text.

bool IsText(const Head& head) {
  const bool whole = head.size <= head.bytes.size();
  const std::size_t valid = ValidUtf8Length(head.bytes);
  // The end of the head may cut a character.
  if (valid != head.bytes.size() && (whole || head.bytes.size() - valid > 3)) return false;
  return std::ranges::all_of(head.bytes.substr(0, valid), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7F
                        : byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
  });
}

// True if the text starts with one of these, after a byte order mark and white space, ignoring
// case.
bool BeginsWithOneOf(const Head& head, std::initializer_list<std::string_view> starts) {
  std::string_view text = head.bytes;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\f"), text.size()));
  std::string start(text.substr(0, 14));
  std::ranges::transform(start, start.begin(), FoldCase);
  return std::ranges::any_of(starts,
                             [&](std::string_view each) { return start.starts_with(each); });
}

// git-lfs reads no pointer of 1,024 bytes or more, git-annex none above 32 KiB.
constexpr std::uint64_t kLongestPointer = 1024;

bool IsPointer(const Head& head, std::string_view start) {
  const bool may_end = head.size < kLongestPointer || head.bytes.size() < kLongestPointer;
  return may_end && head.bytes.starts_with(start) && IsText(head);
}

}  // namespace

Match Empty(const Head& head) { return Certainly(head.size == 0); }
Match Anything(const Head&) { return Match::kMaybe; }

Match Safetensors(const Head& head) {
  const std::string_view bytes = head.bytes;
  if (bytes.size() < 9) return Match::kNo;
  if (LoadLittleEndian64(AsBytes(bytes).first<8>()) > 100'000'000) return Match::kNo;
  const std::string_view text = bytes.substr(8);
  const std::size_t start = text.find_first_not_of(kHeaderSpace);
  return Perhaps(start == text.npos || text[start] == '{');
}

bool ShowsHeader(const Head& head) {
  if (head.bytes.size() < 9) return false;
  return head.bytes.size() >= kScanHead ||
         head.bytes.substr(8).find_first_not_of(kHeaderSpace) != head.bytes.npos;
}

Match LegacyTorch(const Head& head) {
  return Certainly(BeginsAsPickle(head.bytes) && IsLegacyTorch(head.bytes));
}
Match Joblib(const Head& head) {
  return Certainly(BeginsAsPickle(head.bytes) && IsJoblib(head.bytes));
}
Match Pickle(const Head& head) { return Certainly(BeginsAsPickle(head.bytes)); }

Match Zip(const Head& head) {
  return Certainly(head.bytes.starts_with("PK\3\4") || head.bytes.starts_with("PK\5\6") ||
                   head.bytes.starts_with("PK\7\10"));
}

Match Hdf5(const Head& head) { return MatchHdf5(head.bytes); }
Match KerasHdf5(const Head& head) {
  const Match match = MatchHdf5(head.bytes);
  const bool keras = match != Match::kNo &&
                     (head.bytes.contains("keras_version") ||
                      head.bytes.contains("model_weights") || head.bytes.contains("layer_names"));
  return keras ? match : Match::kNo;
}

Match Tar(const Head& head) { return Certainly(TarMember(head.bytes).has_value()); }
Match TorchTar(const Head& head) {
  const auto name = TarMember(head.bytes);
  return Certainly(name && (*name == "sys_info" || *name == "pickle" || *name == "storages" ||
                            *name == "tensors"));
}

Match Webp(const Head& head) {
  constexpr std::size_t kMark = 8;
  return Certainly(head.bytes.starts_with("RIFF") && head.bytes.size() >= kMark &&
                   head.bytes.substr(kMark).starts_with("WEBP"));
}
Match TorchFlatbuffer(const Head& head) {
  return Certainly(IsTorchFlatbuffer(head.bytes, head.size));
}

Match SavedModel(const Head& head) {
  return Certainly(MessageOf(head.bytes) == Message::kSavedModel);
}
Match Onnx(const Head& head) { return Certainly(MessageOf(head.bytes) == Message::kOnnx); }

Match LfsPointer(const Head& head) {
  return Perhaps(IsPointer(head, "version https://git-lfs.github.com/spec/"));
}
Match XetPointer(const Head& head) { return Perhaps(IsPointer(head, "# xet version")); }
Match AnnexPointer(const Head& head) { return Perhaps(IsPointer(head, "/annex/objects/")); }
Match Json(const Head& head) { return Perhaps(BeginsWithOneOf(head, {"{", "["}) && IsText(head)); }
Match Html(const Head& head) {
  return Perhaps(BeginsWithOneOf(head, {"<html", "<!doctype html"}) && IsText(head));
}
Match Xml(const Head& head) {
  return Perhaps(BeginsWithOneOf(head, {"<?xml", "<svg"}) && IsText(head));
}
Match Text(const Head& head) { return Perhaps(IsText(head)); }

Match Zeros(const Head& head) {
  return Perhaps(!head.bytes.empty() && head.bytes.find_first_not_of('\0') == head.bytes.npos);
}
Match Zlib(const Head& head) { return Perhaps(!PackedFormat(AsBytes(head.bytes)).empty()); }

}  // namespace tensorgate::internal::recognize
