// Converts a tensor and subscripts to positions: which bytes of the file go where in the result.
#ifndef TENSORGATE_TENSOR_SELECT_H_
#define TENSORGATE_TENSOR_SELECT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "tensorgate/slice.h"

namespace tensorgate::internal {

struct Axis {
  std::uint64_t count = 0;
  std::uint64_t source = 0;  // distance in the file, in bytes
  // Distance in the result, in bytes; a negative one is its two's complement
  std::uint64_t target = 0;
};

/// Element (i, j, …) is at `source + Σ i * axes.source` in the file and goes to `target + Σ i *
/// axes.target` in the result. Every such position is inside the tensor's range and the result.
struct Selection {
  std::uint64_t source = 0;
  std::uint64_t target = 0;
  std::uint64_t element = 0;  // bytes
  std::vector<Axis> axes;     // at most 63, each with a count of at least 2; none if `bytes` is 0
  std::vector<std::uint64_t> shape;
  std::uint64_t bytes = 0;  // of the result
};

/// Throws std::bad_alloc.
Result<Selection> Select(const TensorRef& tensor, std::span<const Subscript> subscripts);

/// The positions that a Python range selects in a dimension: `count` positions, `first`, `first +
/// step`, …
struct Positions {
  std::uint64_t first = 0, count = 0;
  std::int64_t step = 1;
};
/// Requires that `size` is at most INT64_MAX and the step is not 0.
Positions Resolve(const Subscript& range, std::uint64_t size);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_TENSOR_SELECT_H_
