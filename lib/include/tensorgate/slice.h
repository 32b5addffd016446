// Parts of tensors, selected as in NumPy; only the bytes that are needed are read.
//
//   using tensorgate::Subscript;  // tensor[0, ..., 10:20, ::-1]
//   const Subscript chosen[] = {Subscript::Index(0), Subscript::Ellipsis(),
//                               Subscript::Range(10, 20), Subscript::Range({}, {}, -1)};
//   tensorgate::Result<tensorgate::SlicePlan> plan = checkpoint.PlanSlice(index, chosen);
//   if (!plan) return;  // use/bad-slice
//   std::vector<std::byte> bytes(plan->bytes);
//   if (!checkpoint.ReadSliceInto(index, chosen, bytes)) return;
//   for (std::uint64_t dimension : plan->shape) std::printf("%ju ", std::uintmax_t(dimension));
//
// Indices and ranges work as in NumPy: negative ones count from the end, ranges are clamped, the
// step may be negative, and an index removes its dimension; dimensions without a subscript are
// taken whole. Elements of 4 and 6 bits are packed: in their last dimension only whole bytes can be
// taken, with step 1 (`use/sub-byte-slice`).
#ifndef TENSORGATE_SLICE_H_
#define TENSORGATE_SLICE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tensorgate/export.h"
#include "tensorgate/status.h"
#include "tensorgate/tensor.h"

namespace tensorgate {

struct Subscript {
  enum class Kind : std::uint8_t {
    kIndex,     ///< `start`: one index of the dimension, which is removed.
    kRange,     ///< `start:stop:step`.
    kEllipsis,  ///< All dimensions not mentioned; at most once.
    kNewAxis,   ///< An additional dimension of size 1 in the result.
  };
  Kind kind = Kind::kRange;
  std::optional<std::int64_t> start, stop;
  std::int64_t step = 1;

  static constexpr Subscript Index(std::int64_t index) { return {Kind::kIndex, index, {}, 1}; }
  static constexpr Subscript Range(std::optional<std::int64_t> start,
                                   std::optional<std::int64_t> stop, std::int64_t step = 1) {
    return {Kind::kRange, start, stop, step};
  }
  static constexpr Subscript All() { return {}; }
  static constexpr Subscript Ellipsis() { return {Kind::kEllipsis, {}, {}, 1}; }
  static constexpr Subscript NewAxis() { return {Kind::kNewAxis, {}, {}, 1}; }
};

/// The result of a slice and the cost of reading it.
struct SlicePlan {
  std::vector<std::uint64_t> shape;  ///< Shape of the result, which is in C order.
  std::uint64_t bytes = 0;           ///< Size of the result.
  ByteRange range;                   ///< From the first to the last byte needed from the file.
  bool contiguous = false;           ///< The result is that range, byte for byte.
  /// Number of reads from the source, and the bytes they read in total. Ranges less than 4 KiB
  /// apart are read together, in reads of at most 1 MiB if there is a gap between them. Overlapping
  /// strides, which would read the same bytes again and again, are read in one pass over the range,
  /// 4 to 32 MiB at a time. A contiguous result larger than `LoadOptions::block` is read in blocks,
  /// whose count may differ by one, depending on the memory's address.
  std::uint64_t reads = 0;
  std::uint64_t read_bytes = 0;
};

/// Fails with `use/bad-slice`, which names the subscript, or with `use/sub-byte-slice`. If the
/// caller built `tensor` and its range does not fit its shape, it fails with `use/no-such-tensor`.
TENSORGATE_API Result<SlicePlan> PlanSlice(const TensorRef& tensor,
                                           std::span<const Subscript> subscripts);

}  // namespace tensorgate

#endif  // TENSORGATE_SLICE_H_
