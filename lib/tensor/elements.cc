#include "lib/tensor/elements.h"

#include <utility>

#include "lib/base/checked.h"

namespace tensorgate::internal {
namespace {

// A row may be looked up without success in this many blocks for each of its elements.
constexpr std::uint64_t kVain = 16;
// In ranges of more than 32 TB it may be more often.
constexpr std::uint64_t kMaxPlaces = 1 << 16;

}  // namespace

Elements::Elements(const Gather& gather, std::uint64_t block)
    : Elements(gather.selection().source, gather.selection().target, gather.selection().axes,
               block) {
  const auto together = std::ranges::find(axes_, gather.run(), &Axis::target);
  // Rows along this axis are contiguous in the result; a block has several elements of each.
  if (places_.empty() && together != axes_.end() && together->source <= block / 2) {
    std::rotate(together, together + 1, axes_.end());
    MeasureReach();
  }
}

Elements::Elements(std::uint64_t source, std::uint64_t target, std::vector<Axis> axes,
                   std::uint64_t block)
    : source_(source), target_(target), block_(block), axes_(std::move(axes)) {
  if (axes_.empty()) axes_.push_back({.count = 1});
  depth_ = axes_.size() - 1;
  MeasureReach();
  std::size_t first = FirstListed();
  if (first == axes_.size()) return;
  std::uint64_t inner = 1;
  std::size_t inside = axes_.size();
  while (inside > first + 1 && axes_[inside - 1].count <= kMaxPlaces / inner) {
    inner *= axes_[--inside].count;
  }
  first = inside - 1;
  const std::uint64_t wanted = std::min(reach_[0] / block_ / kVain / inner + 1, kMaxPlaces / inner);
  const bool splits = wanted < axes_[first].count;
  if (splits) Split(first, wanted);
  ListPlaces(splits ? first + 1 : first);
}

void Elements::MeasureReach() {
  reach_.assign(axes_.size() + 1, 0);
  for (std::size_t i = axes_.size(); i-- > 0;) {
    reach_[i] = reach_[i + 1] + (axes_[i].count - 1) * axes_[i].source;
  }
}

// Axes that overlap can have few elements in far more blocks, and each block would look for them
// without success. Such axes are expanded once into a list, together with the axis before them;
// then each element costs one search.
std::size_t Elements::FirstListed() const {
  std::size_t first = axes_.size();
  std::uint64_t elements = 1;
  for (std::size_t i = axes_.size(); i-- > 1;) {
    elements = SaturatingMultiply(elements, axes_[i].count);
    if (reach_[i] / block_ / kVain > elements) first = i - 1;
  }
  return first;
}

// Splits an axis in two; the inner one has `count` steps.
void Elements::Split(std::size_t axis, std::uint64_t count) {
  const Axis whole = axes_[axis];
  const std::uint64_t outer = whole.count / count, left = whole.count % count;
  if (left != 0) {
    std::vector<Axis> axes = axes_;
    axes[axis].count = left;
    const std::uint64_t taken = outer * count;
    rest_.reset(new Elements(source_ + taken * whole.source, target_ + taken * whole.target,
                             std::move(axes), block_));
  }
  axes_[axis].count = count;
  axes_.insert(axes_.begin() + static_cast<std::ptrdiff_t>(axis),
               {.count = outer, .source = count * whole.source, .target = count * whole.target});
  MeasureReach();
}

void Elements::ListPlaces(std::size_t first) {
  depth_ = first;
  places_.push_back({0, 0});
  for (std::size_t i = first; i < axes_.size(); ++i) {
    const Axis& axis = axes_[i];
    const std::size_t before = places_.size();
    places_.reserve(before * static_cast<std::size_t>(axis.count));
    for (std::uint64_t index = 1; index < axis.count; ++index) {
      for (std::size_t j = 0; j < before; ++j) {
        places_.push_back(
            {places_[j].source + index * axis.source, places_[j].target + index * axis.target});
      }
    }
  }
  std::ranges::sort(places_, {}, &Place::source);
}

}  // namespace tensorgate::internal
