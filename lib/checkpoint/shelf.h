// Tensors with strides as sources of bytes in C order, if many of them are read one after the
// other.
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

/// Presents tensors of one part as if they were consecutive in a file. Reorder puts them there when
/// the first byte is read. If no temporary file is available, each tensor is read by itself.
class Shelf final : public Source {
 public:
  /// `tensors` must have elements of whole bytes, and belong to `part`. `data` and `cancel` must
  /// outlive the shelf. Throws std::bad_alloc.
  Shelf(const CheckpointData& data, std::size_t part, std::vector<TensorRef> tensors,
        const std::atomic<bool>* cancel = nullptr, const ReorderLimits& limits = {});

  /// The start of a tensor.
  std::uint64_t offset(std::size_t tensor) const { return offsets_[tensor]; }
  std::uint64_t size() const override { return offsets_.back(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> CheckUnchanged() override { return data_.parts[part_].CheckUnchanged(); }

 private:
  Result<void> Fill();
  Result<std::size_t> ReadSingle(std::uint64_t offset, std::span<std::byte> into);

  const CheckpointData& data_;
  const std::size_t part_;
  const std::vector<TensorRef> tensors_;
  const std::atomic<bool>* const cancel_;
  const ReorderLimits limits_;
  std::vector<std::uint64_t> offsets_;  // of the tensors, and the end of the last
  std::optional<Result<void>> filled_;
  Spool ordered_;
  std::unique_ptr<Source> file_;  // the ordered bytes; null if there is no temporary file
  // Without a temporary file: the tensor that is being read.
  std::size_t reading_ = 0;
  std::optional<StridedReader> reader_;
};

/// Sources for many tensors with strides, each of which is read from its first byte to its last:
/// separately, or together by a Shelf if that is much cheaper.
class Views {
 public:
  /// As for Shelf, but the tensors may belong to any parts.
  Views(const CheckpointData& data, std::vector<TensorRef> tensors,
        const std::atomic<bool>* cancel = nullptr);
  /// The sources of the tensors' bytes, in the order given.
  const std::vector<SourceData>& places() const { return places_; }

 private:
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<SourceData> places_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_SHELF_H_
