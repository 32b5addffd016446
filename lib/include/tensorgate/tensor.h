// One tensor of a model file: what it is called, what it is, and where its bytes are.
//
//   tensorgate::Result<tensorgate::TensorRef> tensor = checkpoint.tensor(0);
//   if (!tensor) return;
//   std::printf("%.*s: %s\n", int(tensor->name.size()), tensor->name.data(),
//               tensor->type.name.data());
//   for (std::uint64_t dimension : tensor->shape) std::printf(" %ju", std::uintmax_t(dimension));
//   std::printf(": %ju bytes\n", std::uintmax_t(tensor->bytes()));
//
// Comes from a `Checkpoint`, all of whose checks passed: the range is inside its file, and as many
// bytes as type and shape need. `name` is a view into the checkpoint. Elements are little-endian; as
// they are read they lie in C order, whatever the strides in the file.
#ifndef TENSORGATE_TENSOR_H_
#define TENSORGATE_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tensorgate/dtype.h"
#include "tensorgate/export.h"

namespace tensorgate {

/// Dimensions of one tensor in every format, at most: NumPy's limit, and that of PyTorch's iterators.
inline constexpr std::size_t kMaxRank = 64;

/// Bytes of a file, from its first byte.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct TENSORGATE_API TensorRef {
  /// Decoded, UTF-8; may be empty, hold control characters or look like a path.
  std::string_view name;
  ElementType type;
  std::vector<std::uint64_t> shape;
  /// Distance of neighbours in elements, one a dimension. Empty: C order without gaps, as always in
  /// safetensors.
  std::vector<std::uint64_t> stride;
  /// Which file of the checkpoint.
  std::size_t part = 0;
  /// Where in that file: all of the tensor; with strides from its first element to its last.
  ByteRange range;

  /// Product of the dimensions; 1 for a scalar.
  std::uint64_t elements() const;
  /// Bytes of the tensor as it is read: in C order, elements of fewer than 8 bits packed.
  std::uint64_t bytes() const;
};

}  // namespace tensorgate

#endif  // TENSORGATE_TENSOR_H_
