// Where tensors go in one block of memory.
#ifndef TENSORGATE_CHECKPOINT_MEMORY_LAYOUT_H_
#define TENSORGATE_CHECKPOINT_MEMORY_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tensorgate/tensor.h"

namespace tensorgate::internal {

/// What the layout asks of a tensor: its bytes lie in the file as they do in memory.
struct Extent {
  std::size_t part = 0;
  ByteRange range;
  std::uint64_t alignment = 1;  // of its dtype: a power of two, 8 at most
};

/// Neighbours in a file that are read as one.
struct Stretch {
  std::size_t part = 0;
  ByteRange range;
  std::uint64_t position = 0;  // in memory
};

struct Layout {
  std::uint64_t size = 0;
  std::vector<std::uint64_t> positions;  // of each extent, as they were given
  std::vector<Stretch> stretches;        // in the order of parts and of their data
};

/// Lays `extents` out in memory whose beginning is page-aligned: each aligned for its dtype; large
/// stretches with the same offset within their page as in the file, small ones within 64 bytes.
/// Ranges that are equal share their place; ranges that overlap otherwise do not. Nothing if the
/// size does not fit 64 bits. Throws std::bad_alloc.
std::optional<Layout> LayOut(std::span<const Extent> extents);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_MEMORY_LAYOUT_H_
