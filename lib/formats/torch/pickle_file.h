// A bare pickle, judged. One that names storages is a checkpoint's data.pkl without its archive, and refused.
#ifndef TENSORGATE_FORMATS_TORCH_PICKLE_FILE_H_
#define TENSORGATE_FORMATS_TORCH_PICKLE_FILE_H_

#include "lib/containers/pickle/machine.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::torch::internal {

/// What a machine found in `bytes`, with places from `base` on. Where it ended at a name or an opcode
/// outside, every other name outside is told as well: one who wants to re-save must know them all.
void AddFacts(ReportBuilder& builder, const pickle::Outcome& outcome,
              std::span<const std::byte> bytes, std::uint64_t base);

/// The whole file is read; above Limits::header_bytes it is undecided. Never throws.
Report CheckPickle(Source& source, const CheckOptions& options);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_PICKLE_FILE_H_
