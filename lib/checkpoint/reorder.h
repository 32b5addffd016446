// Puts selections of a file in order in a single pass over it, whatever their strides.
#ifndef TENSORGATE_CHECKPOINT_REORDER_H_
#define TENSORGATE_CHECKPOINT_REORDER_H_

#include <atomic>
#include <cstdint>
#include <span>

#include "lib/checkpoint/checkpoint_data.h"
#include "lib/source/spool.h"
#include "lib/tensor/gather.h"

namespace tensorgate::internal {

/// Sizes in bytes.
struct ReorderLimits {
  std::uint64_t block = 0;  ///< Read from the file at a time; 0: as in a Pass.
  std::uint64_t segment = std::uint64_t{8} << 20;  ///< Put in order at a time.
  std::uint64_t buckets = std::uint64_t{8} << 20;  ///< Total size of the buckets of all segments.
  std::uint64_t bucket = 4096;                     ///< Minimum size of one bucket.
};

/// Appends the results of `gathers`, in their order, to `ordered`. The part is read once from the
/// first byte that is needed to the last, except for gaps between ranges. The result first goes to
/// another temporary file and is read back from it, in the worst case with eight additional bytes
/// per element. Memory: a block, the buckets and a segment, which exceeds its limit if the result
/// is larger than `segment * buckets / bucket`. Distances in the results must not be negative.
/// Fails with `use/cancelled` once `cancel` is true. Throws std::bad_alloc.
Result<void> Reorder(const PartData& part, std::span<const Gather> gathers,
                     const ReorderLimits& limits, const std::atomic<bool>* cancel, Spool& ordered);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_REORDER_H_
