#include "lib/tensor/select.h"

#include <algorithm>

#include "lib/base/checked.h"

namespace tensorgate::internal {
namespace {

std::unexpected<Status> BadSlice(std::size_t subscript) {
  return std::unexpected(Status{.rule = Rule::kUseBadSlice, .found = subscript});
}

std::unexpected<Status> NotATensor() {
  return std::unexpected(Status{.rule = Rule::kUseNoSuchTensor});
}

// What is selected along one dimension of the tensor.
struct Taken {
  std::uint64_t size = 0;    // of the dimension
  std::uint64_t stride = 0;  // bytes
  Positions positions;
};

// Sets the distances in bytes of a tensor that has elements; returns false if the tensor's own
// numbers contradict each other. Afterwards no position outside its range is reached, even if the
// caller built the tensor.
bool SetStrides(const TensorRef& tensor, std::vector<Taken>& dimensions, std::uint64_t element) {
  ShapeSize<std::uint64_t> size;
  for (const Taken& dimension : dimensions) size.Multiply(dimension.size);
  if (size.HiddenOverflow(element * 8)) return false;
  std::uint64_t end = 0;
  if (__builtin_add_overflow(tensor.range.offset, tensor.range.length, &end)) return false;
  if (tensor.stride.empty()) {
    std::uint64_t stride = element;
    for (std::size_t d = dimensions.size(); d-- > 0;) {
      dimensions[d].stride = stride;
      stride *= std::max<std::uint64_t>(dimensions[d].size, 1);
    }
    return tensor.range.length == size.TotalBits(8 * element) / 8;
  }
  if (tensor.stride.size() != dimensions.size()) return false;
  std::uint64_t reach = element;
  for (std::size_t d = 0; d < dimensions.size(); ++d) {
    std::uint64_t stride = tensor.stride[d];
    if (MultiplyOverflows(stride, element)) return false;
    dimensions[d].stride = stride;
    std::uint64_t last = stride;
    if (dimensions[d].size < 2) continue;
    if (MultiplyOverflows(last, dimensions[d].size - 1) ||
        __builtin_add_overflow(reach, last, &reach)) {
      return false;
    }
  }
  return reach <= tensor.range.length;
}

// Converts positions of elements in the last dimension to positions of bytes.
bool MakeBytes(Taken& last, unsigned bits) {
  Positions& positions = last.positions;
  if (last.size * bits % 8 != 0 || positions.first * bits % 8 != 0 ||
      positions.count * bits % 8 != 0 || positions.step != 1) {
    return false;
  }
  last.size = last.size * bits / 8;
  positions = {positions.first * bits / 8, positions.count * bits / 8, 1};
  return true;
}

// Reads the subscripts; `shape` receives the result's shape.
Result<std::vector<Taken>> Take(const TensorRef& tensor, std::span<const Subscript> subscripts,
                                std::vector<std::uint64_t>& shape) {
  using Kind = Subscript::Kind;
  const std::size_t rank = tensor.shape.size();
  std::size_t named = 0, ellipsis = subscripts.size();
  for (std::size_t i = 0; i < subscripts.size(); ++i) {
    if (subscripts[i].kind == Kind::kEllipsis) {
      if (ellipsis != subscripts.size()) return BadSlice(i);
      ellipsis = i;
    } else if (subscripts[i].kind != Kind::kNewAxis && ++named > rank) {
      return BadSlice(i);
    }
  }
  std::vector<Taken> taken;
  taken.reserve(rank);
  const auto take_whole = [&](std::size_t count) {
    for (; count != 0; --count) {
      const std::uint64_t size = tensor.shape[taken.size()];
      taken.push_back({size, 0, {0, size, 1}});
      shape.push_back(size);
    }
  };
  for (std::size_t i = 0; i < subscripts.size(); ++i) {
    const Subscript& subscript = subscripts[i];
    if (subscript.kind == Kind::kEllipsis) {
      take_whole(rank - named);
      continue;
    }
    if (subscript.kind == Kind::kNewAxis) {
      shape.push_back(1);
      continue;
    }
    const std::uint64_t size = tensor.shape[taken.size()];
    if (size > INT64_MAX) return NotATensor();
    if (subscript.kind == Kind::kIndex) {
      if (!subscript.start) return BadSlice(i);
      std::int64_t index = *subscript.start;
      if (index < 0) index += static_cast<std::int64_t>(size);
      if (index < 0 || static_cast<std::uint64_t>(index) >= size) return BadSlice(i);
      taken.push_back({size, 0, {static_cast<std::uint64_t>(index), 1, 1}});
      continue;
    }
    if (subscript.step == 0) return BadSlice(i);
    taken.push_back({size, 0, Resolve(subscript, size)});
    shape.push_back(taken.back().positions.count);
  }
  take_whole(rank - taken.size());
  return taken;
}

}  // namespace

Positions Resolve(const Subscript& range, std::uint64_t size) {
  const auto length = static_cast<std::int64_t>(size);
  const bool down = range.step < 0;
  // The lowest and highest possible bound, which are positions or one past them.
  const std::int64_t low = down ? -1 : 0, high = down ? length - 1 : length;
  const auto clamp = [&](std::optional<std::int64_t> bound, std::int64_t missing) {
    if (!bound) return missing;
    if (*bound < 0) return std::max(*bound + length, low);
    return std::min(*bound, high);
  };
  const std::int64_t start = clamp(range.start, down ? high : low);
  const std::int64_t stop = clamp(range.stop, down ? low : high);
  if (down ? stop >= start : start >= stop) return {0, 0, 1};
  const auto distance = static_cast<std::uint64_t>(down ? start - stop : stop - start);
  const auto step = static_cast<std::uint64_t>(range.step);
  const std::uint64_t width = down ? ~step + 1 : step;
  return {static_cast<std::uint64_t>(start), (distance - 1) / width + 1, range.step};
}

Result<Selection> Select(const TensorRef& tensor, std::span<const Subscript> subscripts) {
  Selection selection;
  Result<std::vector<Taken>> taken = Take(tensor, subscripts, selection.shape);
  if (!taken) return std::unexpected(taken.error());
  if (!tensor.type.dtype) return std::unexpected(Status{.rule = Rule::kUseNoDtype});
  const unsigned bits = Bits(*tensor.type.dtype);
  selection.element = bits < 8 ? 1 : bits / 8;
  const bool empty = std::ranges::any_of(
      *taken, [](const Taken& dimension) { return dimension.positions.count == 0; });
  if (bits < 8) {
    const auto sub_byte = std::unexpected(Status{.rule = Rule::kUseSubByteSlice, .found = bits});
    if (taken->empty() || !tensor.stride.empty()) return sub_byte;
    // The selected part of a dimension is not larger than the dimension.
    std::uint64_t size = taken->back().size;
    if (!empty && MultiplyOverflows(size, std::uint64_t{bits})) return NotATensor();
    if (!empty && !MakeBytes(taken->back(), bits)) return sub_byte;
  }
  if (empty) return selection;
  if (!SetStrides(tensor, *taken, selection.element)) return NotATensor();
  selection.source = tensor.range.offset;
  selection.bytes = selection.element;
  for (std::size_t d = taken->size(); d-- > 0;) {
    const Taken& dimension = (*taken)[d];
    const Positions& positions = dimension.positions;
    const std::uint64_t target = selection.bytes;
    selection.bytes *= positions.count;
    selection.source += positions.first * dimension.stride;
    if (positions.count == 1) continue;
    Axis axis{positions.count, static_cast<std::uint64_t>(positions.step) * dimension.stride,
              target};
    if (positions.step < 0) {
      // Ascending in the file, descending in the result.
      axis.source = ~axis.source + 1;
      axis.target = ~axis.target + 1;
      selection.source -= (positions.count - 1) * axis.source;
      selection.target += (positions.count - 1) * target;
    }
    selection.axes.push_back(axis);
  }
  std::ranges::reverse(selection.axes);
  return selection;
}

}  // namespace tensorgate::internal
