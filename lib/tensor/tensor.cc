#include "tensorgate/tensor.h"

#include "lib/base/checked.h"

namespace tensorgate {

std::uint64_t TensorRef::elements() const {
  internal::ShapeSize<std::uint64_t> size;
  for (const std::uint64_t dimension : shape) size.Multiply(dimension);
  return size.zero ? 0 : size.nonzero;
}

std::uint64_t TensorRef::bytes() const {
  return stride.empty() ? range.length : elements() * Bits(dtype) / 8;
}

}  // namespace tensorgate
