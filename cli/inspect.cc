// tensorgate inspect: what is inside a file, once it is proven.
#include <fmt/format.h>

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/inspect_table.h"
#include "cli/json_document.h"
#include "cli/metadata_value.h"
#include "cli/output.h"
#include "lib/checkpoint/tensor_stats.h"
#include "lib/scan/judge.h"
#include "lib/source/store.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/digest.h"
#include "tensorgate/model_file.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate::cli {
namespace {

void WriteText(Output& output, const std::string& path, const ModelFile& file, const Report& report,
               const Options& options) {
  output.Write(RenderText(path, report, output.Text(options)));
  TextDescriber more;
  file.Describe(more);
  output.Write(fmt::format("\nsize {} bytes{}{}\n\n", GroupDigits(report.size().value_or(0)),
                           more.line().empty() ? "" : ", ", more.line()));
  WriteTables(output, {{&file, {}}});
  if (file.metadata_count() == 0) return;
  output.Write("\nmetadata\n");
  WriteMetadata(output, file, "  ", 500);
}

void WriteJson(Output& output, const std::string& path, const ModelFile& file, const Report& report,
               const std::string& digest) {
  JsonDocument document(output);
  internal::JsonWriter& json = document.json();
  json.Key("report");
  document.AddReport(path, report, {.header_sha256 = digest});
  json.Key("contents");
  json.BeginObject();
  JsonDescriber more(json);
  file.Describe(more);
  WriteTables(document, {{&file, {}}});
  WriteMetadata(document, file);
  if (const auto structure = file.structure()) {
    json.Key(structure->key);
    json.Raw(structure->json);
  }
  json.EndObject();
  document.End();
}

// All shards as one table.
int InspectShards(const Options& options, const std::string& path, Output& output) {
  const std::expected<Checkpoint, Report> checkpoint = Checkpoint::OpenPath(path, options.check);
  if (!checkpoint) {
    const Report& report = checkpoint.error();
    const Refusal refusal = IsOfNoUse(report) ? WhyOfNoUse(path, report, options) : Refusal{report};
    return Refuse(output, path, refusal, {}, options);
  }
  std::vector<Listed> files;
  for (std::size_t i = 0; i < checkpoint->part_count(); ++i) {
    const Part part = checkpoint->part(i);
    files.push_back({part.file, checkpoint->report().shards()[i].name});
  }
  if (options.format == Format::kJson) {
    JsonDocument document(output);
    document.json().Key("report");
    document.AddReport(path, checkpoint->report());
    document.json().Key("contents");
    document.json().BeginObject();
    WriteTables(document, files);
    document.json().EndObject();
    document.End();
  } else {
    output.Write(RenderText(path, checkpoint->report(), output.Text(options)) + "\n");
    WriteTables(output, files);
  }
  return output.Finish() ? kDone : kUndecided;
}

// The statistics of one file or of all shards: the data are read, once.
int InspectStats(const Options& options) {
  const std::string& path = options.paths.front();
  Output output(options.output);
  const auto input = OpenInput(path, options);
  if (!input) return Refuse(output, path, input.error(), {}, options);
  Result<std::vector<internal::NumberStats>> stats =
      internal::ReadTensorStats((*input)->contents.tensors);
  if (stats) {
    const Result<void> unchanged = (*input)->CheckUnchanged();
    if (!unchanged) stats = std::unexpected(unchanged.error());
  }
  if (!stats) return Refuse(output, path, ReadFailed(**input, stats.error(), options), {}, options);
  const Checkpoint& checkpoint = *(*input)->checkpoint;
  std::vector<Listed> files;
  for (std::size_t i = 0; i < checkpoint.part_count(); ++i) {
    const bool sharded = !(*input)->shards.empty();
    files.push_back({checkpoint.part(i).file, sharded ? (*input)->shards[i] : std::string_view()});
  }
  if (options.format == Format::kJson) {
    JsonDocument document(output);
    document.json().Key("report");
    document.AddReport(path, checkpoint.report());
    document.json().Key("contents");
    document.json().BeginObject();
    WriteTables(document, files, *stats);
    document.json().EndObject();
    document.End();
  } else {
    output.Write(RenderText(path, checkpoint.report(), output.Text(options)) + "\n");
    WriteStats(output, files, *stats);
  }
  return output.Finish() ? kDone : kUndecided;
}

}  // namespace

int Refuse(Output& output, const std::string& path, const Refusal& refusal,
           const std::string& digest, const Options& options) {
  if (options.format == Format::kJson) {
    JsonDocument document(output);
    document.json().Key("report");
    document.AddReport(path, refusal.report, {.header_sha256 = digest});
    document.json().Key("contents");
    document.json().Null();
    document.End(refusal.error, refusal.message);
  } else {
    WriteRefusal(output, path, refusal, options);
  }
  return output.Finish() ? CodeOf(refusal) : kUndecided;
}

int RunInspect(const Options& options) {
  if (options.opcodes || options.globals) return InspectPickle(options);
  if (options.extract) return InspectExtract(options);
  if (options.stats) return InspectStats(options);
  const std::string& path = options.paths.front();
  Output output(options.output);
  std::error_code error;
  if (IsNamedIndex(path) || std::filesystem::is_directory(path, error)) {
    return InspectShards(options, path, output);
  }
  const Result<std::unique_ptr<Source>> source = internal::OpenPath(path);
  if (!source) {
    return Refuse(output, path, {ScanFailure(source.error(), options.check)}, {}, options);
  }
  std::optional<DigestSource> digested;
  if (options.digest) digested.emplace(**source);
  Source& opened = digested ? static_cast<Source&>(*digested) : **source;
  internal::Judged judged = internal::JudgeToOpen(opened, path, options.check);
  const Report& report = judged.report;
  const std::string digest = digested && HasHeaderDigest(report) ? digested->Hex() : std::string();
  if (report.verdict() != Verdict::kAccepted) {
    return Refuse(output, path, {report}, digest, options);
  }
  if (!judged.file) {
    return Refuse(output, path, {report, Status{.rule = Rule::kUseNoTensors}}, {}, options);
  }
  if (options.format == Format::kJson) {
    WriteJson(output, path, *judged.file, report, digest);
  } else {
    WriteText(output, path, *judged.file, report, options);
  }
  return output.Finish() ? kDone : kUndecided;
}

}  // namespace tensorgate::cli
