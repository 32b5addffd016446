// Decides where each tensor goes in a new file, and creates the header.
#ifndef TENSORGATE_WRITE_FILE_LAYOUT_H_
#define TENSORGATE_WRITE_FILE_LAYOUT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensorgate/dtype.h"
#include "tensorgate/status.h"

namespace tensorgate::safetensors::internal {

/// What the header says about a tensor, except for its position.
struct TensorSpec {
  std::string_view name;
  DType dtype{};
  std::span<const std::uint64_t> shape;
};

/// Bytes that dtype and shape need. `save/shape-overflow` (even if a dimension of 0 makes the
/// product 0) or `save/sub-byte-row`: the strict profile refuses both.
Result<std::uint64_t> TensorBytes(DType dtype, std::span<const std::uint64_t> shape);

struct LayoutOptions {
  const std::vector<std::pair<std::string, std::string>>* metadata = nullptr;  // null: none
  /// The data start at a multiple of this, which is a power of two from 8 on.
  std::uint64_t alignment = 8;
  /// Keep the order in which the tensors are given.
  bool as_given = false;
  /// Less than `alignment`, and a multiple of 8: the data start this many bytes after a multiple of
  /// `alignment`. The alignment may then be any multiple of 8.
  std::uint64_t remainder = 0;
};

struct FileLayout {
  std::string head;                  ///< Length, header and padding: the file up to its data.
  std::vector<std::uint32_t> order;  ///< Indices of the tensors in the order of their data.
  std::vector<std::uint64_t> begin;  ///< Offset in the file of each tensor, as given.
  std::uint64_t file_bytes = 0;
};

/// The tensors sorted by name; `save/name-...` for one that cannot be written. Throws
/// std::bad_alloc.
Result<std::vector<std::uint32_t>> SortNames(std::span<const TensorSpec> tensors);

/// The file that the format's reference would write: tensors by dtype, the last of its enumeration
/// first, then by name; compact JSON, `__metadata__` first, padded with spaces. With an alignment
/// above 8, tensors whose size is divisible by a higher power of two, up to the alignment, come
/// first. The names must have passed SortNames. In an error, Status::found is the index of the
/// tensor or metadata entry. Throws std::bad_alloc.
Result<FileLayout> LayOut(std::span<const TensorSpec> tensors, const LayoutOptions& options);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_WRITE_FILE_LAYOUT_H_
