#include "lib/second_readings/packed.h"

#include <algorithm>
#include <optional>

#include "lib/base/bytes.h"
#include "lib/base/character_set.h"
#include "lib/base/inflate.h"
#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/dry_run.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGzip = "gzip data", kZlib = "zlib data";
constexpr std::size_t kUnpacked = 1 << 20;

unsigned ByteAt(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// RFC 1950: deflate with a window of up to 32 KB, a header that is a multiple of 31, and no
// dictionary.
bool IsZlib(std::string_view text) {
  return text.size() >= 2 && (ByteAt(text, 0) & 0x8F) == 8 &&
         (ByteAt(text, 0) << 8 | ByteAt(text, 1)) % 31 == 0 && (ByteAt(text, 1) & 0x20) == 0;
}

// Offset of the zlib data in joblib files from before 0.10: after "ZF", the decompressed size as a
// number of 19 characters, and in some versions a space. 0: not such a file.
std::size_t OldJoblibHeader(std::string_view text) {
  constexpr CharacterSet kOfSize("0123456789abcdefABCDEF_xX+ \t\n\v\f\r");
  constexpr std::size_t kHeader = 21;
  if (!text.starts_with("ZF") || text.size() <= kHeader) return 0;
  if (!kOfSize.HasAll(text.substr(2, kHeader - 2))) return 0;
  return text[kHeader] == ' ' ? kHeader + 1 : kHeader;
}

// Offset of zlib data that joblib decompresses. joblib looks only at the first byte, which Python's
// compressors always write.
std::optional<std::size_t> ZlibAt(std::string_view text) {
  const std::size_t at = OldJoblibHeader(text);
  if (at == 0 && !text.starts_with('x')) return std::nullopt;
  return IsZlib(text.substr(std::min(at, text.size()))) ? std::optional(at) : std::nullopt;
}

// RFC 1952, 2.3. std::nullopt if the header continues past the window.
std::optional<std::size_t> GzipHeader(std::string_view text) {
  constexpr unsigned kCrc = 2, kExtra = 4, kName = 8, kComment = 16;
  std::size_t at = 10;
  if (text.size() < at) return std::nullopt;
  const unsigned flags = ByteAt(text, 3);
  if ((flags & kExtra) != 0) {
    if (text.size() - at < 2) return std::nullopt;
    at += 2 + std::size_t{LoadLittleEndian<std::uint16_t>(text.substr(at))};
  }
  for (const unsigned flag : {kName, kComment}) {
    if ((flags & flag) == 0) continue;
    const std::size_t end = text.find('\0', std::min(at, text.size()));
    if (end == text.npos) return std::nullopt;
    at = end + 1;
  }
  if ((flags & kCrc) != 0) at += 2;
  return at <= text.size() ? std::optional(at) : std::nullopt;
}

// The start of the deflate data.
std::optional<std::span<const std::byte>> Deflated(std::span<const std::byte> window) {
  if (const auto zlib = ZlibAt(AsText(window))) return window.subspan(*zlib + 2);
  const std::optional<std::size_t> header = GzipHeader(AsText(window));
  if (!header) return std::nullopt;
  return window.subspan(*header);
}

}  // namespace

std::string_view PackedFormat(std::span<const std::byte> head) {
  const std::string_view text = AsText(head);
  if (text.starts_with("\x1f\x8b\x08"sv)) return kGzip;
  return ZlibAt(text) ? kZlib : ""sv;
}

bool Unpacks(std::span<const std::byte> window) {
  const bool whole = window.size() < kPackedWindow;
  const auto deflated = Deflated(window);
  if (!deflated) return !whole;
  PodBuffer<std::byte> output;
  output.Resize(kUnpacked);
  const Inflated inflated = Inflate(*deflated, output.span());
  const bool cut = inflated.end == InflateEnd::kCut && !whole;
  if (PackedFormat(window) == kGzip) return inflated.produced != 0 || cut;
  pickle::DryRun run;
  run.Feed(output.span().first(inflated.produced));
  if (run.dangerous()) return true;
  return inflated.end == InflateEnd::kDone
             ? inflated.produced != 0
             : run.going() && (cut || inflated.end == InflateEnd::kFull);
}

}  // namespace tensorgate::internal
