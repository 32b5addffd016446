// The elements of a selection that start in one block of the file, found without looking at the
// others.
#ifndef TENSORGATE_TENSOR_ELEMENTS_H_
#define TENSORGATE_TENSOR_ELEMENTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/base/strided_copy.h"
#include "lib/tensor/gather.h"

namespace tensorgate::internal {

/// Elements at equal distances in the file and in the result.
struct ElementRow {
  Row source, target;
  std::uint64_t count = 0;
};

/// Visiting each block of the selection's range once takes time proportional to the elements plus
/// the blocks, not to their product, whatever the strides. Memory: at most two bytes per block.
class Elements {
 public:
  /// `block`: size of the blocks that will be visited, in bytes. Throws std::bad_alloc.
  Elements(const Gather& gather, std::uint64_t block);

  /// Calls `each` for rows of elements whose first byte is in [begin, end) of the file. Rows are
  /// contiguous in the result if possible.
  template <typename Each>
  void Visit(std::uint64_t begin, std::uint64_t end, const Each& each) const {
    Visit(Block{begin, end}, 0, source_, target_, each);
    if (rest_) rest_->Visit(begin, end, each);
  }

 private:
  struct Block {
    std::uint64_t begin, end;
  };
  struct Place {
    std::uint64_t source, target;
  };
  struct Indices {
    std::uint64_t begin, end;
  };

  Elements(std::uint64_t source, std::uint64_t target, std::vector<Axis> axes, std::uint64_t block);

  void MeasureReach();
  std::size_t FirstListed() const;
  void Split(std::size_t axis, std::uint64_t count);
  void ListPlaces(std::size_t first);

  template <typename Each>
  void Visit(const Block& block, std::size_t i, std::uint64_t at, std::uint64_t into,
             const Each& each) const {
    if (i == depth_) return VisitLeaf(block, at, into, each);
    const Axis& axis = axes_[i];
    const Indices found = Meeting(block, at, axis, reach_[i + 1]);
    for (std::uint64_t index = found.begin; index < found.end; ++index) {
      Visit(block, i + 1, at + index * axis.source, into + index * axis.target, each);
    }
  }

  template <typename Each>
  void VisitLeaf(const Block& block, std::uint64_t at, std::uint64_t into, const Each& each) const {
    if (places_.empty()) {
      const Axis& axis = axes_[depth_];
      const Indices found = Meeting(block, at, axis, 0);
      if (found.begin >= found.end) return;
      return each(ElementRow{{at + found.begin * axis.source, axis.source},
                             {into + found.begin * axis.target, axis.target},
                             found.end - found.begin});
    }
    const std::uint64_t first = block.begin > at ? block.begin - at : 0;
    for (auto place = std::ranges::lower_bound(places_, first, {}, &Place::source);
         place != places_.end() && at + place->source < block.end; ++place) {
      each(ElementRow{{at + place->source, 0}, {into + place->target, 0}, 1});
    }
  }

  // The ranges [at + i * distance, … + reach] that intersect the block.
  static Indices Meeting(const Block& block, std::uint64_t at, const Axis& axis,
                         std::uint64_t reach) {
    const std::uint64_t last = at + (axis.count - 1) * axis.source;
    if (at >= block.end || last + reach < block.begin) return {0, 0};
    Indices found{0, axis.count};
    // The distance is not 0 in either case: the first and the last range differ.
    if (at + reach < block.begin) found.begin = (block.begin - at - reach - 1) / axis.source + 1;
    if (last >= block.end) found.end = (block.end - at - 1) / axis.source + 1;
    return found;
  }

  std::uint64_t source_, target_, block_;
  std::vector<Axis> axes_;  // those before `depth_` are iterated one by one
  // Of axes [i, …): distance from the first position to the last
  std::vector<std::uint64_t> reach_;
  std::size_t depth_ = 0;
  // Elements of axes [depth_, …), sorted by their position in the file; empty: there is only one.
  std::vector<Place> places_;
  std::unique_ptr<const Elements> rest_;  // the remainder of an axis that was split
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_TENSOR_ELEMENTS_H_
