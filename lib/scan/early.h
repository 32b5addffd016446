// What is certain about a stream before its end.
#ifndef TENSORGATE_SCAN_EARLY_H_
#define TENSORGATE_SCAN_EARLY_H_

#include <optional>

#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// The report on a stream that starts with `prefix` and continues, if the whole file would get the
/// same report whatever follows: limits aside, the same verdict, and the same first error as its
/// reason; there may be more of the other findings. An archive whose refusal only its end
/// determines is `unsupported` here: it is not accepted. std::nullopt: more bytes are needed.
/// Throws std::bad_alloc.
std::optional<Report> EarlyReport(Source& prefix, const CheckOptions& options);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_EARLY_H_
