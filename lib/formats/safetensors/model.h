// A safetensors file as a ModelFile.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_MODEL_H_
#define TENSORGATE_FORMATS_SAFETENSORS_MODEL_H_

#include <memory>

#include "tensorgate/model_file.h"
#include "tensorgate/report.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/source.h"

namespace tensorgate::safetensors::internal {

/// Throws std::bad_alloc.
std::unique_ptr<const ModelFile> MakeModelFile(File file);

/// What the format's reference reads in `source`: of several tensors or entries with the same name,
/// the last. Returns the report of the reference profile; `*read` is set if it accepts. Throws
/// std::bad_alloc.
Report ReadModelAsReference(Source& source, const CheckOptions& options,
                            std::unique_ptr<const ModelFile>* read);

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_MODEL_H_
