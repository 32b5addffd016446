#include "lib/checkpoint/reorder.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/strided_copy.h"
#include "lib/checkpoint/sweep.h"
#include "lib/tensor/elements.h"
#include "lib/tensor/ranges.h"
#include "tensorgate/buffer.h"

namespace tensorgate::internal {
namespace {

std::span<std::byte> At(std::span<std::byte> bytes, std::uint64_t begin, std::uint64_t length) {
  return bytes.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(length));
}

struct Item {
  Elements elements;
  std::uint64_t source = 0;  // start in the file
  std::uint64_t begin = 0;   // start in the result
  std::uint64_t size = 0;
  std::size_t run = 0;      // bytes of an element
  std::size_t segment = 0;  // index of its first segment
  std::uint64_t step = 0;   // its bytes in each of its segments
};

struct Block {
  std::uint64_t begin = 0, end = 0;  // range of the elements that start in it
  std::uint64_t last = 0;            // end of the bytes that are needed
};

struct Chunk {
  std::uint64_t offset = 0, length = 0;
};

// A part of the result that fits into memory: part of one large item, or several small ones.
struct Segment {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t number = 0;
  std::uint64_t fill = 0;     // bytes in its bucket that are not written yet
  std::vector<Chunk> chunks;  // where the others are in the temporary file
};

// The heading of bytes in a bucket: their position in the segment and their number, 32 bits each.
struct Heading {
  static constexpr std::size_t kBytes = 8;
  std::uint64_t at = 0, length = 0;

  void Store(std::span<std::byte> into) const {
    StoreLittleEndian64(at | length << 32, into.first<kBytes>());
  }
  static Heading Load(std::span<const std::byte> from) {
    const std::uint64_t both = LoadLittleEndian64(from.first<kBytes>());
    return {both & 0xFFFFFFFF, both >> 32};
  }
};
constexpr std::uint64_t kMaxSegment = std::uint64_t{1} << 31;

// A failure of the temporary file, not of the part.
std::unexpected<Status> Spoiled() { return std::unexpected(Status{.rule = Rule::kIoSpoolFailed}); }

// Blocks of the file are distributed to buckets, one for each segment, which are written when they
// are full; then the bytes of each segment are read again and put in order.
class Reordering {
 public:
  Reordering(const PartData& part, std::span<const Gather> gathers, const ReorderLimits& limits)
      : part_(part), limits_(limits) {
    CutBlocks(gathers);
    LayOut(gathers);
  }
  Result<void> TakeApart(const std::atomic<bool>* cancel);
  Result<void> PutInOrder(Spool& ordered);

 private:
  void CutBlocks(std::span<const Gather> gathers);
  void LayOut(std::span<const Gather> gathers);
  void AddSegments(Item& item, std::uint64_t most, bool& closed);
  Result<void> TakeApart(const Block& block, std::span<std::byte> window);
  Result<void> Put(const Item& item, ElementRow row, std::span<const std::byte> bytes);
  Result<void> Put(Segment& segment, std::uint64_t at, Row source, std::uint64_t count,
                   std::size_t run, std::span<const std::byte> bytes);
  std::span<std::byte> Bucket(const Segment& segment) {
    return At(memory_.bytes(), segment.number * room_, room_);
  }
  Result<void> Flush(Segment& segment);
  Result<void> Write(Segment& segment, std::span<const std::byte> bytes);
  Result<void> Order(const Segment& segment, Source& from, std::span<std::byte> chunk,
                     std::span<std::byte> into) const;

