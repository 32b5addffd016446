#include "lib/source/data.h"

#include <algorithm>
#include <array>

#include "lib/base/crc32.h"
#include "lib/base/parallel.h"
#include "lib/base/pod_buffer.h"
#include "lib/source/read.h"

namespace tensorgate::internal {
namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{8} << 20;
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;  // fits into a processor's cache

// A range, or a part of a long one.
struct Part {
  DataRange range;
  std::size_t of = 0;
  DataFacts facts;
};

// The work of one thread at a time: consecutive parts, at least as large as a piece.
struct PartSpan {
  std::size_t begin = 0, end = 0;
};

std::vector<Part> Cut(std::span<const DataRange> ranges) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    DataRange part = ranges[i];
    for (ByteRange rest = part.bytes; rest.length != 0; rest.length -= part.bytes.length) {
      part.bytes = {rest.offset, std::min(rest.length, kPieceBytes)};
      parts.push_back({.range = part, .of = i, .facts = {}});
      rest.offset += part.bytes.length;
    }
  }
  return parts;
}

std::vector<PartSpan> Group(std::span<const Part> parts) {
  std::vector<PartSpan> pieces;
  std::uint64_t bytes = kPieceBytes;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (bytes >= kPieceBytes) {
      pieces.push_back({i, i});
      bytes = 0;
    }
    bytes += parts[i].range.bytes.length;
    pieces.back().end = i + 1;
  }
  return pieces;
}

void See(Part& part, std::uint64_t offset, std::span<const std::byte> block) {
  if (part.range.checksum) part.facts.checksum = Crc32(part.facts.checksum, block);
  if (part.range.booleans) part.facts.above_one.See(offset, block);
}

Result<void> Read(Source& source, Part& part, std::span<std::byte> block, Interrupt& interrupt) {
  const ByteRange& range = part.range.bytes;
  if (const std::optional<Rule> rule = interrupt.Ended()) {
    return std::unexpected(Status{.rule = *rule, .offset = range.offset});
  }
  if (const std::span<const std::byte> memory = source.memory(); !memory.empty()) {
    See(part, range.offset,
        memory.subspan(static_cast<std::size_t>(range.offset),
                       static_cast<std::size_t>(range.length)));
    return {};
  }
  for (std::uint64_t done = 0; done < range.length;) {
    const auto bytes = block.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), range.length - done)));
    TENSORGATE_TRY(ReadFully(source, range.offset + done, bytes, interrupt));
    See(part, range.offset + done, bytes);
    done += bytes.size();
  }
  return {};
}

bool IsAboveOne(std::byte byte) { return (byte & std::byte{0xFE}) != std::byte{0}; }

}  // namespace

void BytesAboveOne::See(std::uint64_t offset, std::span<const std::byte> block) {
  // There is hardly ever one: combine all bytes first.
  std::byte all{};
  for (const std::byte byte : block) all |= byte;
  if (!IsAboveOne(all)) return;
  const auto found = std::ranges::find_if(block, IsAboveOne);
  Add({.count = static_cast<std::uint64_t>(std::ranges::count_if(block, IsAboveOne)),
       .first = offset + static_cast<std::uint64_t>(found - block.begin()),
       .value = *found});
}

void BytesAboveOne::Add(const BytesAboveOne& other) {
  if (other.count == 0) return;
  if (count == 0 || other.first < first) {
    first = other.first;
    value = other.value;
  }
  count += other.count;
}

void AddBooleans(const BytesAboveOne& above_one, std::string_view tensor, ReportBuilder& builder) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto value = std::to_integer<std::size_t>(above_one.value);
  const std::array<char, 4> text = {'0', 'x', kDigits[value >> 4], kDigits[value & 0xF]};
  builder.Add(Rule::kTensorBoolValue, above_one.first,
              {.found = above_one.count,
               .subject = tensor,
               .found_text = std::string_view(text.data(), text.size())});
}

Result<std::vector<DataFacts>> ReadData(Source& source, std::span<const DataRange> ranges,
                                        Interrupt& interrupt) {
  std::vector<Part> parts = Cut(ranges);
  const std::vector<PartSpan> pieces = Group(parts);
  std::uint64_t total = 0;
  for (const Part& part : parts) total += part.range.bytes.length;
  const auto work = [&](std::uint64_t number) -> Result<std::uint64_t> {
    PodBuffer<std::byte> block;
    if (source.memory().empty()) block.Resize(kBlockBytes);
    std::uint64_t bytes = 0;
    const PartSpan& piece = pieces[static_cast<std::size_t>(number)];
    for (Part& part : std::span(parts).subspan(piece.begin, piece.end - piece.begin)) {
      TENSORGATE_TRY(Read(source, part, block.span(), interrupt));
      bytes += part.range.bytes.length;
    }
    return bytes;
  };
  TENSORGATE_TRY(RunPieces(pieces.size(), total, !source.concurrent(), {}, work));
  std::vector<DataFacts> facts(ranges.size());
  for (const Part& part : parts) {
    DataFacts& whole = facts[part.of];
    whole.checksum = JoinCrc32(whole.checksum, part.facts.checksum, part.range.bytes.length);
    whole.above_one.Add(part.facts.above_one);
  }
  return facts;
}

}  // namespace tensorgate::internal
