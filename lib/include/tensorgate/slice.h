// Parts of tensors, chosen as in NumPy; only what is needed is read.
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
// Indices and ranges have NumPy's meaning: negative ones count from the end, ranges are clamped, the
// step may be negative, an index takes its dimension away; dimensions without a subscript are taken
// whole. Elements of 4 and 6 bits lie packed: of their last dimension only whole bytes can be taken,
// by step 1 (`use/sub-byte-slice`).
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
    kIndex,     ///< `start`: one of the dimension, which goes away.
    kRange,     ///< `start:stop:step`.
    kEllipsis,  ///< As many whole dimensions as are needed; at most once.
    kNewAxis,   ///< A dimension of 1 more in the result.
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

/// What a slice is and what reading it costs.
struct SlicePlan {
  std::vector<std::uint64_t> shape;  ///< Of the result, which is in C order.
  std::uint64_t bytes = 0;           ///< Of the result.
  ByteRange range;          ///< From the first byte of the file that is needed to the last.
  bool contiguous = false;  ///< The result is that range, byte for byte.
  /// How often the source is asked, and for how many bytes: ranges that are less than 4 KiB apart
  /// come in one read, of 1 MiB at most where there is something between them. Strides that overlap, so that
  /// the same bytes would come again and again, are read in one pass over the range, 4 to 32 MiB at a time. What
  /// is contiguous and larger than `LoadOptions::block` comes in blocks, whose number memory's place decides by
  /// one.
  std::uint64_t reads = 0;
  std::uint64_t read_bytes = 0;
};

/// Fails with `use/bad-slice`, telling which subscript, or with `use/sub-byte-slice`. A `tensor` of
/// the caller's own making whose range does not fit its shape is `use/no-such-tensor`.
TENSORGATE_API Result<SlicePlan> PlanSlice(const TensorRef& tensor,
                                           std::span<const Subscript> subscripts);

}  // namespace tensorgate

#endif  // TENSORGATE_SLICE_H_
