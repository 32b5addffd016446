// One tensor of a model file: its name, its type and shape, and the position of its bytes.
//
//   tensorgate::Result<tensorgate::TensorRef> tensor = checkpoint.tensor(0);
//   if (!tensor) return;
//   std::printf("%.*s: %s\n", int(tensor->name.size()), tensor->name.data(),
//               tensor->type.name.data());
//   for (std::uint64_t dimension : tensor->shape) std::printf(" %ju", std::uintmax_t(dimension));
//   std::printf(": %ju bytes\n", std::uintmax_t(tensor->bytes()));
//
// It comes from a `Checkpoint`, all of whose checks passed: the range is inside its file and has
// the bytes that type and shape need. `name` is a view into the checkpoint. Elements are
// little-endian; reading gives them in C order, whatever the strides in the file.
#ifndef TENSORGATE_TENSOR_H_
#define TENSORGATE_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tensorgate/dtype.h"
#include "tensorgate/export.h"

namespace tensorgate {

/// Maximum number of dimensions of a tensor, in every format: NumPy's limit, and that of PyTorch's
/// iterators.
inline constexpr std::size_t kMaxRank = 64;

/// A range of bytes in a file; `offset` counts from its first byte.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct TENSORGATE_API TensorRef {
  /// Decoded, UTF-8; may be empty, contain control characters or look like a path.
  std::string_view name;
  ElementType type;
  std::vector<std::uint64_t> shape;
  /// Distance between neighboring elements, in elements, one for each dimension. Empty: C order
  /// without gaps, as always in safetensors.
  std::vector<std::uint64_t> stride;
  /// Index of the file in the checkpoint.
  std::size_t part = 0;
  /// The tensor's bytes in that file; with strides, from its first element to its last.
  ByteRange range;

  /// Product of the dimensions; 1 for a scalar.
  std::uint64_t elements() const;
  /// Bytes of the tensor when it is read: in C order, with elements of fewer than 8 bits packed.
  std::uint64_t bytes() const;
};

}  // namespace tensorgate

#endif  // TENSORGATE_TENSOR_H_
