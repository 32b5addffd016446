#include "cli/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <utility>

#include "lib/formats/registry.h"
#include "lib/sharded/check.h"
#include "lib/source/store.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate::cli {
namespace {

using Opened = std::expected<std::unique_ptr<Input>, Refusal>;

std::unexpected<Refusal> Refused(Report report, std::optional<Status> error = std::nullopt,
                                 std::string message = {}) {
  return std::unexpected(Refusal{std::move(report), error, std::move(message)});
}

Opened OpenAsReference(std::unique_ptr<Input> input, const internal::Format& format,
                       const Options& options) {
  Result<std::unique_ptr<Source>> source = internal::OpenPath(input->path);
  if (!source) return Refused(ScanFailure(source.error(), options.check));
  input->sources.push_back(*std::move(source));
  auto contents = internal::ToSaveAsReference(format, *input->sources.back(), options.check);
  if (!contents) return Refused(std::move(contents.error()));
  input->contents = *std::move(contents);
  return input;
}

Opened OpenShardsAsReference(std::unique_ptr<Input> input, const internal::Format& format,
                             const Options& options) {
  CheckOptions strict = options.check;
  strict.profile = Profile::kStrict;
  sharded::Checked checked = sharded::CheckPath(input->path, options.check, true);
  if (checked.report.verdict() != Verdict::kAccepted) {
    return Refused(std::move(checked.report));
  }
  for (sharded::CheckedShard& shard : checked.shards) {
    auto contents = internal::ToSaveAsReference(format, *shard.source, options.check);
    if (!contents) return Refused(std::move(contents.error()));
    std::ranges::move(contents->tensors, std::back_inserter(input->contents.tensors));
    std::ranges::move(contents->parts, std::back_inserter(input->contents.parts));
    if (shard.file == nullptr) {
      input->repaired.push_back(
          {checked.folder + shard.name, format.examine(*shard.source, strict, nullptr)});
    }
    input->sources.push_back(std::move(shard.source));
    input->shards.push_back(std::move(shard.name));
  }
  return input;
}

Report ScanStrict(const std::string& path, const Options& options) {
  CheckOptions strict = options.check;
  strict.profile = Profile::kStrict;
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? CheckCheckpoint(path, strict).report
                                                      : ScanPath(path, strict);
}

// An accepted file gets the reason why the command does not apply; a refused one may be read as the reference reads it.
Opened OpenRefused(std::unique_ptr<Input> input, Report report, const Options& options) {
  if (IsOfNoUse(report)) return std::unexpected(WhyOfNoUse(input->path, report, options));
  const internal::Format* shards = internal::FindShards(report.format());
  const internal::Format* format =
      shards != nullptr ? shards : internal::FindFormat(report.format());
  const bool readable = format != nullptr && format->read_as_reference != nullptr;
  if (report.verdict() != Verdict::kRejected || options.check.profile != Profile::kReference ||
      !readable) {
    return Refused(std::move(report));
  }
  input->report = std::move(report);
  return shards != nullptr ? OpenShardsAsReference(std::move(input), *format, options)
                           : OpenAsReference(std::move(input), *format, options);
}

}  // namespace

bool IsOfNoUse(const Report& report) { return Info(report.reason()->rule).id.starts_with("use/"); }

Refusal WhyOfNoUse(const std::string& path, const Report& report, const Options& options) {
  Report judged = ScanStrict(path, options);
  if (judged.verdict() != Verdict::kAccepted) return {std::move(judged)};
  return {std::move(judged), Status{.rule = report.reason()->rule}, Message(report)};
}

Result<void> Input::CheckUnchanged() {
  if (checkpoint) return checkpoint->CheckUnchanged();
  for (const auto& source : sources) {
    TENSORGATE_TRY(source->CheckUnchanged());
  }
  return {};
}

Opened OpenInput(const std::string& path, const Options& given) {
  Options options = given;
  options.check = CheckNow(given);
  auto input = std::make_unique<Input>();
  input->path = path;
  std::expected<Checkpoint, Report> checkpoint = Checkpoint::OpenPath(path, options.check);
  if (!checkpoint) return OpenRefused(std::move(input), std::move(checkpoint.error()), options);
  input->checkpoint = *std::move(checkpoint);
  input->report = input->checkpoint->report();
  for (const ShardVerdict& shard : input->report.shards()) input->shards.push_back(shard.name);
  Result<internal::ToSave> contents = internal::ToSaveOf(*input->checkpoint);
  if (!contents) return std::unexpected(ReadFailed(*input, contents.error(), options));
  input->contents = *std::move(contents);
  return input;
}

bool HasHeaderDigest(const Report& report) {
  const internal::Format* format = internal::FindFormat(report.format());
  return format != nullptr && format->has_header_digest;
}

ExitCode CodeOf(const Refusal& refusal) {
  const ExitCode code = CodeOf(refusal.report);
  return refusal.error ? Worse(code, CodeOf(*refusal.error)) : code;
}

Refusal ReadFailed(const Input& input, const Status& status, const Options& options) {
  // A failure of the system leaves the file undecided.
  if (CodeOf(status) == kUndecided) return {ScanFailure(status, options.check)};
  return {input.report, status};
}

void AddError(const std::string& path, const Status& status, std::string_view message) {
  const RuleInfo& info = Info(status.rule);
  std::string text = fmt::format("tensorgate: {}: {}: {}\n", EscapeForText(path), info.id,
                                 message.empty() ? Message(status) : message);
  if (!info.fix.empty()) text += fmt::format("fix: {}\n", info.fix);
  std::fputs(text.c_str(), stderr);
}

void WriteRefusal(Output& output, const std::string& path, const Refusal& refusal,
                  const Options& options) {
  output.Write(RenderText(path, refusal.report, output.Text(options)));
  if (!refusal.error) return;
  output.Flush();
  AddError(path, *refusal.error, refusal.message);
}

}  // namespace tensorgate::cli
