// Where each tensor goes in a file to be written, and the header that says so.
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

/// What the header says of a tensor, but for its place.
struct TensorSpec {
  std::string_view name;
  DType dtype{};
  std::span<const std::uint64_t> shape;
};

/// Bytes that dtype and shape need. `save/shape-overflow` also where a 0 hides it, `save/sub-byte-row`: both are refused
/// by the strict profile.
Result<std::uint64_t> TensorBytes(DType dtype, std::span<const std::uint64_t> shape);

struct LayoutOptions {
  const std::vector<std::pair<std::string, std::string>>* metadata = nullptr;  // null: none
  /// The data begin at a multiple of this, a power of two from 8.
  std::uint64_t alignment = 8;
  /// Keep the order in which the tensors are given.
  bool as_given = false;
};

struct FileLayout {
  std::string head;                  ///< Length, header and padding: the file up to its data.
  std::vector<std::uint32_t> order;  ///< In the order of the data.
  std::vector<std::uint64_t> begin;  ///< Of each tensor as given: offset in the file.
  std::uint64_t file_bytes = 0;
};

/// The tensors by name; `save/name-...` for one that cannot be written. Throws std::bad_alloc.
Result<std::vector<std::uint32_t>> SortNames(std::span<const TensorSpec> tensors);

/// The file that the format's reference would write: tensors by dtype, the last of its enumeration first, then by
/// name; compact JSON, `__metadata__` first, padded with spaces. With an alignment above 8, tensors whose size
/// is divisible by more of its power of two come before. Names are those that SortNames passed. Status::found
/// of an error is the number of the tensor or metadata entry. Throws std::bad_alloc.
Result<FileLayout> LayOut(std::span<const TensorSpec> tensors, const LayoutOptions& options);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_WRITE_FILE_LAYOUT_H_