  const PartData& part_;
  ReorderLimits limits_;
  std::vector<Item> items_;  // sorted by their start in the file
  std::vector<Segment> segments_;
  std::vector<Block> blocks_;
  std::uint64_t run_ = 0;   // the longest
  std::uint64_t size_ = 0;  // of the result
  std::uint64_t room_ = 0;  // capacity of a bucket
  Buffer memory_;           // of the buckets
  Spool apart_;
};

void Reordering::CutBlocks(std::span<const Gather> gathers) {
  std::vector<ByteRange> ranges;
  ranges.reserve(gathers.size());
  for (const Gather& gather : gathers) ranges.push_back(gather.range());
  const std::vector<ByteRange> joined = Joined(std::move(ranges));
  std::uint64_t length = 0;
  for (const ByteRange& range : joined) length += range.length;
  if (limits_.block == 0) limits_.block = Pass::BlockOf(length);
  for (const ByteRange& range : joined) {
    const std::uint64_t last = End(range);
    for (std::uint64_t begin = range.offset; begin < last; begin += limits_.block) {
      blocks_.push_back({begin, begin + std::min(limits_.block, last - begin), last});
    }
  }
}

void Reordering::LayOut(std::span<const Gather> gathers) {
  items_.reserve(gathers.size());
  for (const Gather& gather : gathers) {
    const std::uint64_t bytes = gather.selection().bytes;
    items_.push_back({Elements(gather, limits_.block), gather.range().offset, size_, bytes,
                      static_cast<std::size_t>(gather.run()), 0, 0});
    size_ += bytes;
    run_ = std::max(run_, gather.run());
  }
  // There is room for this many buckets.
  const std::uint64_t count = std::max<std::uint64_t>(limits_.buckets / limits_.bucket, 1);
  const std::uint64_t most = std::max(limits_.segment, size_ / count + 1);
  bool closed = true;
  for (Item& item : items_) AddSegments(item, std::min(most, kMaxSegment), closed);
  std::ranges::sort(items_, {}, &Item::source);
  room_ = std::max(limits_.bucket, limits_.buckets / segments_.size());
}

// A large item has its own segments, each of whole elements; the next item starts another one.
void Reordering::AddSegments(Item& item, std::uint64_t most, bool& closed) {
  const bool large = item.size > most;
  const bool joins = !large && !closed && item.begin + item.size - segments_.back().begin <= most;
  closed = large;
  item.step = large ? std::max<std::uint64_t>(most / item.run, 1) * item.run : item.size;
  if (joins) {
    item.segment = segments_.size() - 1;
    segments_.back().end += item.size;
    return;
  }
  item.segment = segments_.size();
  for (std::uint64_t at = 0; at < item.size; at += item.step) {
    const std::uint64_t begin = item.begin + at;
    const std::uint64_t length = std::min(item.step, item.size - at);
    segments_.push_back({begin, begin + length, segments_.size(), 0, {}});
  }
}

Result<void> Reordering::TakeApart(const std::atomic<bool>* cancel) {
  Buffer window = TENSORGATE_TRY(Buffer::Allocate(limits_.block + run_));
  memory_ = TENSORGATE_TRY(Buffer::Allocate(room_ * segments_.size()));
  for (const Block& block : blocks_) {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      return std::unexpected(Status{.rule = Rule::kUseCancelled});
    }
    TENSORGATE_TRY(TakeApart(block, window.bytes()));
  }
  for (Segment& segment : segments_) {
    TENSORGATE_TRY(Flush(segment));
  }
  memory_ = Buffer();
  return {};
}

Result<void> Reordering::TakeApart(const Block& block, std::span<std::byte> window) {
  // An element that starts in the block may end after it.
  const std::uint64_t end = block.end + std::min(run_ - 1, block.last - block.end);
  const std::span<std::byte> bytes = At(window, 0, end - block.begin);
  TENSORGATE_TRY(part_.Read(block.begin, bytes));
  Result<void> done;
  for (const Item& item : items_) {
    if (item.source >= block.end) break;
    item.elements.Visit(block.begin, block.end, [&](ElementRow row) {
      row.source.at -= block.begin;
      if (done) done = Put(item, row, bytes);
    });
    if (!done) break;
  }
  return done;
}

// Puts a row of elements into the buckets of the segments that it crosses; contiguous elements are
// kept together.
Result<void> Reordering::Put(const Item& item, ElementRow row, std::span<const std::byte> bytes) {
  const bool together = row.target.stride == item.run;
  while (row.count != 0) {
    const std::uint64_t number = row.target.at / item.step;
    const std::uint64_t left = (number + 1) * item.step - row.target.at;
    const std::uint64_t count = together ? std::min(row.count, left / item.run) : 1;
    Segment& segment = segments_[item.segment + static_cast<std::size_t>(number)];
    const std::uint64_t at = item.begin + row.target.at - segment.begin;
    TENSORGATE_TRY(Put(segment, at, row.source, count, item.run, bytes));
    row.source.at += count * row.source.stride;
    row.target.at += count * row.target.stride;
    row.count -= count;
  }
  return {};
}

