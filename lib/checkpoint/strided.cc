#include "lib/checkpoint/strided.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/checkpoint/sweep.h"
#include "lib/checkpoint/transfer.h"

namespace tensorgate::internal {
namespace {

// Size of a tile: the larger it is, the longer are the runs that reading a transposed tensor has.
constexpr std::uint64_t kTile = std::uint64_t{16} << 20;

}  // namespace

StridedReader::StridedReader(const CheckpointData& data, TensorRef tensor)
    : data_(data), tensor_(std::move(tensor)), inner_(tensor_.type.block_bytes) {
  if (!tensor_.shape.empty()) axis_ = tensor_.shape.size() - 1;
  // Move one axis outwards, as long as a step of it fits into a tile.
  while (axis_ != 0 && inner_ <= kTile / tensor_.shape[axis_]) {
    inner_ *= tensor_.shape[axis_];
    --axis_;
  }
  group_ = std::max<std::uint64_t>(kTile / inner_, 1);
}

Result<void> StridedReader::Read(std::uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    if (offset < begin_ || offset >= end_) {
      TENSORGATE_TRY(Load(offset));
    }
    const std::span<const std::byte> tile =
        tile_.bytes().first(static_cast<std::size_t>(end_ - begin_));
    const std::size_t count =
        CopyBytes(tile.subspan(static_cast<std::size_t>(offset - begin_)), into);
    offset += count;
    into = into.subspan(count);
  }
  return {};
}

void StridedReader::Release() {
  tile_ = Buffer();
  begin_ = end_ = 0;
}

Result<std::size_t> StridedSource::Read(std::uint64_t offset, std::span<std::byte> into) {
  if (offset >= size_) return 0;
  into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset)));
  TENSORGATE_TRY(reader_.Read(offset, into));
  // Otherwise each of many tensors would keep a tile.
  if (into.size() == size_ - offset) reader_.Release();
  return into.size();
}

std::uint64_t StridedReader::Cost() const {
  const Result<Selection> first = Select(tensor_, TileAt(0).subscripts);
  if (!first) return 0;  // reading it reports why
  // All other tiles cost as much, or less if they are cut off.
  std::uint64_t tiles = RoundedUpQuotient(AxisSize(), group_);
  for (const std::uint64_t size : std::span(tensor_.shape).first(axis_)) {
    tiles = SaturatingMultiply(tiles, size);
  }
  return SaturatingMultiply(tiles, Sweep::Cost(Gather(*first)));
}

StridedReader::Tile StridedReader::TileAt(std::uint64_t offset) const {
  const std::uint64_t size = AxisSize();
  const std::uint64_t plane = size * inner_;  // bytes of all steps of the axis
  const std::uint64_t first = offset % plane / inner_ / group_ * group_;
  const std::uint64_t count = std::min(group_, size - first);
  Tile tile{.begin = offset / plane * plane + first * inner_};
  std::uint64_t outer = offset / plane;
  for (std::size_t i = axis_; i-- > 0;) {
    tile.subscripts.push_back(
        Subscript::Index(static_cast<std::int64_t>(outer % tensor_.shape[i])));
    outer /= tensor_.shape[i];
  }
  std::ranges::reverse(tile.subscripts);
  if (!tensor_.shape.empty()) {
    tile.subscripts.push_back(Subscript::Range(static_cast<std::int64_t>(first),
                                               static_cast<std::int64_t>(first + count)));
  }
  return tile;
}

Result<void> StridedReader::Load(std::uint64_t offset) {
  const Tile tile = TileAt(offset);
  Selection selection = TENSORGATE_TRY(Select(tensor_, tile.subscripts));
  if (tile_.bytes().size() < selection.bytes) {
    tile_ = TENSORGATE_TRY(Buffer::Allocate(std::min(group_, AxisSize()) * inner_));
  }
  begin_ = end_ = 0;
  const std::uint64_t bytes = selection.bytes;
  const LoadOptions options{.threads = 1};
  Transfer transfer(data_, options);
  transfer.AddSelection(tensor_.part, std::move(selection),
                        tile_.bytes().first(static_cast<std::size_t>(bytes)));
  TENSORGATE_TRY(transfer.Run());
  begin_ = tile.begin;
  end_ = begin_ + bytes;
  return {};
}

}  // namespace tensorgate::internal
