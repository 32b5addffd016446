#include "cli/signatures.h"

#include <algorithm>
#include <array>

#include "lib/base/bytes.h"
#include "lib/containers/pickle/decode.h"
#include "lib/containers/pickle/reach.h"

namespace tensorgate::cli {
namespace {

using namespace std::string_view_literals;
using internal::LoadLittleEndian;
using pickle::Op;

struct Signature {
  std::string_view bytes, name;
};
constexpr std::array kCompressed = {
    Signature{"\x1f\x8b\x08"sv, "gzip"},           Signature{"\xfd\x37zXZ\0"sv, "xz"},
    Signature{"\x28\xb5\x2f\xfd"sv, "zstd"},       Signature{"\x04\x22\x4d\x18"sv, "lz4"},
    Signature{"7z\xbc\xaf\x27\x1c"sv, "7z"},       Signature{"Rar!\x1a\x07"sv, "rar"},
    Signature{"ZF0x"sv, "zlib, by an old joblib"},
};

// Bits in the order of deflate: the lowest of each byte first.
class Bits {
 public:
  explicit Bits(std::string_view text) : text_(text) {}
  unsigned Take(int count) {
    unsigned value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      const std::size_t byte = at_ / 8;
      if (byte >= text_.size()) return 0;
      value |= (static_cast<unsigned char>(text_[byte]) >> at_ % 8 & 1u) << i;
    }
    return value;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// The code for the code lengths of a block with codes of its own is complete: of random bits it hardly ever is.
bool HasCompleteCode(Bits bits) {
  constexpr unsigned kMaxCodes = 29, kFull = 1 << 7;
  const unsigned literals = bits.Take(5), distances = bits.Take(5), lengths = bits.Take(4) + 4;
  unsigned sum = 0;
  for (unsigned i = 0; i < lengths; ++i) {
    const unsigned length = bits.Take(3);
    sum += length == 0 ? 0 : kFull >> length;
  }
  return literals <= kMaxCodes && distances <= kMaxCodes && sum == kFull;
}

// The header of two bytes proves nothing, so the first block is checked as well.
bool IsZlib(std::string_view text, std::uint64_t size) {
  constexpr std::array kHeads = {"x\x01"sv, "x\x5e"sv, "x\x9c"sv, "x\xda"sv};
  constexpr std::uint64_t kSmall = 16 << 10;  // the codes that are agreed on pay for no more
  const auto begins = [&](std::string_view head) { return text.starts_with(head); };
  if (text.size() < 7 || std::ranges::none_of(kHeads, begins)) return false;
  Bits bits(text.substr(2));
  bits.Take(1);
  switch (bits.Take(2)) {
    case 0:  // stored: a length and its complement
      return (LoadLittleEndian<std::uint16_t>(text.substr(3)) ^
              LoadLittleEndian<std::uint16_t>(text.substr(5))) == 0xFFFF;
    case 1:
      return size <= kSmall;
    case 2:
      return HasCompleteCode(bits);
    default:
      return false;
  }
}

bool TakeName(std::string_view& text, std::size_t begin, std::uint64_t length) {
  if (begin > text.size() || length > text.size() - begin || length > kLongestName) return false;
  if (!pickle::IsName(text.substr(begin, static_cast<std::size_t>(length)))) return false;
  text.remove_prefix(begin + static_cast<std::size_t>(length));
  return true;
}

// A line that is a name, between quotes if `quotes` says so.
bool TakeLine(std::string_view& text, std::size_t begin, bool quotes) {
  const std::size_t end = text.substr(0, kLongestName).find('\n', begin);
  if (end == text.npos) return false;
  std::string_view line = text.substr(begin, end - begin);
  if (quotes) {
    if (line.size() < 2 || line.front() != line.back()) return false;
    line = line.substr(1, line.size() - 2);
  }
  text.remove_prefix(end + 1);
  return pickle::IsName(line);
}

// An opcode that pushes a text, or one that is in the memo, and the opcode that stores it there.
bool TakeText(std::string_view& text, bool from_memo) {
  if (text.size() < 10) return false;
  const std::string_view rest = text.substr(1);
  bool taken = false;
  switch (static_cast<Op>(text.front())) {
    case Op::kShortBinUnicode:
    case Op::kShortBinString:
      taken = TakeName(text, 2, LoadLittleEndian<std::uint8_t>(rest));
      break;
    case Op::kBinUnicode:
    case Op::kBinString:
      taken = TakeName(text, 5, LoadLittleEndian<std::uint32_t>(rest));
      break;
    case Op::kBinUnicode8:
      taken = TakeName(text, 9, LoadLittleEndian<std::uint64_t>(rest));
      break;
    case Op::kUnicode:
      taken = TakeLine(text, 1, false);
      break;
    case Op::kString:
      taken = TakeLine(text, 1, true);
      break;
    case Op::kBinGet:
    case Op::kLongBinGet:
      taken = from_memo;
      text.remove_prefix(text.starts_with('h') ? 2 : 5);
      break;
    default:
      break;
  }
  if (!taken) return false;
  const std::size_t put = text.starts_with('\x94') ? 1 : text.starts_with('q') ? 2 : 0;
  text.remove_prefix(std::min(text.starts_with('r') ? 5 : put, text.size()));
  return true;
}

}  // namespace

std::string_view CompressedBy(std::string_view text, std::uint64_t size) {
  for (const Signature& each : kCompressed) {
    if (text.starts_with(each.bytes)) return each.name;
  }
  // The size of its dictionary is not zero; a safetensors header of 93 bytes begins so, too.
  if (text.size() > 4 && text.starts_with("\x5d\0\0"sv) && (text[3] != 0 || text[4] != 0)) {
    return "lzma";
  }
  if (text.size() > 10 && text.starts_with("BZh") && text.substr(4).starts_with("1AY&SY")) {
    return "bzip2";
  }
  return IsZlib(text, size) ? "zlib"sv : ""sv;
}

std::string_view HiddenBy(const zip::internal::CommonFields& fields) {
  using namespace zip::internal;
  if ((fields.flags & (kFlagEncrypted | kFlagStrongEncryption)) != 0) return "it is encrypted";
  if (fields.method == 8) return "it is compressed (deflate)";
  return fields.method != 0 ? "it is compressed" : "";
}

bool IsUsual(const zip::internal::CommonFields& fields, std::string_view name) {
  constexpr std::uint16_t kMaxVersion = 63;
  const bool method = fields.method <= 20 || (fields.method >= 93 && fields.method <= 99);
  return fields.version_needed <= kMaxVersion && method && !name.empty() &&
         std::ranges::all_of(
             name, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '\x7f'; });
}

std::size_t ObjectHeader(std::string_view text) {
  if (!text.starts_with("\x93NUMPY") || text.size() < 12) return 0;
  const bool wide = text[6] != '\1';
  const std::size_t begin = wide ? 12 : 10;
  const std::size_t length = wide ? LoadLittleEndian<std::uint32_t>(text.substr(8))
                                  : LoadLittleEndian<std::uint16_t>(text.substr(8));
  if (length > text.size() - begin) return 0;
  const std::string_view header = text.substr(begin, length);
  return header.contains("|O") || header.contains("'O") ? begin + length : 0;
}

bool SpellsGlobal(std::string_view text) {
  if (text.starts_with('c') || text.starts_with('i')) {
    return TakeLine(text, 1, false) && TakeLine(text, 0, false);
  }
  return TakeText(text, false) && TakeText(text, true) && text.starts_with('\x93');
}

bool IsProto(std::string_view text) {
  return text.size() > 1 && text[0] == '\x80' && text[1] >= 0 && text[1] <= 5;
}

}  // namespace tensorgate::cli
