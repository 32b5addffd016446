// Which tensors of a refused checkpoint may be read, and under which names: tensorgate/extract.h.
#ifndef TENSORGATE_FORMATS_TORCH_EXTRACT_H_
#define TENSORGATE_FORMATS_TORCH_EXTRACT_H_

#include <memory>

#include "lib/formats/torch/contents.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/extraction.h"
#include "tensorgate/model_file.h"

namespace tensorgate::torch::internal {

/// Fills the tensors of `contents`, whose machine followed foreign values, and the entries and
/// counts of `extraction`. Reports what makes every tensor doubtful, and limits. Throws
/// std::bad_alloc.
void ExtractTensors(Contents& contents, ReportBuilder& builder, Extraction& extraction);

/// Format::extract. The report is accepted if tensors may be taken; otherwise it says why none is.
/// Throws std::bad_alloc.
Report Extract(Source& source, const CheckOptions& options, std::unique_ptr<const ModelFile>& file,
               Extraction& extraction);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_EXTRACT_H_
