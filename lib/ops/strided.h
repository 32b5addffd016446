// A tensor's bytes in C order, one range after the other, whatever its strides.
#ifndef TENSORGATE_OPS_STRIDED_H_
#define TENSORGATE_OPS_STRIDED_H_

#include <cstdint>
#include <span>
#include <vector>

#include "lib/ops/checkpoint_data.h"
#include "tensorgate/buffer.h"
#include "tensorgate/tensor.h"

namespace tensorgate::internal {

class StridedReader {
 public:
  /// `tensor` has elements, and these are whole bytes. `data` must outlive
  /// the reader.
  StridedReader(const CheckpointData& data, TensorRef tensor);

  /// Bytes [offset, offset + into.size()) of the tensor as it lies in C order.
  Result<void> Read(std::uint64_t offset, std::span<std::byte> into);

 private:
  Result<void> Load(std::uint64_t offset);

  const CheckpointData& data_;
  TensorRef tensor_;
  std::size_t axis_ = 0;     // the one that is cut; those before it are taken one by one
  std::uint64_t inner_ = 1;  // bytes of one step of it
  std::uint64_t group_ = 1;  // steps in one tile
  Buffer tile_;
  std::uint64_t begin_ = 0, end_ = 0;  // what of the tensor the tile holds
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_OPS_STRIDED_H_
