// Where tensors are placed in one block of memory.
#ifndef TENSORGATE_CHECKPOINT_MEMORY_LAYOUT_H_
#define TENSORGATE_CHECKPOINT_MEMORY_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tensorgate/tensor.h"

namespace tensorgate::internal {

/// A tensor to be placed: its bytes in the file are the same as in memory.
struct Extent {
  std::size_t part = 0;
  ByteRange range;
  std::uint64_t alignment = 1;  // of its dtype: a power of two, at most 8
};

/// Neighboring tensors in a file that are read together.
struct Stretch {
  std::size_t part = 0;
  ByteRange range;
  std::uint64_t position = 0;  // in memory
};

struct Layout {
  std::uint64_t size = 0;
  std::vector<std::uint64_t> positions;  // of the extents, in the order given
  std::vector<Stretch> stretches;        // in the order of parts and of their data
};

/// Places `extents` in memory that starts at a page: each aligned for its dtype; large stretches
/// with the same offset within a page as in the file, small ones with the same offset modulo 64.
/// Equal ranges share their place; ranges that overlap in other ways do not. std::nullopt if the
/// size does not fit 64 bits. Throws std::bad_alloc.
std::optional<Layout> LayOut(std::span<const Extent> extents);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_MEMORY_LAYOUT_H_
