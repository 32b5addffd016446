#include "cli/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "lib/checkpoint/check.h"
#include "lib/scan/detect.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

using Opened = std::expected<std::unique_ptr<Input>, Refusal>;

std::unexpected<Refusal> Refused(Report report, std::optional<Status> error = std::nullopt) {
  return std::unexpected(Refusal{std::move(report), error});
}

Opened OpenAsReference(std::unique_ptr<Input> input, const Options& options) {
  Result<FileSource> source = FileSource::Open(input->path);
  if (!source) return Refused(ScanFailure(source.error(), options.check));
  input->sources.push_back(std::make_unique<FileSource>(*std::move(source)));
  auto contents = internal::ContentsAsReference(*input->sources.back(), options.check);
  if (!contents) return Refused(std::move(contents.error()));
  input->contents = *std::move(contents);
  return input;
}

Opened OpenShardsAsReference(std::unique_ptr<Input> input, const Options& options) {
  CheckOptions strict = options.check;
  strict.profile = Profile::kStrict;
  checkpoint::Checked checked = checkpoint::CheckPath(input->path, options.check, true);
  if (checked.report.verdict() != Verdict::kAccepted) {
    return Refused(std::move(checked.report));
  }
  for (checkpoint::CheckedShard& shard : checked.shards) {
    auto contents = internal::ContentsAsReference(*shard.source, options.check);
    if (!contents) return Refused(std::move(contents.error()));
    std::ranges::move(contents->tensors, std::back_inserter(input->contents.tensors));
    std::ranges::move(contents->parts, std::back_inserter(input->contents.parts));
    if (!shard.file) {
      input->repaired.push_back(
          {checked.folder + shard.name, safetensors::Check(*shard.source, strict)});
    }
    input->sources.push_back(std::move(shard.source));
    input->shards.push_back(std::move(shard.name));
  }
  return input;
}

}  // namespace

Result<void> Input::Unchanged() {
  if (checkpoint) return checkpoint->Unchanged();
  for (const auto& source : sources) {
    if (const Result<void> unchanged = source->Unchanged(); !unchanged) return unchanged;
  }
  return {};
}

Opened OpenInput(const std::string& path, const Options& options) {
  auto input = std::make_unique<Input>();
  input->path = path;
  std::expected<Checkpoint, Report> checkpoint = Checkpoint::OpenPath(path, options.check);
  if (!checkpoint) {
    input->report = std::move(checkpoint.error());
    const bool rejected = input->report.verdict() == Verdict::kRejected;
    const bool shards = input->report.format() == "safetensors-checkpoint";
    if (input->report.format() == "pytorch-checkpoint") {
      return Refused(std::move(input->report));
    }
    if (rejected && options.check.profile == Profile::kReference) {
      return shards ? OpenShardsAsReference(std::move(input), options)
                    : OpenAsReference(std::move(input), options);
    }
    // Another format is named as what it is. An index or a folder has been judged as what it is.
    if (rejected && !shards && !internal::IsNamedSafetensors(path)) {
      CheckOptions strict = options.check;
      strict.profile = Profile::kStrict;
      Report other = ScanPath(path, strict);
      // What else is accepted holds no tensors: a pickle of plain values.
      if (other.verdict() == Verdict::kAccepted) {
        return Refused(std::move(other), Status{.rule = Rule::kUseNoTensors});
      }
      return Refused(std::move(other));
    }
    return Refused(std::move(input->report));
  }
  input->checkpoint = *std::move(checkpoint);
  input->report = input->checkpoint->report();
  for (const ShardVerdict& shard : input->report.shards()) input->shards.push_back(shard.name);
  Result<internal::Contents> contents = internal::ContentsOf(*input->checkpoint);
  if (!contents) return std::unexpected(Failed(*input, contents.error(), options));
  input->contents = *std::move(contents);
  return input;
}

ExitCode CodeOf(const Refusal& refusal) {
  const ExitCode code = CodeOf(refusal.report);
  return refusal.error ? Worse(code, CodeOf(*refusal.error)) : code;
}

Refusal Failed(const Input& input, const Status& status, const Options& options) {
  // Of the system's failures the verdict is that it could not be judged to the end.
  if (CodeOf(status) == kUndecided) return {ScanFailure(status, options.check)};
  return {input.report, status};
}

void TellError(const std::string& path, const Status& status, std::string_view tensor) {
  const RuleInfo& info = Info(status.rule);
  std::string text =
      fmt::format("tensorgate: {}: {}: {}", EscapeForText(path), info.id, Message(status));
  if (!tensor.empty()) text += fmt::format(" (tensor {})", EscapeForText(tensor, 200));
  text += '\n';
  if (!info.fix.empty()) text += fmt::format("fix: {}\n", info.fix);
  std::fputs(text.c_str(), stderr);
}

void WriteRefusal(Output& output, const std::string& path, const Refusal& refusal, bool verbose) {
  output.Write(RenderText(path, refusal.report, verbose));
  if (!refusal.error) return;
  output.Flush();
  TellError(path, *refusal.error);
}

std::string ErrorMember(const std::optional<Status>& error) {
  if (!error) return "\"error\":null";
  std::string text = "\"error\":";
  internal::JsonWriter json(text);
  json.BeginObject();
  json.Member("rule", Info(error->rule).id);
  json.Member("message", Message(*error));
  json.EndObject();
  return text;
}

}  // namespace tensorgate::cli
