// A PyTorch checkpoint as a ModelFile.
#ifndef TENSORGATE_FORMATS_TORCH_MODEL_H_
#define TENSORGATE_FORMATS_TORCH_MODEL_H_

#include <memory>

#include "tensorgate/model_file.h"
#include "tensorgate/torch.h"

namespace tensorgate::torch::internal {

/// Throws std::bad_alloc.
std::unique_ptr<const ModelFile> MakeModelFile(File file);

/// Its storages as tensors of one dimension, in the order of File::storage, whatever is seen in them; their names are
/// empty. `file` must be one that MakeModelFile made. Throws std::bad_alloc.
std::unique_ptr<const ModelFile> MakeStorages(std::unique_ptr<const ModelFile> file);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_MODEL_H_
