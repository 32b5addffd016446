// An .npy file, judged.
#ifndef TENSORGATE_FORMATS_NUMPY_FILE_H_
#define TENSORGATE_FORMATS_NUMPY_FILE_H_

#include <optional>

#include "lib/formats/numpy/header.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::numpy {

/// The verdict; `opened`, if given, gets the header of an accepted file. Never throws.
Report Examine(Source& source, const CheckOptions& options,
               std::optional<internal::Header>* opened);

}  // namespace tensorgate::numpy

#endif  // TENSORGATE_FORMATS_NUMPY_FILE_H_
