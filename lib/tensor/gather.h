// A selection as reads: few, large, and of little that is not needed.
#ifndef TENSORGATE_TENSOR_GATHER_H_
#define TENSORGATE_TENSOR_GATHER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/checked.h"
#include "lib/tensor/select.h"

namespace tensorgate::internal {

/// In bytes.
struct GatherLimits {
  /// Ranges with less than this between them are read as one.
  std::uint64_t gap = 4096;
  /// What one read brings at most where there is something to be taken apart. More than `long_run`.
  std::uint64_t window = std::uint64_t{1} << 20;
  /// What lies together this long in file and result is worth a read of its own, straight to its
  /// place.
  std::uint64_t long_run = 64 << 10;
  /// The largest such read.
  std::uint64_t block = std::uint64_t{8} << 20;
};

/// The selection cut into pieces of one read each, which can be done in any order and at once.
///
/// Axes are sorted by their distance in the file. The inner ones, between whose ranges there is
/// little, make up boxes, which are read whole and taken apart in memory; the outer ones count boxes.
/// A box that is larger than the window is cut along its outermost axis. Where bytes lie together in
/// file and result, they are read to where they belong.
class Gather {
 public:
  /// Throws std::bad_alloc.
  explicit Gather(Selection selection, const GatherLimits& limits = {});

  /// Its axes from those that lie farthest apart in the file, and those that go on in one another merged.
  const Selection& selection() const { return selection_; }
  /// Bytes that lie together in file and result.
  std::uint64_t run() const { return run_; }
  std::uint64_t pieces() const { return pieces_; }
  /// Of all reads.
  std::uint64_t read_bytes() const { return read_bytes_; }
  /// Of all reads, in bytes: each costs as much as a page more.
  static constexpr std::uint64_t kReadCost = 4096;
  std::uint64_t cost() const {
    return SaturatingAdd(read_bytes_, SaturatingMultiply(pieces_, kReadCost));
  }
  /// Bytes that come to their places by way of a window; 0: all are read to where they belong.
  std::uint64_t window() const { return window_; }
  /// From the first byte that is needed to the last.
  ByteRange range() const { return {selection_.source, extents_.empty() ? 0 : extents_.front()}; }
  /// The result is that range.
  bool contiguous() const { return selection_.axes.empty() && selection_.bytes != 0; }

  struct Piece {
    ByteRange source;          // one read
    std::uint64_t target = 0;  // where its first byte goes; with a window: its first element
    std::uint64_t count = 1;   // with a window: along the first axis of the box
    std::uint64_t bytes = 0;   // of the result
  };
  Piece At(std::uint64_t number) const;
  /// Takes apart what a read brought.
  void Scatter(const Piece& piece, std::span<const std::byte> window,
               std::span<std::byte> result) const;

 private:
  void SortAndMerge();
  void ChooseBoxes();

  Selection selection_;
  GatherLimits limits_;
  std::uint64_t run_ = 0;
  std::vector<std::uint64_t> extents_;  // of axes [i, …), and of the run at the end
  std::size_t box_ = 0;                 // the first axis of the box; those before it count boxes
  std::uint64_t group_ = 1;             // how much of axis box_ comes in one piece
  std::uint64_t parts_ = 1;             // pieces a box, or a run
  std::uint64_t box_bytes_ = 0;         // of the result, in one step of axis box_
  std::uint64_t pieces_ = 0, read_bytes_ = 0, window_ = 0;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_TENSOR_GATHER_H_
