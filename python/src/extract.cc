#include "python/src/extract.h"

#include "tensorgate/extract.h"

#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "python/src/check.h"
#include "python/src/checkpoint.h"
#include "python/src/interrupt.h"
#include "python/src/report.h"
#include "tensorgate/render.h"
#include "tensorgate/rules.h"
#include "tensorgate/scan.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

/// Taken, as stored, left out, and names that are not listed.
using Counts = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>;
using Extracted = std::tuple<CheckpointHandle, ReportHandle, Counts, nb::list>;

/// Raises OperationError with the rule's advice.
[[noreturn]] void RaiseNothing(const Status& status, const std::string& detail = {}) {
  const std::string text = Message(status) + detail + ". " + std::string(Info(status.rule).fix);
  nb::module_::import_("tensorgate._errors")
      .attr("raise_failed")(Info(status.rule).id, ToText(text), 0, status.offset, status.part);
  throw nb::type_error("tensorgate._errors.raise_failed returned");
}

/// As for opening, there is a report, except on the tensors of a file that was proven.
[[noreturn]] void RaiseError(ConvertError error, const std::string& path) {
  if (error.report) RaiseRefused(*std::move(error.report), path);
  const Rule rule = error.status.rule;
  if (rule == Rule::kConvertNamesChanged || rule == Rule::kConvertNothingExtracted) {
    RaiseNothing(error.status);
  }
  RaiseRefused(ScanFailure(error.status), path);
}

/// The first tensor that was left out, and why.
std::string FirstLeftOut(const std::vector<Extraction>& parts) {
  for (const Extraction& part : parts) {
    for (const ExtractionEntry& entry : part.entries) {
      if (entry.outcome != Outcome::kLeftOut) continue;
      return ": '" + EscapeForText(entry.name, 200) +
             "' is left out: " + EscapeForText(entry.reason, 400);
    }
  }
  return {};
}

nb::object TextOrNone(std::string_view text) {
  return text.empty() ? nb::object(nb::none()) : nb::object(ToText(text));
}

nb::tuple MakeEntry(const ExtractionEntry& entry, const Extraction& part) {
  nb::list shape;
  for (const std::uint64_t dimension : entry.shape) shape.append(dimension);
  return nb::make_tuple(ToText(entry.name), Name(entry.outcome), TextOrNone(entry.holder),
                        TextOrNone(entry.reason), TextOrNone(entry.dtype), nb::tuple(shape),
                        entry.offset, TextOrNone(part.name));
}

Extracted ExtractPath(nb::handle what) {
  std::string path;
  if (!AsPath(what, path)) throw nb::type_error("expected a path: str or os.PathLike");
  auto extracted = Watched([&](const CheckOptions& options) { return Extract(path, options); });
  if (!extracted) RaiseError(std::move(extracted.error()), path);
  Checkpoint& checkpoint = extracted->checkpoint;
  if (checkpoint.tensor_count() == 0 && checkpoint.report().verdict() != Verdict::kAccepted) {
    RaiseNothing({.rule = Rule::kConvertNothingExtracted}, FirstLeftOut(extracted->parts));
  }
  ExtractionCounts counts;
  nb::list entries;
  for (const Extraction& part : extracted->parts) {
    counts.Add(part);
    for (const ExtractionEntry& entry : part.entries) entries.append(MakeEntry(entry, part));
  }
  ReportHandle report(Report(checkpoint.report()), path);
  return {CheckpointHandle{{}, std::move(checkpoint)}, std::move(report),
          Counts(counts.taken, counts.as_stored, counts.left_out, counts.names_dropped),
          std::move(entries)};
}

}  // namespace

void BindExtract(nb::module_& module) {
  module.def("extract_path", &ExtractPath, nb::arg("path").none(),
             "Opens a PyTorch checkpoint that may be refused. Returns the tensors that can be "
             "taken, the report, the counts (taken, as stored, left out, names not listed) and "
             "the entries.");
}

}  // namespace tensorgate::python
