#include "lib/ops/transfer.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/parallel.h"

namespace tensorgate::internal {
namespace {

constexpr std::size_t kSmallestBlock = 4096;
// A window lies within its page as what is read into it does in the file: copying is faster.
constexpr std::uint64_t kPage = 4096;

}  // namespace

Transfer::Transfer(const CheckpointData& data, const LoadOptions& options)
    : data_(data), options_(options), block_(std::max(options.block, kSmallestBlock)) {}

void Transfer::Touch(std::size_t part, std::uint64_t bytes) {
  if (parts_.empty() || parts_.back() != part) parts_.push_back(part);
  all_ += bytes;
  alone_ |= !data_.parts[part].source->concurrent();
}

void Transfer::AddRange(std::size_t part, std::uint64_t offset, std::span<std::byte> into) {
  if (into.empty()) return;
  Touch(part, into.size());
  // What is larger than a block is cut at its multiples in memory: two threads never touch the same
  // huge page first.
  const bool whole = into.size() <= block_;
  while (!into.empty()) {
    const auto at = static_cast<std::size_t>(AddressOf(into) % block_);
    const std::size_t count = whole ? into.size() : std::min(into.size(), block_ - at);
    blocks_.push_back({part, offset, into.first(count)});
    offset += count;
    into = into.subspan(count);
  }
}

void Transfer::AddSelection(std::size_t part, Selection selection, std::span<std::byte> into) {
  if (into.empty()) return;
  Gather gather(std::move(selection), {.block = block_});
  if (gather.contiguous()) return AddRange(part, gather.range().offset, into);
  Touch(part, into.size());
  window_ = std::max(window_, gather.window());
  const std::uint64_t first = task_pieces_;
  task_pieces_ += gather.pieces();
  tasks_.push_back({part, std::move(gather), into, first});
}

Result<void> Transfer::AddTensor(const TensorRef& tensor, std::span<std::byte> into) {
  if (tensor.stride.empty()) {
    AddRange(tensor.part, tensor.range.offset, into);
    return {};
  }
  Result<Selection> selection = Select(tensor, {});
  if (!selection) return std::unexpected(selection.error());
  AddSelection(tensor.part, std::move(*selection), into);
  return {};
}

Result<void> Transfer::Run() {
  const Result<void> read = RunPieces(blocks_.size() + task_pieces_, all_, alone_, options_,
                                      [this](std::uint64_t number) { return Do(number); });
  return read ? CheckUnchanged() : read;
}

Result<std::uint64_t> Transfer::Do(std::uint64_t number) {
  if (number >= blocks_.size()) {
    number -= blocks_.size();
    const auto behind = std::ranges::upper_bound(tasks_, number, {}, &Task::first);
    const Task& task = tasks_[static_cast<std::size_t>(behind - tasks_.begin()) - 1];
    return Do(task, number - task.first);
  }
  const Block& block = blocks_[static_cast<std::size_t>(number)];
  const Result<void> read = data_.parts[block.part].Read(block.offset, block.into);
  if (!read) return std::unexpected(read.error());
  return block.into.size();
}

Result<std::uint64_t> Transfer::Do(const Task& task, std::uint64_t number) {
  const Gather::Piece piece = task.gather.At(number);
  const auto length = static_cast<std::size_t>(piece.source.length);
  const PartData& part = data_.parts[task.part];
  if (task.gather.window() == 0) {
    const Result<void> read = part.Read(
        piece.source.offset, task.into.subspan(static_cast<std::size_t>(piece.target), length));
    if (!read) return std::unexpected(read.error());
    return piece.bytes;
  }
  Result<Buffer> window = windows_.Take(window_ + kPage);
  if (!window) return std::unexpected(window.error());
  const std::span<std::byte> bytes =
      window->bytes().subspan(static_cast<std::size_t>(piece.source.offset % kPage), length);
  const Result<void> read = part.Read(piece.source.offset, bytes);
  if (!read) return std::unexpected(read.error());
  task.gather.Scatter(piece, bytes, task.into);
  windows_.Give(std::move(*window));
  return piece.bytes;
}

Result<void> Transfer::CheckUnchanged() {
  std::ranges::sort(parts_);
  const auto repeated = std::ranges::unique(parts_);
  parts_.erase(repeated.begin(), repeated.end());
  for (const std::size_t part : parts_) {
    if (const Result<void> unchanged = data_.parts[part].Unchanged(); !unchanged) return unchanged;
  }
  return {};
}

Result<Buffer> Transfer::Windows::Take(std::uint64_t size) {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Buffer window = std::move(free_.back());
      free_.pop_back();
      return window;
    }
  }
  return Buffer::Allocate(size);
}

void Transfer::Windows::Give(Buffer window) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(window));
}

}  // namespace tensorgate::internal
