// Checks and opens an .npy file: a checkpoint of one tensor.
#ifndef TENSORGATE_FORMATS_NUMPY_FILE_H_
#define TENSORGATE_FORMATS_NUMPY_FILE_H_

#include <memory>
#include <string_view>

#include "tensorgate/model_file.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::numpy {

/// The name of the tensor: the format has no names, and an empty one could not be used as a key.
inline constexpr std::string_view kTensorName = "array";

/// Returns the report; `opened`, if given, receives an accepted file. Never throws.
Report Examine(Source& source, const CheckOptions& options,
               std::unique_ptr<const ModelFile>* opened);

}  // namespace tensorgate::numpy

#endif  // TENSORGATE_FORMATS_NUMPY_FILE_H_
