// Selections of a file put into order by one pass over it, whatever their strides.
#ifndef TENSORGATE_CHECKPOINT_REORDER_H_
#define TENSORGATE_CHECKPOINT_REORDER_H_

#include <atomic>
#include <cstdint>
#include <span>

#include "lib/checkpoint/checkpoint_data.h"
#include "lib/source/spool.h"
#include "lib/tensor/gather.h"

namespace tensorgate::internal {

/// In bytes.
struct ReorderLimits {
  std::uint64_t block = 0;  ///< What is read of the file at a time; 0: as in a Pass.
  std::uint64_t segment = std::uint64_t{8} << 20;  ///< What is put in order at a time.
  std::uint64_t buckets = std::uint64_t{8} << 20;  ///< What is held back of all segments together.
  std::uint64_t bucket = 4096;                     ///< Of one segment, at least.
};

/// Appends the results of `gathers`, one after the other, to `ordered`. The part is read once from the first byte that is
/// needed to the last, but for gaps between ranges; the result is written to another temporary file and read from it before,
/// with eight bytes more for each of its elements at worst. Memory: a block, the buckets and a segment, which
/// is larger than its limit where the result is larger than `segment * buckets / bucket`. No distance in a result is
/// negative. `use/cancelled` once `cancel` is true. Throws std::bad_alloc.
Result<void> Reorder(const PartData& part, std::span<const Gather> gathers,
                     const ReorderLimits& limits, const std::atomic<bool>* cancel, Spool& ordered);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_REORDER_H_
