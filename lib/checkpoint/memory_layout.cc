#include "lib/checkpoint/memory_layout.h"

#include <algorithm>
#include <tuple>

namespace tensorgate::internal {
namespace {

// Copying is up to three times slower if the memory's offset within its page differs from the
// file's; only for a large stretch is avoiding that worth up to a page of unused memory.
constexpr std::uint64_t kPage = 4096, kLine = 64, kLarge = 64 << 10;

// The first position from `at` on with the same remainder as `like`. std::nullopt: it does not fit
// 64 bits.
std::optional<std::uint64_t> Congruent(std::uint64_t at, std::uint64_t like, std::uint64_t unit) {
  std::uint64_t position;
  if (__builtin_add_overflow(at, (like - at) % unit, &position)) return std::nullopt;
  return position;
}

// True if the start of a stretch is not aligned for its dtype in the file; in memory it must be.
bool IsSkewed(const Stretch& stretch, std::uint64_t alignment) {
  return stretch.range.offset % alignment != 0;
}

struct Open {
  Stretch stretch;
  bool skewed = false;

  bool Continues(const Extent& extent) const {
    const std::uint64_t begin = skewed ? stretch.range.offset : 0;
    return extent.part == stretch.part &&
           extent.range.offset == stretch.range.offset + stretch.range.length &&
           (extent.range.offset - begin) % extent.alignment == 0;
  }
};

}  // namespace

std::optional<Layout> LayOut(std::span<const Extent> extents) {
  Layout layout;
  layout.positions.resize(extents.size());
  std::vector<std::size_t> order(extents.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) {
    const Extent& extent = extents[i];
    return std::tuple(extent.part, extent.range.offset, extent.range.length, extent.alignment, i);
  });
  // First which extents go together, with positions relative to their stretch; then the position of
  // each stretch.
  std::vector<std::size_t> stretch_of(extents.size());
  std::optional<Open> open;
  std::vector<bool> skewed;
  const Extent* before = nullptr;
  for (const std::size_t i : order) {
    const Extent& extent = extents[i];
    if (extent.range.length == 0) continue;
    const bool repeated = before != nullptr && before->part == extent.part &&
                          before->range == extent.range && before->alignment == extent.alignment;
    if (!repeated) {
      if (open && open->Continues(extent)) {
        open->stretch.range.length += extent.range.length;
        layout.stretches.back() = open->stretch;
      } else {
        open.emplace();
        open->stretch = {extent.part, extent.range, 0};
        open->skewed = IsSkewed(open->stretch, extent.alignment);
        layout.stretches.push_back(open->stretch);
        skewed.push_back(open->skewed);
      }
    }
    stretch_of[i] = layout.stretches.size() - 1;
    before = &extent;
  }
  for (std::size_t s = 0; s < layout.stretches.size(); ++s) {
    Stretch& stretch = layout.stretches[s];
    const auto position = Congruent(layout.size, skewed[s] ? 0 : stretch.range.offset,
                                    skewed[s] || stretch.range.length < kLarge ? kLine : kPage);
    if (!position) return std::nullopt;
    stretch.position = *position;
    if (__builtin_add_overflow(*position, stretch.range.length, &layout.size)) return std::nullopt;
  }
  for (const std::size_t i : order) {
    if (extents[i].range.length == 0) continue;
    const Stretch& stretch = layout.stretches[stretch_of[i]];
    layout.positions[i] = stretch.position + (extents[i].range.offset - stretch.range.offset);
  }
  return layout;
}

}  // namespace tensorgate::internal
