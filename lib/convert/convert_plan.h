// Which tensors a conversion writes, under which names.
#ifndef TENSORGATE_CONVERT_CONVERT_PLAN_H_
#define TENSORGATE_CONVERT_CONVERT_PLAN_H_

#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensorgate/convert.h"
#include "tensorgate/model_file.h"

namespace tensorgate::internal {

struct PlannedTensor {
  std::string name;
  TensorRef tensor;
};

/// A file of the checkpoint; it becomes one of the result.
struct PlannedFile {
  std::unique_ptr<const ModelFile> file;
  std::uint64_t file_size = 0;
  std::vector<PlannedTensor> tensors = {};                     // by name
  std::vector<std::pair<std::string, std::string>> tied = {};  // as Converted::tied
};

/// Fills in the rest of `files` and what `converted` says of tensors. Throws std::bad_alloc.
std::expected<void, ConvertError> Plan(std::vector<PlannedFile>& files,
                                       const ConvertOptions& options, Converted& converted);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CONVERT_CONVERT_PLAN_H_
