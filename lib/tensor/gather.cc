#include "lib/tensor/gather.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "lib/base/strided_copy.h"

namespace tensorgate::internal {
namespace {

// The absolute distance in the result.
std::uint64_t Distance(const Axis& axis) { return std::min(axis.target, ~axis.target + 1); }

// True if the outer axis continues where the inner one ends, in file and result: they are one axis.
bool Continues(const Axis& outer, const Axis& inner) {
  // This does not overflow: outer axes have no smaller distances, and all positions are inside the
  // range.
  return outer.source == inner.source * inner.count && outer.target == inner.target * inner.count;
}

}  // namespace

Gather::Gather(Selection selection, const GatherLimits& limits)
    : selection_(std::move(selection)), limits_(limits) {
  if (selection_.bytes == 0) return;
  SortAndMerge();
  ChooseBoxes();
}

void Gather::SortAndMerge() {
  std::vector<Axis>& axes = selection_.axes;
  std::ranges::sort(axes, std::greater<>(),
                    [](const Axis& axis) { return std::pair(axis.source, axis.target); });
  std::vector<Axis> merged;  // from the innermost
  merged.reserve(axes.size());
  for (std::size_t i = axes.size(); i-- > 0;) {
    if (!merged.empty() && Continues(axes[i], merged.back())) {
      merged.back().count *= axes[i].count;
    } else {
      merged.push_back(axes[i]);
    }
  }
  std::ranges::reverse(merged);
  axes = std::move(merged);
  run_ = selection_.element;
  if (!axes.empty() && axes.back().source == run_ && axes.back().target == run_) {
    run_ *= axes.back().count;
    axes.pop_back();
  }
  extents_.assign(axes.size() + 1, run_);
  for (std::size_t i = axes.size(); i-- > 0;) {
    extents_[i] = extents_[i + 1] + (axes[i].count - 1) * axes[i].source;
  }
}

void Gather::ChooseBoxes() {
  const std::span<const Axis> axes = selection_.axes;
  box_ = axes.size();
  while (box_ != 0 && run_ < limits_.long_run) {
    const std::uint64_t distance = axes[box_ - 1].source, extent = extents_[box_];
    if (distance > extent && distance - extent >= limits_.gap) break;
    --box_;
  }
  // A run is shorter than the window, so there is an axis that can be cut.
  while (box_ != axes.size() && extents_[box_] > limits_.window &&
         extents_[box_ + 1] > limits_.window) {
    ++box_;
  }
  std::uint64_t boxes = 1;
  for (const Axis& axis : axes.first(box_)) boxes *= axis.count;
  std::uint64_t read = run_;  // read by all pieces of one box
  if (box_ == axes.size()) {
    parts_ = RoundedUpQuotient(run_, limits_.block);
  } else {
    const Axis& axis = axes[box_];
    const std::uint64_t inner = extents_[box_ + 1];
    const auto length = [&](std::uint64_t count) { return (count - 1) * axis.source + inner; };
    group_ = axis.count;
    if (extents_[box_] > limits_.window) group_ = (limits_.window - inner) / axis.source + 1;
    parts_ = RoundedUpQuotient(axis.count, group_);
    window_ = length(group_);
    read = axis.count / group_ * window_;
    if (axis.count % group_ != 0) read += length(axis.count % group_);
    box_bytes_ = run_;
    for (const Axis& each : axes.subspan(box_ + 1)) box_bytes_ *= each.count;
  }
  pieces_ = boxes * parts_;
  read_bytes_ = SaturatingMultiply(boxes, read);
}

Gather::Piece Gather::At(std::uint64_t number) const {
  const std::span<const Axis> axes = selection_.axes;
  Piece piece;
  piece.source.offset = selection_.source;
  piece.target = selection_.target;
  const std::uint64_t part = number % parts_;
  number /= parts_;
  for (std::size_t i = box_; i-- > 0;) {
    const std::uint64_t index = number % axes[i].count;
    number /= axes[i].count;
    piece.source.offset += index * axes[i].source;
    piece.target += index * axes[i].target;
  }
  if (box_ == axes.size()) {
    piece.source.offset += part * limits_.block;
    piece.target += part * limits_.block;
    piece.source.length = piece.bytes = std::min(limits_.block, run_ - part * limits_.block);
    return piece;
  }
  const Axis& axis = axes[box_];
  const std::uint64_t first = part * group_;
  piece.count = std::min(group_, axis.count - first);
  piece.source.offset += first * axis.source;
  piece.source.length = (piece.count - 1) * axis.source + extents_[box_ + 1];
  piece.target += first * axis.target;
  piece.bytes = piece.count * box_bytes_;
  return piece;
}

void Gather::Scatter(const Piece& piece, std::span<const std::byte> window,
                     std::span<std::byte> result) const {
  // The axis with the smallest distance in the result is innermost: the window is in the cache.
  std::array<Axis, 64> storage;
  const std::span<const Axis> box = std::span(selection_.axes).subspan(box_);
  const std::span<Axis> axes = std::span(storage).first(box.size());
  std::ranges::copy(box, axes.begin());
  axes.front().count = piece.count;
  std::ranges::sort(axes, std::greater<>(), Distance);
  const Axis inner = axes.back();
  const std::span<const Axis> outer = axes.first(axes.size() - 1);
  std::array<std::uint64_t, 64> numbers{};
  const std::span<std::uint64_t> at = numbers;
  Row source{0, inner.source}, target{piece.target, inner.target};
  while (true) {
    CopyStrided(window, source, result, target, inner.count, static_cast<std::size_t>(run_));
    std::size_t i = outer.size();
    for (; i != 0; --i) {
      const Axis& axis = outer[i - 1];
      source.at += axis.source;
      target.at += axis.target;
      if (++at[i - 1] != axis.count) break;
      source.at -= axis.count * axis.source;
      target.at -= axis.count * axis.target;
      at[i - 1] = 0;
    }
    if (i == 0) return;
  }
}

}  // namespace tensorgate::internal
