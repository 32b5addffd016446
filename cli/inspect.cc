// tensorgate inspect: what is inside a file, once it is proven.
#include <fmt/format.h>

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/commands.h"
#include "cli/inspect_table.h"
#include "cli/output.h"
#include "lib/json/writer.h"
#include "lib/scan/judge.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/digest.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate::cli {
namespace {

using safetensors::File;

void WriteText(Output& output, const std::string& path, const File& file, const Report& report,
               const Options& options) {
  output.Write(RenderText(path, report, options.verbose));
  output.Write(
      fmt::format("\nsize {} bytes, header {} bytes of which {} padding, data from byte {}\n\n",
                  GroupDigits(file.file_size()), GroupDigits(file.header_bytes().size()),
                  GroupDigits(file.padding()), file.data_offset()));
  WriteTables(output, {{&file, {}}});
  if (file.metadata_size() == 0) return;
  output.Write("\nmetadata\n");
  for (std::size_t i = 0; i < file.metadata_size() && !output.failed(); ++i) {
    const safetensors::MetadataEntry entry = file.metadata(i);
    output.Write(
        fmt::format("  {}: {}\n", EscapeForText(entry.key, 200), EscapeForText(entry.value, 500)));
  }
}

void WriteJson(Output& output, const File& file, const std::string& report) {
  std::string text;
  internal::JsonWriter json(text);
  output.Write("{\"report\":" + report + ",\"contents\":");
  json.BeginObject();
  json.Member("padding_bytes", std::uint64_t{file.padding()});
  json.Member("data_offset", file.data_offset());
  WriteTables(output, {{&file, {}}}, json, text);
  json.Key("metadata");
  json.BeginObject();
  for (std::size_t i = 0; i < file.metadata_size(); ++i) {
    json.Member(file.metadata(i).key, file.metadata(i).value);
    output.Write(text);
    text.clear();
  }
  json.EndObject();
  json.EndObject();
  output.Write(text + "," + ErrorMember(std::nullopt) + "}\n");
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
  for (std::size_t i = 0; i < checkpoint->parts(); ++i) {
    const Part part = checkpoint->part(i);
    files.push_back({part.file, checkpoint->report().shards()[i].name, part.torch});
  }
  if (options.format == Format::kJson) {
    std::string text = "{\"report\":" + RenderJson(path, checkpoint->report()) + ",\"contents\":";
    internal::JsonWriter json(text);
    json.BeginObject();
    WriteTables(output, files, json, text);
    json.EndObject();
    output.Write(text + "," + ErrorMember(std::nullopt) + "}\n");
  } else {
    output.Write(RenderText(path, checkpoint->report(), options.verbose) + "\n");
    WriteTables(output, files);
  }
  return output.Finish() ? kDone : kUndecided;
}

}  // namespace

int Refuse(Output& output, const std::string& path, const Refusal& refusal,
           const std::string& digest, const Options& options) {
  if (options.format == Format::kJson) {
    output.Write("{\"report\":" + RenderJson(path, refusal.report, {.header_sha256 = digest}) +
                 ",\"contents\":null," + ErrorMember(refusal.error, refusal.message) + "}\n");
  } else {
    WriteRefusal(output, path, refusal, options.verbose);
  }
  return output.Finish() ? CodeOf(refusal) : kUndecided;
}

int RunInspect(const Options& options) {
  if (options.opcodes || options.globals) return InspectPickle(options);
  const std::string& path = options.paths.front();
  Output output(options.output);
  std::error_code error;
  if (IsNamedIndex(path) || std::filesystem::is_directory(path, error)) {
    return InspectShards(options, path, output);
  }
  Result<FileSource> source = FileSource::Open(path);
  if (!source) {
    return Refuse(output, path, {ScanFailure(source.error(), options.check)}, {}, options);
  }
  std::optional<DigestSource> digested;
  if (options.digest) digested.emplace(*source);
  Source& opened = digested ? static_cast<Source&>(*digested) : *source;
  internal::Judged judged = internal::JudgeToOpen(opened, path, options.check);
  const Report& report = judged.report;
  const std::string digest = digested && HasHeaderDigest(report) ? digested->Hex() : std::string();
  if (report.verdict() != Verdict::kAccepted) {
    return Refuse(output, path, {report}, digest, options);
  }
  if (const auto* file = std::get_if<torch::File>(&judged.file)) {
    InspectTorch(output, path, *file, report, options);
  } else if (const auto* plain = std::get_if<File>(&judged.file)) {
    if (options.format == Format::kJson) {
      WriteJson(output, *plain, RenderJson(path, report, {.header_sha256 = digest}));
    } else {
      WriteText(output, path, *plain, report, options);
    }
  } else {
    return Refuse(output, path, {report, Status{.rule = Rule::kUseNoTensors}}, {}, options);
  }
  return output.Finish() ? kDone : kUndecided;
}

}  // namespace tensorgate::cli
