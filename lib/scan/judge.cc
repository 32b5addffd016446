#include "lib/scan/judge.h"

#include <utility>

#include "lib/rules/report_builder.h"
#include "lib/scan/detect.h"
#include "lib/scan/head_source.h"
#include "lib/second_readings/second_readings.h"

namespace tensorgate::internal {
namespace {

// Judges a file whose likely format was not confirmed by an examination.
Report JudgeDetected(HeadSource& source, std::string_view name, const CheckOptions& options,
                     OpenedFile* opened) {
  const auto detected = Detect(source, source.head(), name);
  if (!detected) return NotRead(detected.error(), source.size(), options);
  // Whatever the name: a file that a loader would unpickle is judged as a pickle.
  if (const auto examine = detected->kind.format->examine) return examine(source, options, opened);
  if (const std::optional<Rule> ended = source.ended()) {
    return NotRead(Status{.rule = *ended}, source.size(), options);
  }
  if (const Result<void> same = source.CheckUnchanged(); !same) {
    return NotRead(same.error(), source.size(), options);
  }
  return Unsupported(detected->kind, source.size(), source.bytes_read(), options, detected->also);
}

Report JudgeContent(Source& source, std::string_view name, const CheckOptions& options,
                    OpenedFile* opened) {
  HeadSource cached(source, options);
  if (const Result<void> read = cached.ReadHead(); !read) {
    return NotRead(read.error(), source.size(), options);
  }
  if (const Format* format = MayProve(cached.head())) {
    Report report = format->examine(cached, options, opened);
    if (IsDecided(report, cached.head(), cached.size(), name)) return report;
  }
  return JudgeDetected(cached, name, options, opened);
}

Report JudgeSource(Source& source, std::string_view name, const CheckOptions& options,
                   OpenedFile* opened) {
  if (const Format* named = FormatBySuffix(name)) return named->examine(source, options, opened);
  return WithSuffix(JudgeContent(source, name, options, opened), name);
}

}  // namespace

Report Judge(Source& source, std::string_view name, const CheckOptions& options) {
  try {
    return JudgeSource(source, name, options, nullptr);
  } catch (...) {
    return ReportBuilder::Caught(options, UnknownFormat().name);
  }
}

Judged JudgeToOpen(Source& source, std::string_view name, const CheckOptions& options) {
  OpenedFile file;
  Report report = JudgeSource(source, name, StrictOptions(options), &file);
  return {std::move(report), std::move(file)};
}

Report OfNoUse(const Report& accepted, Rule rule, const CheckOptions& options) {
  ReportBuilder builder(options, accepted.format());
  if (accepted.size()) builder.SetSize(*accepted.size());
  builder.Add(rule, 0);
  return builder.Finish();
}

Report NotRead(const Status& status, std::optional<std::uint64_t> size,
               const CheckOptions& options) {
  ReportBuilder builder(options, UnknownFormat().name);
  if (size) builder.SetSize(*size);
  builder.Add(status);
  return builder.Finish();
}

Report Unsupported(const FormatKind& kind, std::optional<std::uint64_t> size,
                   std::uint64_t bytes_read, const CheckOptions& options, std::string_view also) {
  ReportBuilder builder(options, kind.format->name);
  if (size) builder.SetSize(*size);
  builder.AddBytesRead(bytes_read);
  builder.SetUnsupported(kind.file_class);
  if (kind.format == &UnknownFormat()) {
    builder.Add(Rule::kScanUnknown, 0);
  } else {
    builder.Add(Rule::kScanUnsupported, 0, {.found_text = kind.words});
  }
  if (!also.empty()) builder.Add(Rule::kScanAlsoFormat, 0, {.found_text = also});
  return builder.Finish();
}

bool IsDecided(const Report& report, std::span<const std::byte> head, std::uint64_t size,
               std::string_view name) {
  return report.verdict() != Verdict::kRejected || IsProvenButAmbiguous(report) ||
         !IsForeign(head, size, name);
}

Report WithSuffix(Report report, std::string_view name) {
  if (NamesOther(report.format(), name)) {
    ReportBuilder::AppendAfterFinish(report, Rule::kScanSuffix, {.found_text = report.format()});
  }
  return report;
}

}  // namespace tensorgate::internal
