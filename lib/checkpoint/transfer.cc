#include "lib/checkpoint/transfer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/parallel.h"

namespace tensorgate::internal {
namespace {

constexpr std::size_t kSmallestBlock = 4096;
// A window has the same offset within its page as the data in the file: copying is faster.
constexpr std::uint64_t kPage = 4096;

}  // namespace

Transfer::Transfer(const CheckpointData& data, const LoadOptions& options)
    : data_(data), options_(options), block_(std::max(options.block, kSmallestBlock)) {}

void Transfer::Touch(std::size_t part, std::uint64_t bytes) {
  if (parts_.empty() || parts_.back() != part) parts_.push_back(part);
  total_ += bytes;
  single_threaded_ |= !data_.parts[part].source->concurrent();
}

void Transfer::AddRange(std::size_t part, std::uint64_t offset, std::span<std::byte> into) {
  if (into.empty()) return;
  Touch(part, into.size());
  // A range larger than a block is cut at multiples of the block size in memory, so that two
  // threads never touch the same huge page first.
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
  tasks_.push_back({part, std::move(gather), into, 0});
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
  ChooseSweeps();
  NumberPieces();
  const std::uint64_t pieces = blocks_.size() + task_pieces_ + sweep_blocks_;
  const ParallelOptions parallel = {options_.threads, options_.progress, options_.cancel};
  const Result<void> read = RunPieces(pieces, total_, single_threaded_, parallel,
                                      [this](std::uint64_t number) { return Do(number); });
  return read ? CheckUnchanged() : read;
}

// Tasks that would read the same bytes repeatedly.
void Transfer::ChooseSweeps() {
  groups_.resize(tasks_.size());
  std::map<std::size_t, std::vector<std::size_t>> of_part;
  for (std::size_t i = 0; i < tasks_.size(); ++i) of_part[tasks_[i].part].push_back(i);
  for (const auto& [part, which] : of_part) {
    std::vector<const Gather*> gathers;
    for (const std::size_t i : which) gathers.push_back(&tasks_[i].gather);
    const std::vector<std::uint32_t> groups = Sweep::Choose(gathers);
    std::map<std::uint32_t, std::vector<Sweep::Item>> items;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      groups_[which[i]] = groups[i];
      if (groups[i] != 0) items[groups[i]].push_back({gathers[i], tasks_[which[i]].into});
    }
    for (auto& [group, each] : items) together_.push_back({part, Sweep(std::move(each)), 0});
  }
}

void Transfer::NumberPieces() {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    tasks_[i].first = task_pieces_;
    if (groups_[i] != 0) continue;
    task_pieces_ += tasks_[i].gather.pieces();
    window_ = std::max(window_, tasks_[i].gather.window());
  }
  for (Together& each : together_) {
    each.first = sweep_blocks_;
    sweep_blocks_ += each.sweep.pass().blocks();
    window_ = std::max(window_, each.sweep.pass().window());
  }
}

namespace {

// The last owner whose first piece is not after `number`: if several have the same first piece,
// those before the last have no pieces.
template <typename Owner>
const Owner& OwnerOf(const std::vector<Owner>& owners, std::uint64_t number) {
  const auto next = std::ranges::upper_bound(owners, number, {}, &Owner::first);
  return owners[static_cast<std::size_t>(next - owners.begin()) - 1];
}

}  // namespace

Result<std::uint64_t> Transfer::Do(std::uint64_t number) {
  if (number >= blocks_.size() + task_pieces_) {
    number -= blocks_.size() + task_pieces_;
    const Together& together = OwnerOf(together_, number);
    return Do(together, number - together.first);
  }
  if (number >= blocks_.size()) {
    number -= blocks_.size();
    const Task& task = OwnerOf(tasks_, number);
    return Do(task, number - task.first);
  }
  const Block& block = blocks_[static_cast<std::size_t>(number)];
  TENSORGATE_TRY(data_.parts[block.part].Read(block.offset, block.into));
  return block.into.size();
}

Result<std::uint64_t> Transfer::Do(const Task& task, std::uint64_t number) {
  const Gather::Piece piece = task.gather.At(number);
  if (task.gather.window() == 0) {
    const auto length = static_cast<std::size_t>(piece.source.length);
    TENSORGATE_TRY(data_.parts[task.part].Read(
        piece.source.offset, task.into.subspan(static_cast<std::size_t>(piece.target), length)));
    return piece.bytes;
  }
  const Result<void> read = ReadWindow(
      task.part, piece.source,
      [&](std::span<const std::byte> bytes) { task.gather.Scatter(piece, bytes, task.into); });
  if (!read) return std::unexpected(read.error());
  return piece.bytes;
}

Result<std::uint64_t> Transfer::Do(const Together& together, std::uint64_t number) {
  std::uint64_t done = 0;
  const Result<void> read = ReadWindow(
      together.part, together.sweep.pass().Read(number),
      [&](std::span<const std::byte> bytes) { done = together.sweep.Scatter(number, bytes); });
  if (!read) return std::unexpected(read.error());
  return done;
}

template <typename TakeApart>
Result<void> Transfer::ReadWindow(std::size_t part, const ByteRange& range,
                                  const TakeApart& take_apart) {
  Buffer window = TENSORGATE_TRY(windows_.Take(window_ + kPage));
  const std::span<std::byte> bytes = window.bytes().subspan(
      static_cast<std::size_t>(range.offset % kPage), static_cast<std::size_t>(range.length));
  TENSORGATE_TRY(data_.parts[part].Read(range.offset, bytes));
  take_apart(bytes);
  windows_.Give(std::move(window));
  return {};
}

Result<void> Transfer::CheckUnchanged() {
  std::ranges::sort(parts_);
  const auto repeated = std::ranges::unique(parts_);
  parts_.erase(repeated.begin(), repeated.end());
  for (const std::size_t part : parts_) {
    TENSORGATE_TRY(data_.parts[part].CheckUnchanged());
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
