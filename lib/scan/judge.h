// The single entry point from bytes to a verdict, and to the opened file.
//
// Scan, streams, Checkpoint, Convert and everything built on them use it, so that their verdicts
// cannot differ.
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
  OpenedFile file;  ///< For an accepted file with tensors.
};

/// `name`: used for its suffix; may be empty. Never throws.
Report Judge(Source& source, std::string_view name, const CheckOptions& options);

/// The same with the strict profile and without a trust list, as for everything that opens files.
/// Throws std::bad_alloc.
Judged JudgeToOpen(Source& source, std::string_view name, const CheckOptions& options);

/// The report on an accepted file that a call cannot use, by a rule `use/...`. Throws
/// std::bad_alloc.
Report OfNoUse(const Report& accepted, Rule rule, const CheckOptions& options);

/// The report on a file that could not be read. Throws std::bad_alloc.
Report NotRead(const Status& status, std::optional<std::uint64_t> size,
               const CheckOptions& options);

/// A file that no parser proved.
struct Unproven {
  FormatKind kind;
  std::span<const std::byte> head;
  std::optional<std::uint64_t> size;
  std::uint64_t bytes_read;
  std::string_view also;             ///< What it is as well, in words.
  std::string_view reference_error;  ///< If the reference refuses it.
};

/// The report on it: `unsupported`, or `rejected` if it is in a model's place by accident. Throws
/// std::bad_alloc.
Report Unsupported(const Unproven& file, std::string_view name, const CheckOptions& options);

/// For the report on a file whose suffix decided the format: if it was rejected because it is
/// something else by accident, the report that says so. Throws std::bad_alloc.
Report UnlessMistaken(Report report, std::span<const std::byte> head, std::uint64_t size,
                      std::string_view name, const CheckOptions& options);

/// True if the report is final. An accepted file is what it was verified to be. A refused file may
/// be of another format whose first bytes look similar: then only its own signature decides.
bool IsDecided(const Report& report, std::span<const std::byte> head, std::uint64_t size,
               std::string_view name);

/// Adds what the name says: a suffix of another format, a layout that is not read here. A damaged
/// file that is named like an unfinished download is one.
Report WithSuffix(Report report, std::string_view name, const CheckOptions& options);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_JUDGE_H_
