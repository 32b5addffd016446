#include "lib/scan/early.h"

#include <algorithm>
#include <array>

#include "lib/base/bytes.h"
#include "lib/containers/zip/reader.h"
#include "lib/rules/report_builder.h"
#include "lib/scan/detect.h"
#include "lib/scan/head_source.h"
#include "lib/scan/judge.h"
#include "lib/second_readings/second_readings.h"

namespace tensorgate::internal {
namespace {

// An archive's type is only known from the directory at its end. For an archive that is not
// accepted, this many bytes are awaited, since most refused ones arrive completely by then.
constexpr std::uint64_t kArchiveWait = 1 << 20;

// A pickle is refused for what came so far, except for these rules, which more bytes may resolve.
constexpr std::array kCurable = {Rule::kPickleTruncated, Rule::kPickleFramePastEnd,
                                 Rule::kPickleExpansion};

bool IsDecisive(const Finding& error) {
  return Info(error.rule).id.starts_with("pickle/") &&
         std::ranges::find(kCurable, error.rule) == kCurable.end();
}

std::optional<Report> EarlyArchive(HeadSource& source, const CheckOptions& options) {
  if (source.size() < kArchiveWait || zip::internal::MayBegin(source.head())) return std::nullopt;
  ReportBuilder builder(options, PlainFormat(Packing::kZip).name);
  builder.AddBytesRead(source.size());
  builder.SetUnsupported(FileClass::kModel);
  builder.Add(Rule::kScanUnsupported, 0,
              {.found_text = "an archive whose first member is not how a checkpoint starts"});
  return builder.Finish();
}

}  // namespace

std::optional<Report> EarlyReport(Source& prefix, const CheckOptions& options) {
  // In the reference profile, trailing bytes and sizes matter in more ways than in the strict one.
  if (options.profile != Profile::kStrict) return std::nullopt;
  HeadSource source(prefix, options);
  if (!source.ReadHead()) return std::nullopt;
  // With more bytes it may prove to be a header.
  if (!IsEnoughToProve(source.head()) || MayProve(source.head()) != nullptr) return std::nullopt;
  const Packing packing = Recognize({AsText(source.head()), UINT64_MAX}).format->packing;
  if (packing == Packing::kZip) return EarlyArchive(source, options);
  if (packing != Packing::kPickle) {
    // Any other file with such a beginning is a pickle if it calls something, or if it ends where
    // the file does, which is not known yet.
    SecondReadings readings(Family::kOther);
    if (!FindSecondReadings(readings, source) || !readings.pickle().dangerous())
      return std::nullopt;
  }
  CheckOptions structure = options;
  structure.scope = Scope::kStructure;
  Report report = Judge(source, {}, structure);
  if (report.verdict() != Verdict::kRejected || !IsDecisive(*report.reason())) return std::nullopt;
  ReportBuilder::ForgetEnd(report);
  return report;
}

}  // namespace tensorgate::internal
