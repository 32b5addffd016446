// Statistics of the numbers in a tensor's bytes.
#ifndef TENSORGATE_CHECKPOINT_NUMBER_STATS_H_
#define TENSORGATE_CHECKPOINT_NUMBER_STATS_H_

#include <cstdint>

#include "tensorgate/dtype.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

/// Counts, and facts about the finite numbers. A complex number is NaN if one of its parts is, and
/// infinite if one of them is; it has no order, so only the counts are set.
struct NumberStats {
  std::uint64_t elements = 0, nan = 0, infinite = 0, zeros = 0;
  std::uint64_t finite = 0;  ///< Number of elements that `low`, `high` and `sum` are about.
  // A long double holds every integer of 64 bits, and sums of doubles that overflow a double.
  long double low = 0, high = 0, sum = 0;

  void Add(const NumberStats& other);
};

/// Reads elements of `dtype`, packed in `length` bytes from `offset` of `source`, each byte once.
/// `length` must be a multiple of kStatsUnit, or end with the tensor. Throws std::bad_alloc.
Result<NumberStats> ReadNumberStats(Source& source, std::uint64_t offset, std::uint64_t length,
                                    DType dtype);

/// A multiple of every dtype's size, packed elements included.
inline constexpr std::uint64_t kStatsUnit = 24;

/// True for integers and booleans.
bool IsWhole(DType dtype);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_NUMBER_STATS_H_
