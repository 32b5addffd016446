// Selections that overlap in the file, read together: its bytes come once, in order.
#ifndef TENSORGATE_OPS_SWEEP_H_
#define TENSORGATE_OPS_SWEEP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lib/ops/elements.h"
#include "lib/ops/gather.h"

namespace tensorgate::internal {

class Sweep {
 public:
  struct Item {
    const Gather* gather;  // must outlive the sweep
    std::span<std::byte> into;
  };
  /// The bytes of one part's file from the first that is needed to the last, in blocks; in `into` of each
  /// item goes its result. Throws std::bad_alloc.
  explicit Sweep(std::vector<Item> items) : Sweep(std::move(items), 0) {}
  /// The same in blocks of this length; 0: as its range needs.
  Sweep(std::vector<Item> items, std::uint64_t block);

  /// Of what is read at a time of a range of this length.
  static std::uint64_t BlockOf(std::uint64_t length);
  /// As Gather::cost, of whichever is cheaper: the pieces, or a sweep for it alone.
  static std::uint64_t Cost(const Gather& gather);
  /// Groups of overlapping items for which one sweep costs less than half of what they cost one by one: each
  /// item's group, counted from 1, or 0. Throws std::bad_alloc.
  static std::vector<std::uint32_t> Choose(std::span<const Gather* const> gathers);

  std::uint64_t blocks() const;
  ByteRange Block(std::uint64_t number) const;
  /// The largest block.
  std::uint64_t window() const;
  /// Of all blocks.
  std::uint64_t read_bytes() const;
  /// Takes apart a block that was read; returns how many bytes went to their places. Blocks may come in any
  /// order and at once.
  std::uint64_t Scatter(std::uint64_t number, std::span<const std::byte> bytes) const;

 private:
  std::vector<Item> items_;  // by where they begin
  std::vector<Elements> elements_;
  ByteRange range_;
  std::uint64_t block_;
  std::uint64_t run_ = 0;  // the longest of all items
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_OPS_SWEEP_H_
