// Checks shared by saving to a file and to memory.
#ifndef TENSORGATE_WRITE_SAVE_CHECKS_H_
#define TENSORGATE_WRITE_SAVE_CHECKS_H_

#include <cstdint>
#include <span>

#include "lib/write/file_layout.h"
#include "tensorgate/save.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

using safetensors::internal::FileLayout;
using safetensors::internal::TensorSpec;

inline std::unexpected<Status> Refuse(Rule rule, std::uint64_t found = 0) {
  return std::unexpected(Status{.rule = rule, .found = found});
}

Result<void> CheckSaveOptions(const SaveOptions& options);

/// The size of a tensor in bytes; data in memory must have exactly that size.
Result<std::uint64_t> CheckedSize(const TensorData& tensor, std::uint64_t number);

/// Throws std::bad_alloc.
Result<FileLayout> LayOutFile(std::span<const TensorSpec> specs, const SaveOptions& options);

/// `file` is a complete safetensors file: it must not have a second reading. Throws std::bad_alloc.
Result<void> CheckOneReading(Source& file);

inline TensorSpec SpecOf(const TensorData& tensor) {
  return {tensor.name, tensor.dtype, tensor.shape};
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_SAVE_CHECKS_H_
