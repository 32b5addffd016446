#include "lib/torch/checksums.h"

#include <algorithm>

#include "lib/base/crc32.h"
#include "lib/base/parallel.h"
#include "lib/base/pod_buffer.h"
#include "lib/source/read.h"

namespace tensorgate::torch::internal {
namespace {

using tensorgate::internal::Crc32;
using tensorgate::internal::Interrupt;

constexpr std::uint64_t kPieceBytes = std::uint64_t{8} << 20;
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;  // stays in a processor's cache

// A range, or a part of one that is long.
struct Part {
  ByteRange bytes;
  std::size_t of = 0;
  std::uint32_t crc = 0;
};

// What one thread does in one go: parts one behind the other, of a piece's size at least.
struct Piece {
  std::size_t begin = 0, end = 0;
};

std::vector<Part> Cut(std::span<const ByteRange> ranges) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ByteRange rest = ranges[i];
    while (rest.length != 0) {
      const std::uint64_t length = std::min(rest.length, kPieceBytes);
      parts.push_back({{rest.offset, length}, i});
      rest.offset += length;
      rest.length -= length;
    }
  }
  return parts;
}

std::vector<Piece> Group(std::span<const Part> parts) {
  std::vector<Piece> pieces;
  std::uint64_t bytes = kPieceBytes;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (bytes >= kPieceBytes) {
      pieces.push_back({i, i});
      bytes = 0;
    }
    bytes += parts[i].bytes.length;
    pieces.back().end = i + 1;
  }
  return pieces;
}

Result<std::uint32_t> Checksum(Source& source, const ByteRange& range, std::span<std::byte> block,
                               Interrupt& interrupt) {
  if (const std::optional<Rule> rule = interrupt.Ended()) {
    return std::unexpected(Status{.rule = *rule, .offset = range.offset});
  }
  if (const std::span<const std::byte> memory = source.memory(); !memory.empty()) {
    return Crc32(0, memory.subspan(static_cast<std::size_t>(range.offset),
                                   static_cast<std::size_t>(range.length)));
  }
  std::uint32_t crc = 0;
  for (std::uint64_t done = 0; done < range.length;) {
    const auto part = block.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), range.length - done)));
    if (const auto read = ReadFully(source, range.offset + done, part, interrupt); !read) {
      return std::unexpected(read.error());
    }
    crc = Crc32(crc, part);
    done += part.size();
  }
  return crc;
}

}  // namespace

Result<std::vector<std::uint32_t>> Checksums(Source& source, std::span<const ByteRange> ranges,
                                             Interrupt& interrupt) {
  std::vector<Part> parts = Cut(ranges);
  const std::vector<Piece> pieces = Group(parts);
  std::uint64_t all = 0;
  for (const Part& part : parts) all += part.bytes.length;
  const auto work = [&](std::uint64_t number) -> Result<std::uint64_t> {
    tensorgate::internal::PodBuffer<std::byte> block;
    if (source.memory().empty()) block.Resize(kBlockBytes);
    std::uint64_t bytes = 0;
    const Piece& piece = pieces[static_cast<std::size_t>(number)];
    for (Part& part : std::span(parts).subspan(piece.begin, piece.end - piece.begin)) {
      const Result<std::uint32_t> crc = Checksum(source, part.bytes, block.span(), interrupt);
      if (!crc) return std::unexpected(crc.error());
      part.crc = *crc;
      bytes += part.bytes.length;
    }
    return bytes;
  };
  const Result<void> run =
      tensorgate::internal::RunPieces(pieces.size(), all, !source.concurrent(), {}, work);
  if (!run) return std::unexpected(run.error());
  std::vector<std::uint32_t> checksums(ranges.size());
  for (const Part& part : parts) {
    std::uint32_t& crc = checksums[part.of];
    crc = tensorgate::internal::JoinCrc32(crc, part.crc, part.bytes.length);
  }
  return checksums;
}

}  // namespace tensorgate::torch::internal
