// From a tensor and subscripts to places: which bytes of the file go where in the result.
#ifndef TENSORGATE_TENSOR_SELECT_H_
#define TENSORGATE_TENSOR_SELECT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "tensorgate/slice.h"

namespace tensorgate::internal {

struct Axis {
  std::uint64_t count = 0;
  std::uint64_t source = 0;  // bytes from one to the next in the file
  std::uint64_t target = 0;  // the same in the result; a negative distance is its two's complement
};

/// Element (i, j, …) lies at `source + Σ i * axes.source` in the file and goes to
/// `target + Σ i * axes.target` in the result. Every such place is inside the tensor's range and the
/// result.
struct Selection {
  std::uint64_t source = 0;
  std::uint64_t target = 0;
  std::uint64_t element = 0;  // bytes
  std::vector<Axis> axes;     // counts of 2 and more: 63 at most. None if `bytes` is 0
  std::vector<std::uint64_t> shape;
  std::uint64_t bytes = 0;  // of the result
};

/// Throws std::bad_alloc.
Result<Selection> Select(const TensorRef& tensor, std::span<const Subscript> subscripts);

/// What a range of Python's means for a dimension: `count` positions, `first`, `first + step`, …
struct Positions {
  std::uint64_t first = 0, count = 0;
  std::int64_t step = 1;
};
/// `size` is at most INT64_MAX, the step not 0.
Positions Resolve(const Subscript& range, std::uint64_t size);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_TENSOR_SELECT_H_
