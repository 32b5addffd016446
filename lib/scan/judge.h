// The one door: from bytes to a verdict, and to the opened file.
//
// Scan, streams, Checkpoint, Convert and all that is built on them come through here, so that they cannot differ.
#ifndef TENSORGATE_SCAN_JUDGE_H_
#define TENSORGATE_SCAN_JUDGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/formats/registry.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

struct Judged {
  Report report;
  OpenedFile file;  ///< Of an accepted file with tensors.
};

/// `name`: for its suffix; may be empty. Never throws.
Report Judge(Source& source, std::string_view name, const CheckOptions& options);

/// The same by the strict profile and without a list of trust: nothing else is opened. Throws std::bad_alloc.
Judged JudgeToOpen(Source& source, std::string_view name, const CheckOptions& options);

/// The report on an accepted file of which a call can make no use, by a rule `use/...`. Throws std::bad_alloc.
Report OfNoUse(const Report& accepted, Rule rule, const CheckOptions& options);

/// The report on what could not be read. Throws std::bad_alloc.
Report NotRead(const Status& status, std::optional<std::uint64_t> size,
               const CheckOptions& options);

/// The report on what has no parser. Throws std::bad_alloc.
Report Unsupported(const FormatKind& kind, std::optional<std::uint64_t> size,
                   std::uint64_t bytes_read, const CheckOptions& options,
                   std::string_view also = {});

/// What is proven is that. Another format's first bytes can look like those of a format that only a proof makes that: of a
/// refused file only its own signature says what it is.
bool IsDecided(const Report& report, std::span<const std::byte> head, std::uint64_t size,
               std::string_view name);

/// Warns of a suffix that promises something else.
Report WithSuffix(Report report, std::string_view name);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_JUDGE_H_
