// What is certain of a stream before its end.
#ifndef TENSORGATE_SCAN_EARLY_H_
#define TENSORGATE_SCAN_EARLY_H_

#include <optional>

#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// The report on a stream that begins with `prefix` and goes on, if it is the one that the whole would have,
/// whatever follows. Limits aside, the whole has this verdict, and this first error as its reason; of
/// other findings there may be more. An archive that is refused or not supported, which only its end tells, is
/// `unsupported` here: it is not accepted. None: more must come. Throws std::bad_alloc.
std::optional<Report> EarlyReport(Source& prefix, const CheckOptions& options);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_EARLY_H_
