// Tensors with strides as sources of bytes in C order, where many are read one after the other.
#ifndef TENSORGATE_CHECKPOINT_SHELF_H_
#define TENSORGATE_CHECKPOINT_SHELF_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lib/checkpoint/checkpoint_data.h"
#include "lib/checkpoint/reorder.h"
#include "lib/checkpoint/strided.h"
#include "tensorgate/save.h"
#include "tensorgate/source.h"
#include "tensorgate/tensor.h"

namespace tensorgate::internal {

/// Tensors of one part as if they lay one after the other in a file of their own. They are put there by Reorder when the
/// first byte is read. Where no temporary file can be had, each is read by itself.
class Shelf final : public Source {
 public:
  /// `tensors` have elements, and these are whole bytes; they are of `part`. `data` must outlive the shelf, as must
  /// `cancel`. Throws std::bad_alloc.
  Shelf(const CheckpointData& data, std::size_t part, std::vector<TensorRef> tensors,
        const std::atomic<bool>* cancel = nullptr, const ReorderLimits& limits = {});

  /// Where the tensor begins.
  std::uint64_t offset(std::size_t tensor) const { return offsets_[tensor]; }
  std::uint64_t size() const override { return offsets_.back(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> CheckUnchanged() override { return data_.parts[part_].CheckUnchanged(); }

 private:
  Result<void> Fill();
  Result<std::size_t> ReadAlone(std::uint64_t offset, std::span<std::byte> into);

  const CheckpointData& data_;
  const std::size_t part_;
  const std::vector<TensorRef> tensors_;
  const std::atomic<bool>* const cancel_;
  const ReorderLimits limits_;
  std::vector<std::uint64_t> offsets_;  // of the tensors, and the end of all
  std::optional<Result<void>> filled_;
  Spool ordered_;
  std::unique_ptr<Source> file_;  // what was spooled; none: it could not be
  // Then the tensor that is read.
  std::size_t reading_ = 0;
  std::optional<StridedReader> reader_;
};

/// What reads many tensors with strides, each from its first byte to its last: each for itself, or those of a part by a
/// Shelf where that costs far less.
class Views {
 public:
  /// As Shelf, but of any parts.
  Views(const CheckpointData& data, std::vector<TensorRef> tensors,
        const std::atomic<bool>* cancel = nullptr);
  /// Where the bytes of each tensor are, in the order in which they were given.
  const std::vector<SourceData>& places() const { return places_; }

 private:
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<SourceData> places_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_SHELF_H_
