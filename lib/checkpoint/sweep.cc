#include "lib/checkpoint/sweep.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lib/base/checked.h"
#include "lib/tensor/ranges.h"

namespace tensorgate::internal {
namespace {

// Long contiguous runs are read directly, at no more cost than their bytes.
bool MaySweep(const Gather& gather) { return gather.run() < GatherLimits().long_run; }

Pass PassOf(std::span<const Sweep::Item> items, std::uint64_t block) {
  ByteRange range = items.front().gather->range();
  std::uint64_t run = 0;
  for (const Sweep::Item& item : items) {
    range.length = std::max(End(range), End(item.gather->range())) - range.offset;
    run = std::max(run, item.gather->run());
  }
  return Pass(range, run, block);
}

std::vector<Sweep::Item> Sorted(std::vector<Sweep::Item> items) {
  std::ranges::sort(items, {}, [](const Sweep::Item& item) { return item.gather->range().offset; });
  return items;
}

}  // namespace

std::uint64_t Pass::BlockOf(std::uint64_t length) {
  constexpr std::uint64_t kMin = std::uint64_t{4} << 20, kMax = std::uint64_t{32} << 20;
  return std::clamp(length / 4096, kMin, kMax);
}

std::uint64_t Pass::blocks() const { return RoundedUpQuotient(range_.length, block_); }

ByteRange Pass::Read(std::uint64_t number) const {
  const std::uint64_t begin = number * block_;
  return {range_.offset + begin, std::min(range_.length - begin, window())};
}

ByteRange Pass::Begins(std::uint64_t number) const {
  const std::uint64_t begin = number * block_;
  return {range_.offset + begin, std::min(range_.length - begin, block_)};
}

std::uint64_t Pass::window() const { return std::min(range_.length, block_ + run_ - 1); }

std::uint64_t Pass::read_bytes() const {
  std::uint64_t bytes = range_.length;
  // Bytes that are read for two blocks: at most all that remain.
  for (std::uint64_t number = blocks() - 1; number > 0; --number) {
    const std::uint64_t again = std::min(range_.length - number * block_, run_ - 1);
    bytes += again;
    if (again == run_ - 1) return bytes + (number - 1) * again;
  }
  return bytes;
}

std::uint64_t Pass::cost() const {
  return SaturatingAdd(read_bytes(), SaturatingMultiply(blocks(), Gather::kReadCost));
}

std::uint64_t Sweep::Cost(const Gather& gather) {
  if (!MaySweep(gather)) return gather.cost();
  return std::min(gather.cost(), Pass(gather.range(), gather.run()).cost());
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
    std::uint64_t separate = 0, run = 0;
    for (; end < order.size(); ++end) {
      const Gather& next = *gathers[order[end]];
      if (end != begin && next.range().offset >= End(together)) break;
      together.length = std::max(End(together), End(next.range())) - together.offset;
      separate = SaturatingAdd(separate, next.cost());
      run = std::max(run, next.run());
    }
    if (separate / 2 <= Pass(together, run).cost()) continue;
    ++count;
    for (std::size_t i = begin; i < end; ++i) groups[order[i]] = count;
  }
  return groups;
}

Sweep::Sweep(std::vector<Item> items, std::uint64_t block)
    : items_(Sorted(std::move(items))), pass_(PassOf(items_, block)) {
  elements_.reserve(items_.size());
  for (const Item& item : items_) elements_.emplace_back(*item.gather, pass_.block());
}

std::uint64_t Sweep::Scatter(std::uint64_t number, std::span<const std::byte> bytes) const {
  const ByteRange begins = pass_.Begins(number);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Gather& gather = *items_[i].gather;
    if (gather.range().offset >= End(begins)) break;
    const auto run = static_cast<std::size_t>(gather.run());
    elements_[i].Visit(begins.offset, End(begins), [&](const ElementRow& row) {
      CopyStrided(bytes, {row.source.at - begins.offset, row.source.stride}, items_[i].into,
                  row.target, row.count, run);
      done += row.count * run;
    });
  }
  return done;
}

}  // namespace tensorgate::internal
