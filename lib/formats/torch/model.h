// A PyTorch checkpoint as a ModelFile.
#ifndef TENSORGATE_FORMATS_TORCH_MODEL_H_
#define TENSORGATE_FORMATS_TORCH_MODEL_H_

#include <memory>

#include "tensorgate/model_file.h"
#include "tensorgate/torch.h"

namespace tensorgate::torch::internal {

/// Throws std::bad_alloc.
std::unique_ptr<const ModelFile> MakeModelFile(File file);

/// The tensors that were extracted from a refused file. Throws std::bad_alloc.
std::unique_ptr<const ModelFile> MakeExtracted(File file);

/// Its storages as one-dimensional tensors without names, in the order of File::storage, whatever
/// tensors they hold. `file` must come from MakeModelFile. Throws std::bad_alloc.
std::unique_ptr<const ModelFile> MakeStorages(std::unique_ptr<const ModelFile> file);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_MODEL_H_
