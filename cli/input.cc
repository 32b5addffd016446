#include "cli/input.h"

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

using Opened = std::expected<std::unique_ptr<Input>, Report>;

Opened OpenAsReference(std::unique_ptr<Input> input, const Options& options) {
  Result<FileSource> source = FileSource::Open(input->path);
  if (!source) return std::unexpected(ScanFailure(source.error(), options.check));
  input->sources.push_back(std::make_unique<FileSource>(*std::move(source)));
  auto contents = internal::ContentsAsReference(*input->sources.back(), options.check);
  if (!contents) return std::unexpected(std::move(contents.error()));
  input->contents = *std::move(contents);
  return input;
}

Opened OpenShardsAsReference(std::unique_ptr<Input> input, const Options& options) {
  CheckOptions strict = options.check;
  strict.profile = Profile::kStrict;
  checkpoint::Checked checked = checkpoint::CheckPath(input->path, options.check, true);
  if (checked.report.verdict() != Verdict::kAccepted) {
    return std::unexpected(std::move(checked.report));
  }
  for (checkpoint::CheckedShard& shard : checked.shards) {
    auto contents = internal::ContentsAsReference(*shard.source, options.check);
    if (!contents) return std::unexpected(std::move(contents.error()));
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

Opened OpenInput(const std::string& path, const Options& given) {
  Options options = given;
  options.check = CheckNow(given);
  auto input = std::make_unique<Input>();
  input->path = path;
  std::expected<Checkpoint, Report> checkpoint = Checkpoint::OpenPath(path, options.check);
  if (!checkpoint) {
    input->report = std::move(checkpoint.error());
    const bool rejected = input->report.verdict() == Verdict::kRejected;
    const bool shards = input->report.format() == "safetensors-checkpoint";
    if (input->report.format() == "pytorch-checkpoint") {
      return std::unexpected(std::move(input->report));
    }
    if (rejected && options.check.profile == Profile::kReference) {
      return shards ? OpenShardsAsReference(std::move(input), options)
                    : OpenAsReference(std::move(input), options);
    }
    // Another format is named as what it is; one that is accepted is still none to be read here. An
    // index or a folder has been judged as what it is.
    if (rejected && !shards && !internal::IsNamedSafetensors(path)) {
      CheckOptions strict = options.check;
      strict.profile = Profile::kStrict;
      Report other = ScanPath(path, strict);
      if (other.verdict() != Verdict::kAccepted) return std::unexpected(std::move(other));
    }
    return std::unexpected(std::move(input->report));
  }
  input->checkpoint = *std::move(checkpoint);
  input->report = input->checkpoint->report();
  for (const ShardVerdict& shard : input->report.shards()) input->shards.push_back(shard.name);
  Result<internal::Contents> contents = internal::ContentsOf(*input->checkpoint);
  if (!contents) return std::unexpected(ScanFailure(contents.error(), options.check));
  input->contents = *std::move(contents);
  return input;
}

void TellError(const std::string& path, const Status& status) {
  std::fprintf(stderr, "tensorgate: %s: %s: %s\n", EscapeForText(path).c_str(),
               std::string(Info(status.rule).id).c_str(), Message(status).c_str());
}

void WriteError(internal::JsonWriter& json, const std::optional<Status>& error) {
  json.Key("error");
  if (!error) return json.Null();
  json.BeginObject();
  json.Member("rule", Info(error->rule).id);
  json.Member("message", Message(*error));
  json.EndObject();
}

}  // namespace tensorgate::cli
