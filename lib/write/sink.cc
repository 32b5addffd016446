#include "lib/write/sink.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"

namespace tensorgate::internal {
namespace {

// A block is written when it is full, and until then stays in a core's own cache.
constexpr std::size_t kBlock = 512 << 10;
// For each call the kernel looks for contiguous memory; if memory is fragmented, larger writes cost
// much more.
constexpr std::size_t kWrite = 128 << 10;
// From this size on, copying into a block costs more than a separate call.
constexpr std::size_t kDirect = 128 << 10;
// Tensors are written together up to multiples of this: a write that starts or ends within a page
// costs more.
constexpr std::size_t kGather = 2 << 20;

}  // namespace

Result<std::span<std::byte>> MemorySink::Room(std::uint64_t wanted) {
  return rest_.first(static_cast<std::size_t>(std::min<std::uint64_t>(wanted, rest_.size())));
}

Result<void> MemorySink::Append(std::span<const std::byte> bytes) {
  CopyBytes(bytes, rest_);
  rest_ = rest_.subspan(bytes.size());
  return {};
}

Result<void> MemorySink::Skip(std::uint64_t count) {
  rest_ = rest_.subspan(static_cast<std::size_t>(count));
  return {};
}

Result<std::span<std::byte>> FileSink::Room(std::uint64_t wanted) {
  if (!pieces_.empty()) {
    TENSORGATE_TRY(WriteGathered());
  }
  if (block_.size() == 0) {
    block_ = TENSORGATE_TRY(Buffer::Allocate(kBlock));
  }
  // Blocks end at multiples of the block size in the file, so that all but the first are
  // page-aligned.
  std::size_t capacity = kBlock - static_cast<std::size_t>(position_ % kBlock);
  if (used_ == capacity) {
    TENSORGATE_TRY(Flush());
    capacity = kBlock;
  }
  const std::uint64_t room = std::min<std::uint64_t>(wanted, capacity - used_);
  return block_.bytes().subspan(used_, static_cast<std::size_t>(room));
}

Result<void> FileSink::Append(std::span<const std::byte> bytes) {
  if (bytes.size() >= kDirect || !pieces_.empty()) return Gather(bytes);
  while (!bytes.empty()) {
    const std::span<std::byte> room = TENSORGATE_TRY(Room(bytes.size()));
    const std::size_t count = CopyBytes(bytes, room);
    Filled(count);
    bytes = bytes.subspan(count);
  }
  return {};
}

Result<std::uint64_t> FileSink::Copy(int from, std::uint64_t offset, std::uint64_t length) {
  TENSORGATE_TRY(Flush());
  const Result<std::uint64_t> copied = file_.CopyAt(position_, from, offset, length);
  if (copied) position_ += *copied;
  return copied;
}

Result<void> FileSink::Skip(std::uint64_t count) {
  const Result<void> flushed = Flush();
  if (flushed) position_ += count;
  return flushed;
}

Result<void> FileSink::Gather(std::span<const std::byte> bytes) {
  if (used_ != 0) pieces_.push_back(block_.bytes().first(used_));
  gathered_ += std::exchange(used_, 0);
  while (!bytes.empty()) {
    std::size_t count = kGather - static_cast<std::size_t>(position() % kGather);
    // Many whole units are written in one call.
    if (bytes.size() > count) count += (bytes.size() - count) / kGather * kGather;
    count = std::min(count, bytes.size());
    pieces_.push_back(bytes.first(count));
    gathered_ += count;
    bytes = bytes.subspan(count);
    if (position() % kGather == 0 || pieces_.size() == NewFile::kMaxPieces) {
      TENSORGATE_TRY(WriteGathered());
    }
  }
  return {};
}

Result<void> FileSink::WriteGathered() {
  const Result<void> written = file_.WriteAt(position_, pieces_);
  position_ += std::exchange(gathered_, 0);
  pieces_.clear();
  return written;
}

Result<void> FileSink::Flush() { return pieces_.empty() ? WriteBlock() : WriteGathered(); }

Result<void> FileSink::WriteBlock() {
  std::span<const std::byte> bytes = block_.bytes().first(used_);
  while (!bytes.empty()) {
    const std::size_t step =
        std::min(bytes.size(), kWrite - static_cast<std::size_t>(position_ % kWrite));
    TENSORGATE_TRY(file_.WriteAt(position_, bytes.first(step)));
    position_ += step;
    used_ -= step;
    bytes = bytes.subspan(step);
  }
  return {};
}

}  // namespace tensorgate::internal