Result<void> Reordering::Put(Segment& segment, std::uint64_t at, Row source, std::uint64_t count,
                             std::size_t run, std::span<const std::byte> bytes) {
  while (count != 0) {
    if (room_ - segment.fill < Heading::kBytes + run) {
      TENSORGATE_TRY(Flush(segment));
    }
    const std::uint64_t room = room_ - segment.fill;
    // An element larger than a bucket is written immediately.
    const std::uint64_t now =
        room < Heading::kBytes + run ? 1 : std::min(count, (room - Heading::kBytes) / run);
    const Heading heading{at, now * run};
    if (room < Heading::kBytes + run) {
      std::array<std::byte, Heading::kBytes> head;
      heading.Store(head);
      const auto data = bytes.subspan(static_cast<std::size_t>(source.at), run);
      Result<void> written = Write(segment, head);
      if (written) written = apart_.Append(data);
      if (!written) return written;
      segment.chunks.back().length += run;
    } else {
      const std::span<std::byte> into =
          At(Bucket(segment), segment.fill, Heading::kBytes + heading.length);
      heading.Store(into.first<Heading::kBytes>());
      CopyStrided(bytes, source, into, {Heading::kBytes, run}, now, run);
      segment.fill += into.size();
    }
    source.at += now * source.stride;
    at += heading.length;
    count -= now;
  }
  return {};
}

Result<void> Reordering::Flush(Segment& segment) {
  if (segment.fill == 0) return {};
  const Result<void> written = Write(segment, At(Bucket(segment), 0, segment.fill));
  segment.fill = 0;
  return written;
}

Result<void> Reordering::Write(Segment& segment, std::span<const std::byte> bytes) {
  segment.chunks.push_back({apart_.size(), bytes.size()});
  return apart_.Append(bytes);
}

Result<void> Reordering::PutInOrder(Spool& ordered) {
  const Result<std::unique_ptr<Source>> apart = apart_.Open();
  if (!apart) return Spoiled();
  std::uint64_t largest = 0;
  for (const Segment& segment : segments_) {
    largest = std::max(largest, segment.end - segment.begin);
  }
  Buffer result = TENSORGATE_TRY(Buffer::Allocate(largest));
  Buffer chunk = TENSORGATE_TRY(Buffer::Allocate(std::max(room_, Heading::kBytes + run_)));
  for (const Segment& segment : segments_) {
    const std::span<std::byte> into = At(result.bytes(), 0, segment.end - segment.begin);
    TENSORGATE_TRY(Order(segment, **apart, chunk.bytes(), into));
    TENSORGATE_TRY(ordered.Append(into));
  }
  return {};
}

Result<void> Reordering::Order(const Segment& segment, Source& from, std::span<std::byte> memory,
                               std::span<std::byte> into) const {
  for (const Chunk& chunk : segment.chunks) {
    std::span<const std::byte> bytes = At(memory, 0, chunk.length);
    if (!ReadFully(from, chunk.offset, At(memory, 0, chunk.length))) return Spoiled();
    while (!bytes.empty()) {
      if (bytes.size() < Heading::kBytes) return Spoiled();
      const Heading heading = Heading::Load(bytes);
      bytes = bytes.subspan(Heading::kBytes);
      // If the temporary file was modified, nothing must be written outside the segment.
      const bool inside = heading.length <= bytes.size() && heading.at <= into.size() &&
                          heading.length <= into.size() - heading.at;
      if (!inside) return Spoiled();
      const auto length = static_cast<std::size_t>(heading.length);
      CopyBytes(bytes.first(length), At(into, heading.at, heading.length));
      bytes = bytes.subspan(length);
    }
  }
  return {};
}

}  // namespace

Result<void> Reorder(const PartData& part, std::span<const Gather> gathers,
                     const ReorderLimits& limits, const std::atomic<bool>* cancel, Spool& ordered) {
  Reordering reordering(part, gathers, limits);
  const Result<void> taken = reordering.TakeApart(cancel);
  return taken ? reordering.PutInOrder(ordered) : taken;
}

}  // namespace tensorgate::internal
