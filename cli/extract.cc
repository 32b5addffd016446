// Extraction from refused checkpoints: what convert and inspect say about it.
#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <map>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/json_document.h"
#include "cli/output.h"
#include "cli/table.h"
#include "tensorgate/extract.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

// Names that are shown of the tensors left out for one reason.
constexpr std::size_t kShown = 5;

std::string Tensors(std::uint64_t count) { return Counted(count, "tensor", "tensors"); }

std::string ShapeText(const std::vector<std::uint64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// The part of a reason without its place, which differs from tensor to tensor.
std::string_view KindOf(std::string_view reason) {
  return reason.substr(0, reason.rfind(" (byte "));
}

std::string LeftOutText(const Extraction& extraction) {
  std::map<std::string_view, std::vector<const ExtractionEntry*>> reasons;
  for (const ExtractionEntry& entry : extraction.entries) {
    if (entry.outcome == Outcome::kLeftOut) reasons[KindOf(entry.reason)].push_back(&entry);
  }
  std::string text;
  for (const auto& [reason, entries] : reasons) {
    text += fmt::format("    left out: {}: {}\n", Tensors(entries.size()),
                        EscapeForText(entries.size() == 1 ? entries[0]->reason : reason, 400));
    for (std::size_t i = 0; i < std::min(entries.size(), kShown); ++i) {
      text += fmt::format("        {}\n", EscapeForText(entries[i]->name, 200));
    }
    if (entries.size() > kShown)
      text += fmt::format("        and {} more\n", GroupDigits(entries.size() - kShown));
  }
  return text;
}

std::string HoldersText(const Extraction& extraction) {
  std::map<std::string_view, std::uint64_t> holders;
  for (const ExtractionEntry& entry : extraction.entries) {
    if (entry.outcome == Outcome::kAsStored) ++holders[entry.holder];
  }
  if (holders.empty()) return {};
  std::string text = fmt::format(
      "    as stored: {} held by objects of these classes, which may load them differently\n",
      Tensors(extraction.as_stored));
  std::size_t shown = 0;
  for (const auto& [holder, count] : holders) {
    if (shown++ == 2 * kShown) {
      text += fmt::format("        and {} more classes\n", GroupDigits(holders.size() - shown + 1));
      break;
    }
    text += fmt::format("        {} ({})\n", EscapeForText(holder, 200), Tensors(count));
  }
  return text;
}

std::string ReasonText(const Report& report) {
  const Finding& reason = *report.reason();
  return fmt::format("{} at byte {}", Info(reason.rule).id, GroupDigits(reason.offset));
}

void WriteEntries(JsonDocument& document, const std::vector<Extraction>& parts) {
  internal::JsonWriter& json = document.json();
  ExtractionCounts counts;
  for (const Extraction& part : parts) counts.Add(part);
  json.BeginObject();
  json.Member("taken", counts.taken);
  json.Member("as_stored", counts.as_stored);
  json.Member("left_out", counts.left_out);
  json.Member("names_dropped", counts.names_dropped);
  json.Key("tensors");
  json.BeginArray();
  for (const Extraction& part : parts) {
    for (const ExtractionEntry& entry : part.entries) {
      json.BeginObject();
      json.Member("name", entry.name);
      json.Member("outcome", Name(entry.outcome));
      json.Key("class");
      entry.holder.empty() ? json.Null() : json.String(entry.holder);
      json.Key("reason");
      entry.reason.empty() ? json.Null() : json.String(entry.reason);
      json.Key("dtype");
      entry.dtype.empty() ? json.Null() : json.String(entry.dtype);
      json.Key("shape");
      json.BeginArray();
      for (const std::uint64_t size : entry.shape) json.Number(size);
      json.EndArray();
      json.Member("offset", entry.offset);
      json.Key("shard");
      part.name.empty() ? json.Null() : json.String(part.name);
      json.EndObject();
      document.Pass();
    }
  }
  json.EndArray();
  json.EndObject();
}

int WriteFailure(Output& output, const std::string& path, const ConvertError& error,
                 const Options& options) {
  const bool json = options.format == Format::kJson;
  if (error.report && !json) return Refuse(output, path, {*error.report}, {}, options);
  const ExitCode code = error.report ? CodeOf(*error.report) : CodeOf(error.status);
  if (json) {
    JsonDocument document(output);
    document.json().Key("report");
    document.AddReport(path, ScanPath(path, CheckNow(options)));
    document.json().Key("extraction");
    document.json().Null();
    const Status status =
        error.report ? Status{.rule = error.report->reason()->rule} : error.status;
    document.End(status, error.report ? Message(*error.report) : Message(error.status));
  } else {
    AddError(path, error.status);
  }
  return output.Finish() ? code : kUndecided;
}

}  // namespace

std::string ExtractionText(const std::vector<Extraction>& extractions, bool all) {
  std::string text;
  for (const Extraction& each : extractions) {
    if (each.accepted()) continue;
    text += fmt::format("extracted  {}{} taken, {} as stored, {} left out\n",
                        each.name.empty() ? "" : EscapeForText(each.name, 200) + ": ",
                        GroupDigits(each.taken), GroupDigits(each.as_stored),
                        GroupDigits(each.left_out));
    text += fmt::format("    the source is {} ({}); loading it runs its code\n",
                        Name(each.source.verdict()), ReasonText(each.source));
    for (const ExtractionEntry& entry : each.entries) {
      if (!all || entry.outcome == Outcome::kLeftOut) continue;
      text += fmt::format("    {:<9}  {:<8}  {:<16}  {}\n", Name(entry.outcome), entry.dtype,
                          ShapeText(entry.shape), EscapeForText(entry.name, 200));
    }
    text += HoldersText(each) + LeftOutText(each);
    if (each.names_dropped != 0) {
      text += fmt::format("    {} further names of these tensors are not listed\n",
                          GroupDigits(each.names_dropped));
    }
  }
  return text;
}

int InspectExtract(const Options& options) {
  const std::string& path = options.paths.front();
  Output output(options.output);
  const std::expected<ExtractedCheckpoint, ConvertError> extracted =
      Extract(path, CheckNow(options));
  if (!extracted) return WriteFailure(output, path, extracted.error(), options);
  const Report& report = extracted->checkpoint.report();
  const std::vector<Extraction>& parts = extracted->parts;
  if (options.format == Format::kJson) {
    JsonDocument document(output);
    document.json().Key("report");
    document.AddReport(path, report);
    document.json().Key("extraction");
    WriteEntries(document, parts);
    document.End();
  } else if (report.verdict() == Verdict::kAccepted) {
    output.Write(RenderText(path, report, output.Text(options)) +
                 "accepted: `tensorgate convert` writes all its tensors without --extract\n");
  } else {
    output.Write(RenderText(path, report, output.Text(options)) + ExtractionText(parts, true));
  }
  const bool nothing = extracted->checkpoint.tensor_count() == 0;
  return output.Finish() ? (nothing ? kRejected : kDone) : kUndecided;
}

}  // namespace tensorgate::cli
