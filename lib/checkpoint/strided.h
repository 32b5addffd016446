// A tensor's bytes in C order, one range after the other, whatever its strides.
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
  /// `tensor` has elements, and these are whole bytes. `data` must outlive
  /// the reader.
  StridedReader(const CheckpointData& data, TensorRef tensor);

  /// Bytes [offset, offset + into.size()) of the tensor as it lies in C order.
  Result<void> Read(std::uint64_t offset, std::span<std::byte> into);
  /// Gives its memory back; it may go on.
  void Release();
  /// Bytes that are read for all of it, from the first to the last; each read costs as many as Gather::cost says.
  std::uint64_t Cost() const;

 private:
  struct Tile {
    std::vector<Subscript> subscripts;
    std::uint64_t begin = 0;  // in the tensor as it lies in C order
  };
  Tile TileAt(std::uint64_t offset) const;
  Result<void> Load(std::uint64_t offset);
  std::uint64_t AxisSize() const { return tensor_.shape.empty() ? 1 : tensor_.shape[axis_]; }

  const CheckpointData& data_;
  TensorRef tensor_;
  std::size_t axis_ = 0;     // the one that is cut; those before it are taken one by one
  std::uint64_t inner_ = 1;  // bytes of one step of it
  std::uint64_t group_ = 1;  // steps in one tile
  Buffer tile_;
  std::uint64_t begin_ = 0, end_ = 0;  // what of the tensor the tile holds
};

/// A tensor with strides as if it were a file of its own. It holds memory from the first byte that is read to the last of
/// the tensor.
class StridedSource final : public Source {
 public:
  /// As StridedReader.
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
