// Selections that overlap in the file, read together: its bytes come once, in order.
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

/// A range of a file as it is read in one pass.
class Pass {
 public:
  /// `run`: the longest element that begins in it. In blocks of `block` bytes; 0: as many as its length needs.
  Pass(const ByteRange& range, std::uint64_t run, std::uint64_t block = 0)
      : range_(range), run_(run), block_(block == 0 ? BlockOf(range.length) : block) {}

  /// Of larger ranges larger: blocks are to be few beside the elements.
  static std::uint64_t BlockOf(std::uint64_t length);

  std::uint64_t block() const { return block_; }
  std::uint64_t blocks() const;
  /// What is read for a block: an element that begins in it may end after it.
  ByteRange Read(std::uint64_t number) const;
  /// Where the elements begin that a block has.
  ByteRange Begins(std::uint64_t number) const;
  /// The largest read, and all of them.
  std::uint64_t window() const;
  std::uint64_t read_bytes() const;
  /// As Gather::cost.
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
  /// In `into` of each item goes its result. Blocks as of a Pass. Throws std::bad_alloc.
  explicit Sweep(std::vector<Item> items, std::uint64_t block = 0);

  /// As Gather::cost, of whichever is cheaper: the pieces, or a pass for it alone.
  static std::uint64_t Cost(const Gather& gather);
  /// Groups of overlapping items for which one pass costs less than half of what they cost one by one: each
  /// item's group, counted from 1, or 0. Throws std::bad_alloc.
  static std::vector<std::uint32_t> Choose(std::span<const Gather* const> gathers);

  const Pass& pass() const { return pass_; }
  /// Takes apart what was read for a block; returns how many bytes went to their places. Blocks may come in any
  /// order and at once.
  std::uint64_t Scatter(std::uint64_t number, std::span<const std::byte> bytes) const;

 private:
  std::vector<Item> items_;  // by where they begin
  Pass pass_;
  std::vector<Elements> elements_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_SWEEP_H_
