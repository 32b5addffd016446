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
  // A view's bits may not fit 64 bits where its bytes do.
  const std::uint64_t count = elements(), bits = Bits(dtype);
  return internal::SaturatingAdd(internal::SaturatingMultiply(count / 8, bits),
                                 count % 8 * bits / 8);
}

}  // namespace tensorgate
