#include "lib/scan/judge.h"

#include <utility>

#include "lib/base/bytes.h"
#include "lib/formats/layouts.h"
#include "lib/formats/mistaken.h"
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
  const Unproven file{detected->kind,      source.head(),  source.size(),
                      source.bytes_read(), detected->also, {}};
  return Unsupported(file, name, options);
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

// Judges a file whose suffix decides the format.
Report JudgeNamed(const Format& format, Source& source, std::string_view name,
                  const CheckOptions& options, OpenedFile* opened) {
  Report report = format.examine(source, options, opened);
  if (report.verdict() != Verdict::kRejected) return report;
  HeadSource cached(source, options);
  if (!cached.ReadHead()) return report;
  // What the suffix promises is one thing, what other loaders would run is another.
  const Packing packing = DetectHead(cached.head(), cached.size(), name).format->packing;
  if (packing == Packing::kPickle || packing == Packing::kZip) {
    const Report content = JudgeDetected(cached, {}, options, nullptr);
    ReportBuilder::AddImpactAfterFinish(report, content.impact());
  }
  return UnlessMistaken(std::move(report), cached.head(), source.size(), name, options);
}

Report JudgeSource(Source& source, std::string_view name, const CheckOptions& options,
                   OpenedFile* opened) {
  if (const Format* named = FormatBySuffix(name)) {
    return JudgeNamed(*named, source, name, options, opened);
  }
  return WithSuffix(JudgeContent(source, name, options, opened), name, options);
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

Report Unsupported(const Unproven& file, std::string_view name, const CheckOptions& options) {
  const FormatKind& kind = file.kind;
  ReportBuilder builder(options, kind.format->name);
  if (file.size) builder.SetSize(*file.size);
  builder.AddBytesRead(file.bytes_read);
  builder.SetReferenceError(file.reference_error);
  const std::string_view unfinished = UnfinishedSuffix(name), layout = OtherLayout(name);
  const Head head{AsText(file.head), file.size.value_or(UINT64_MAX)};
  const std::optional<Mistaken> mistaken = FindMistaken(kind, head, name);
  if (!unfinished.empty() && (!mistaken || mistaken->rule != Rule::kScanPointer)) {
    builder.Add(Rule::kScanUnfinished, 0, {.found_text = unfinished});
    return builder.Finish();
  }
  if (mistaken) {
    Detail detail{.found_text = mistaken->text};
    if (mistaken->found != 0) detail.found = mistaken->found;
    builder.Add(mistaken->rule, 0, detail);
    return builder.Finish();
  }
  builder.SetUnsupported(kind.file_class);
  if (!layout.empty()) builder.Add(Rule::kScanLayout, 0, {.found_text = layout});
  if (kind.format == &UnknownFormat()) {
    builder.Add(Rule::kScanUnknown, 0);
  } else {
    builder.Add(Rule::kScanUnsupported, 0, {.found_text = kind.words});
  }
  if (!file.also.empty()) builder.Add(Rule::kScanAlsoFormat, 0, {.found_text = file.also});
  return builder.Finish();
}

Report UnlessMistaken(Report report, std::span<const std::byte> head, std::uint64_t size,
                      std::string_view name, const CheckOptions& options) {
  const FormatKind kind = DetectHead(head, size, name);
  if (report.verdict() != Verdict::kRejected || !FindMistaken(kind, {AsText(head), size}, name)) {
    return report;
  }
  const auto known = size == UINT64_MAX ? std::nullopt : std::optional(size);
  const Unproven file{kind, head, known, report.bytes_read(), {}, report.reference_error()};
  return Unsupported(file, name, options);
}

bool IsDecided(const Report& report, std::span<const std::byte> head, std::uint64_t size,
               std::string_view name) {
  return report.verdict() != Verdict::kRejected || IsProvenButAmbiguous(report) ||
         !IsForeign(head, size, name);
}

Report WithSuffix(Report report, std::string_view name, const CheckOptions& options) {
  if (NamesOther(report.format(), name)) {
    ReportBuilder::AppendAfterFinish(report, Rule::kScanSuffix, {.found_text = report.format()});
  }
  if (report.verdict() != Verdict::kRejected) return report;
  // What could do harm stays rejected under any name.
  const std::string_view unfinished = UnfinishedSuffix(name);
  if (!unfinished.empty() && *report.impact() == Impact::kDamaged) {
    ReportBuilder builder(options, report.format());
    if (report.size()) builder.SetSize(*report.size());
    builder.AddBytesRead(report.bytes_read());
    builder.Add(Rule::kScanUnfinished, 0, {.found_text = unfinished});
    return builder.Finish();
  }
  const std::string_view layout = OtherLayout(name);
  if (!layout.empty()) {
    ReportBuilder::AppendAfterFinish(report, Rule::kScanLayout, {.found_text = layout});
  }
  return report;
}

}  // namespace tensorgate::internal
