#include "cli/input.h"

#include <cstdio>
#include <utility>

#include "lib/scan/detect.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

using Opened = std::expected<std::unique_ptr<Input>, Report>;

Opened OpenAsReference(std::unique_ptr<Input> input, const Options& options) {
  Result<FileSource> source = FileSource::Open(input->path);
  if (!source) return std::unexpected(ScanFailure(source.error(), options.check));
  input->source = *std::move(source);
  auto contents = internal::ContentsAsReference(*input->source, options.check);
  if (!contents) return std::unexpected(std::move(contents.error()));
  input->contents = *std::move(contents);
  return input;
}

}  // namespace

Result<void> Input::Unchanged() {
  return checkpoint ? checkpoint->Unchanged() : source->Unchanged();
}

Opened OpenInput(const std::string& path, const Options& options) {
  auto input = std::make_unique<Input>();
  input->path = path;
  std::expected<Checkpoint, Report> checkpoint = Checkpoint::OpenPath(path, options.check);
  if (!checkpoint) {
    input->report = std::move(checkpoint.error());
    const bool rejected = input->report.verdict() == Verdict::kRejected;
    // An index or a folder has been judged as what it is.
    if (input->report.format() == "safetensors-checkpoint") {
      return std::unexpected(std::move(input->report));
    }
    if (rejected && options.check.profile == Profile::kReference) {
      return OpenAsReference(std::move(input), options);
    }
    // Another format is named as what it is; one that is accepted is still none to be read here.
    if (rejected && !internal::IsNamedSafetensors(path)) {
      CheckOptions strict = options.check;
      strict.profile = Profile::kStrict;
      Report other = ScanPath(path, strict);
      if (other.verdict() != Verdict::kAccepted) return std::unexpected(std::move(other));
    }
    return std::unexpected(std::move(input->report));
  }
  input->checkpoint = *std::move(checkpoint);
  input->report = input->checkpoint->report();
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
