// Decides which tensors a conversion writes, and under which names.
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

/// A file of the checkpoint, which becomes one file of the result.
struct PlannedFile {
  std::unique_ptr<const ModelFile> file;
  std::uint64_t file_size = 0;
  std::vector<PlannedTensor> tensors = {};                     // sorted by name
  std::vector<std::pair<std::string, std::string>> tied = {};  // like Converted::tied
};

/// Fills the rest of `files`, and the counts in `converted`. Throws std::bad_alloc.
std::expected<void, ConvertError> Plan(std::vector<PlannedFile>& files,
                                       const ConvertOptions& options, Converted& converted);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CONVERT_CONVERT_PLAN_H_
