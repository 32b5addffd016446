// Judges a bare pickle. One that names storages is a checkpoint's data.pkl without its archive, and
// is refused.
#ifndef TENSORGATE_FORMATS_TORCH_PICKLE_FILE_H_
#define TENSORGATE_FORMATS_TORCH_PICKLE_FILE_H_

#include "lib/containers/pickle/machine.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::torch::internal {

/// Reports what a machine found in `bytes`, with offsets relative to `base`. If it stopped at a
/// name or opcode outside the format, or at a protocol that torch.save does not write, every other
/// such name is reported as well: whoever is refused must know what the file would call.
void AddFacts(ReportBuilder& builder, const pickle::Outcome& outcome,
              std::span<const std::byte> bytes, std::uint64_t base);

/// Reads the whole file; one larger than Limits::header_bytes is undecided. Never throws.
Report CheckPickle(Source& source, const CheckOptions& options);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_PICKLE_FILE_H_
