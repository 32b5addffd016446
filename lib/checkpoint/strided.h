// Reads a tensor's bytes in C order, range by range, whatever its strides.
#ifndef TENSORGATE_CHECKPOINT_STRIDED_H_
#define TENSORGATE_CHECKPOINT_STRIDED_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lib/checkpoint/checkpoint_data.h"
#include "tensorgate/buffer.h"
#include "tensorgate/source.h"
#include "tensorgate/tensor.h"

namespace tensorgate::internal {

class StridedReader {
 public:
  /// `tensor` must have elements of whole bytes. `data` must outlive the reader.
  StridedReader(const CheckpointData& data, TensorRef tensor);

  /// Reads bytes [offset, offset + into.size()) of the tensor in C order.
  Result<void> Read(std::uint64_t offset, std::span<std::byte> into);
  /// Releases its memory; the reader can still be used.
  void Release();
  /// Cost of reading the whole tensor from the first byte to the last: bytes, plus a cost per read
  /// as in Gather::cost.
  std::uint64_t Cost() const;

 private:
  struct Tile {
    std::vector<Subscript> subscripts;
    std::uint64_t begin = 0;  // offset in the tensor in C order
  };
  Tile TileAt(std::uint64_t offset) const;
  Result<void> Load(std::uint64_t offset);
  std::uint64_t AxisSize() const { return tensor_.shape.empty() ? 1 : tensor_.shape[axis_]; }

  const CheckpointData& data_;
  TensorRef tensor_;
  std::size_t axis_ = 0;     // the axis that is cut; those before it are iterated one by one
  std::uint64_t inner_ = 1;  // bytes of one step of it
  std::uint64_t group_ = 1;  // steps in one tile
  Buffer tile_;
  std::uint64_t begin_ = 0, end_ = 0;  // the part of the tensor in the tile
};

/// A tensor with strides as if it were a file. It holds memory from the first read to the end of
/// the tensor.
class StridedSource final : public Source {
 public:
  /// As for StridedReader.
  StridedSource(const CheckpointData& data, TensorRef tensor)
      : data_(data), part_(tensor.part), size_(tensor.bytes()), reader_(data, std::move(tensor)) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> CheckUnchanged() override { return data_.parts[part_].CheckUnchanged(); }

 private:
  const CheckpointData& data_;
  std::size_t part_;
  std::uint64_t size_;
  StridedReader reader_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_STRIDED_H_
