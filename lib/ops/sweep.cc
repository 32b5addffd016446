#include "lib/ops/sweep.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lib/base/checked.h"
#include "lib/ops/ranges.h"

namespace tensorgate::internal {
namespace {

// What lies together for long is read for its own, at no more than its bytes.
bool MaySweep(const Gather& gather) { return gather.run() < GatherLimits().long_run; }

// Of a pass over so many bytes.
std::uint64_t CostOfPass(std::uint64_t length) {
  const std::uint64_t reads = RoundedUpQuotient(length, Sweep::BlockOf(length));
  return SaturatingAdd(length, SaturatingMultiply(reads, Gather::kReadCost));
}

}  // namespace

// Of larger files larger: the blocks are to be few beside the elements.
std::uint64_t Sweep::BlockOf(std::uint64_t length) {
  constexpr std::uint64_t kLeast = std::uint64_t{4} << 20, kMost = std::uint64_t{32} << 20;
  return std::clamp(length / 4096, kLeast, kMost);
}

std::uint64_t Sweep::Cost(const Gather& gather) {
  if (!MaySweep(gather)) return gather.cost();
  return std::min(gather.cost(), CostOfPass(gather.range().length));
}

std::vector<std::uint32_t> Sweep::Choose(std::span<const Gather* const> gathers) {
  std::vector<std::uint32_t> groups(gathers.size());
  std::vector<std::size_t> order(gathers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return !MaySweep(*gathers[i]); });
  std::ranges::sort(order, {},
                    [&](std::size_t i) { return std::pair(gathers[i]->range().offset, i); });
  std::uint32_t count = 0;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    ByteRange together = gathers[order[begin]]->range();
    std::uint64_t alone = 0;
    for (; end < order.size(); ++end) {
      const Gather& next = *gathers[order[end]];
      if (end != begin && next.range().offset >= End(together)) break;
      together.length = std::max(End(together), End(next.range())) - together.offset;
      alone = SaturatingAdd(alone, next.cost());
    }
    if (alone / 2 <= CostOfPass(together.length)) continue;
    ++count;
    for (std::size_t i = begin; i < end; ++i) groups[order[i]] = count;
  }
  return groups;
}

Sweep::Sweep(std::vector<Item> items, std::uint64_t block) : items_(std::move(items)) {
  std::ranges::stable_sort(items_, {},
                           [](const Item& item) { return item.gather->range().offset; });
  range_ = items_.front().gather->range();
  for (const Item& item : items_) {
    range_.length = std::max(End(range_), End(item.gather->range())) - range_.offset;
    run_ = std::max(run_, item.gather->run());
  }
  block_ = block == 0 ? BlockOf(range_.length) : block;
  elements_.reserve(items_.size());
  for (const Item& item : items_) elements_.emplace_back(*item.gather, block_);
}

ByteRange Sweep::Block(std::uint64_t number) const {
  const std::uint64_t begin = number * block_;
  // An element that begins in a block may end after it.
  return {range_.offset + begin, std::min(range_.length - begin, window())};
}

std::uint64_t Sweep::blocks() const { return RoundedUpQuotient(range_.length, block_); }

std::uint64_t Sweep::window() const { return std::min(range_.length, block_ + run_ - 1); }

std::uint64_t Sweep::read_bytes() const {
  std::uint64_t bytes = range_.length;
  // What is read again of the block before: all of what is left where that is shorter.
  for (std::uint64_t left = range_.length, number = blocks(); number > 1; --number) {
    left = range_.length - (number - 1) * block_;
    const std::uint64_t again = std::min(left, run_ - 1);
    bytes += again;
    if (again == run_ - 1) return bytes + (number - 2) * again;
  }
  return bytes;
}

std::uint64_t Sweep::Scatter(std::uint64_t number, std::span<const std::byte> bytes) const {
  const std::uint64_t begin = range_.offset + number * block_;
  const std::uint64_t end = std::min(begin + block_, End(range_));
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Gather& gather = *items_[i].gather;
    if (gather.range().offset >= end) break;
    const auto run = static_cast<std::size_t>(gather.run());
    elements_[i].Visit(begin, end, [&](const ElementRow& row) {
      CopyStrided(bytes, {row.source.at - begin, row.source.stride}, items_[i].into, row.target,
                  row.count, run);
      done += row.count * run;
    });
  }
  return done;
}

}  // namespace tensorgate::internal
