// Statistics of the numbers in a checkpoint's tensors.
#ifndef TENSORGATE_CHECKPOINT_TENSOR_STATS_H_
#define TENSORGATE_CHECKPOINT_TENSOR_STATS_H_

#include <span>
#include <vector>

#include "lib/base/parallel.h"
#include "lib/checkpoint/number_stats.h"
#include "tensorgate/save.h"

namespace tensorgate::internal {

/// One for each tensor, whose data must be in sources. Each byte is read once; data of concurrent
/// sources by several threads, with the same result whatever their number. Throws std::bad_alloc.
Result<std::vector<NumberStats>> ReadTensorStats(std::span<const TensorData> tensors,
                                                 const ParallelOptions& options = {});

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_TENSOR_STATS_H_
