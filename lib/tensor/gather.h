// Turns a selection into reads: few, large, and with little data that is not needed.
#ifndef TENSORGATE_TENSOR_GATHER_H_
#define TENSORGATE_TENSOR_GATHER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/checked.h"
#include "lib/tensor/select.h"

namespace tensorgate::internal {

/// Limits in bytes.
struct GatherLimits {
  /// Ranges with a smaller gap between them are read together.
  std::uint64_t gap = 4096;
  /// Maximum size of a read whose data must be scattered. More than `long_run`.
  std::uint64_t window = std::uint64_t{1} << 20;
  /// Bytes that are contiguous in file and result for at least this length get a read of their own,
  /// directly to their destination.
  std::uint64_t long_run = 64 << 10;
  /// Maximum size of such a read.
  std::uint64_t block = std::uint64_t{8} << 20;
};

/// The selection, cut into pieces of one read each, which can be processed in any order and in
/// parallel.
///
/// Axes are sorted by their distance in the file. The inner ones, with small gaps between their
/// ranges, form boxes, which are read whole and scattered in memory; the outer ones enumerate
/// boxes. A box larger than the window is cut along its outermost axis. Bytes that are contiguous
/// in file and result are read directly to their destination.
class Gather {
 public:
  /// Throws std::bad_alloc.
  explicit Gather(Selection selection, const GatherLimits& limits = {});

  /// Its axes are sorted by decreasing distance in the file, and axes that continue each other are
  /// merged.
  const Selection& selection() const { return selection_; }
  /// Number of bytes that are contiguous in file and result.
  std::uint64_t run() const { return run_; }
  std::uint64_t pieces() const { return pieces_; }
  /// Bytes of all reads.
  std::uint64_t read_bytes() const { return read_bytes_; }
  /// Cost of all reads, in bytes: each read costs as much as an additional page.
  static constexpr std::uint64_t kReadCost = 4096;
  std::uint64_t cost() const {
    return SaturatingAdd(read_bytes_, SaturatingMultiply(pieces_, kReadCost));
  }
  /// Bytes that are scattered through a window; 0: all are read directly to their destination.
  std::uint64_t window() const { return window_; }
  /// From the first byte that is needed to the last.
  ByteRange range() const { return {selection_.source, extents_.empty() ? 0 : extents_.front()}; }
  /// True if the result is exactly that range.
  bool contiguous() const { return selection_.axes.empty() && selection_.bytes != 0; }

  struct Piece {
    ByteRange source;  // one read
    // Position of its first byte in the result; with a window: of its first element
    std::uint64_t target = 0;
    std::uint64_t count = 1;  // with a window: steps along the first axis of the box
    std::uint64_t bytes = 0;  // of the result
  };
  Piece At(std::uint64_t number) const;
  /// Copies the data of one read to their places in the result.
  void Scatter(const Piece& piece, std::span<const std::byte> window,
               std::span<std::byte> result) const;

 private:
  void SortAndMerge();
  void ChooseBoxes();

  Selection selection_;
  GatherLimits limits_;
  std::uint64_t run_ = 0;
  std::vector<std::uint64_t> extents_;  // of axes [i, …), and of the run at the end
  std::size_t box_ = 0;          // the first axis of the box; those before it enumerate boxes
  std::uint64_t group_ = 1;      // steps of axis box_ in one piece
  std::uint64_t parts_ = 1;      // pieces per box, or per run
  std::uint64_t box_bytes_ = 0;  // bytes of the result in one step of axis box_
  std::uint64_t pieces_ = 0, read_bytes_ = 0, window_ = 0;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_TENSOR_GATHER_H_
