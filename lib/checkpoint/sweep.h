// Overlapping selections of a file, read together: each byte is read once, in order.
#ifndef TENSORGATE_CHECKPOINT_SWEEP_H_
#define TENSORGATE_CHECKPOINT_SWEEP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lib/tensor/elements.h"
#include "lib/tensor/gather.h"

namespace tensorgate::internal {

/// A range of a file that is read in a single pass.
class Pass {
 public:
  /// `run`: the longest element that starts in it. `block`: size of the blocks in bytes; 0: chosen
  /// by the length of the range.
  Pass(const ByteRange& range, std::uint64_t run, std::uint64_t block = 0)
      : range_(range), run_(run), block_(block == 0 ? BlockOf(range.length) : block) {}

  /// Larger for larger ranges: there should be few blocks compared to elements.
  static std::uint64_t BlockOf(std::uint64_t length);

  std::uint64_t block() const { return block_; }
  std::uint64_t blocks() const;
  /// The bytes to read for a block: an element that starts in it may end after it.
  ByteRange Read(std::uint64_t number) const;
  /// The range in which the elements of a block start.
  ByteRange Begins(std::uint64_t number) const;
  /// The size of the largest read, and of all reads.
  std::uint64_t window() const;
  std::uint64_t read_bytes() const;
  /// Like Gather::cost.
  std::uint64_t cost() const;

 private:
  ByteRange range_;
  std::uint64_t run_, block_;
};

class Sweep {
 public:
  struct Item {
    const Gather* gather;  // must outlive the sweep
    std::span<std::byte> into;
  };
  /// The result of each item is stored in its `into`. Blocks as for a Pass. Throws std::bad_alloc.
  explicit Sweep(std::vector<Item> items, std::uint64_t block = 0);

  /// Like Gather::cost, for the cheaper of its pieces and a separate pass.
  static std::uint64_t Cost(const Gather& gather);
  /// Groups overlapping items for which one pass costs less than half of reading them one by one:
  /// returns each item's group, counted from 1, or 0. Throws std::bad_alloc.
  static std::vector<std::uint32_t> Choose(std::span<const Gather* const> gathers);

  const Pass& pass() const { return pass_; }
  /// Distributes the bytes read for a block; returns the number of bytes of the results. Blocks may
  /// be processed in any order and in parallel.
  std::uint64_t Scatter(std::uint64_t number, std::span<const std::byte> bytes) const;

 private:
  std::vector<Item> items_;  // sorted by their start
  Pass pass_;
  std::vector<Elements> elements_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_SWEEP_H_
