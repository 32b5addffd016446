#include "tensorgate/tensor.h"

#include "lib/base/checked.h"

namespace tensorgate {

std::uint64_t TensorRef::elements() const {
  internal::ShapeSize<std::uint64_t> size;
  for (const std::uint64_t dimension : shape) size.Multiply(dimension);
  return size.zero ? 0 : size.nonzero;
}

std::uint64_t TensorRef::bytes() const {
  if (stride.empty()) return range.length;
  // A view's elements may need more than 64 bits, unlike those of a file.
  const std::uint64_t count = elements(), block = type.block_elements;
  return internal::SaturatingAdd(
      internal::SaturatingMultiply(count / block, std::uint64_t{type.block_bytes}),
      count % block * type.block_bytes / block);
}

}  // namespace tensorgate
