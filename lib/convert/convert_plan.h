// Which tensors a conversion writes, under which names.
#ifndef TENSORGATE_CONVERT_CONVERT_PLAN_H_
#define TENSORGATE_CONVERT_CONVERT_PLAN_H_

#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "tensorgate/convert.h"
#include "tensorgate/torch.h"

namespace tensorgate::internal {

struct PlannedTensor {
  std::string name;
  torch::Tensor tensor;
};

/// A file of the checkpoint; it becomes one of the result.
struct PlannedFile {
  explicit PlannedFile(torch::File opened) : file(std::move(opened)) {}
  torch::File file;
  std::vector<PlannedTensor> tensors;                     // by name
  std::vector<std::pair<std::string, std::string>> tied;  // as Converted::tied
};

/// Fills in the rest of `files` and what `converted` says of tensors. Throws std::bad_alloc.
std::expected<void, ConvertError> Plan(std::vector<PlannedFile>& files,
                                       const ConvertOptions& options, Converted& converted);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CONVERT_CONVERT_PLAN_H_
