// Ranges of bytes in a file.
#ifndef TENSORGATE_TENSOR_RANGES_H_
#define TENSORGATE_TENSOR_RANGES_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tensorgate/tensor.h"

namespace tensorgate::internal {

inline std::uint64_t End(const ByteRange& range) { return range.offset + range.length; }

/// Sorted by offset; overlapping ranges are merged.
inline std::vector<ByteRange> Joined(std::vector<ByteRange> ranges) {
  std::ranges::sort(ranges, {}, &ByteRange::offset);
  std::vector<ByteRange> joined;
  for (const ByteRange& range : ranges) {
    if (joined.empty() || range.offset >= End(joined.back())) {
      joined.push_back(range);
    } else {
      joined.back().length = std::max(End(joined.back()), End(range)) - joined.back().offset;
    }
  }
  return joined;
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_TENSOR_RANGES_H_
