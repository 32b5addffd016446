// tensorgate sanitize --repair: drops the bytes after the end of the data, and changes nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json_document.h"
#include "cli/output.h"
#include "cli/table.h"
#include "lib/scan/judge.h"
#include "lib/source/new_file.h"
#include "lib/source/store.h"
#include "tensorgate/buffer.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate::cli {
namespace {

class RepairCommand {
 public:
  explicit RepairCommand(const Options& options)
      : options_(options), path_(options.paths.front()), output_(options.output) {
    std::error_code ignored;
    target_ = options.target;
    if (std::filesystem::is_directory(target_, ignored)) {
      target_ += (target_.ends_with('/') ? "" : "/") + internal::FileNameOf(path_);
    }
  }
  int Run();

 private:
  Result<void> Write(Source& source);
  int Finish(const Report& report, ExitCode code, bool written);

  const Options& options_;
  const std::string& path_;
  std::string target_;
  Output output_;
  std::uint64_t kept_ = 0, dropped_ = 0;
  std::optional<Report> still_;  // of the file without these bytes, if that is refused
  std::optional<Status> error_;
};

Result<void> CopyTo(internal::NewFile& file, Source& source, std::uint64_t length) {
  constexpr std::size_t kBlock = 1 << 20;
  std::uint64_t done = 0;
  if (source.descriptor() >= 0) {
    done = TENSORGATE_TRY(file.CopyAt(0, source.descriptor(), 0, length));
  }
  if (done == length) return {};
  Buffer block = TENSORGATE_TRY(Buffer::Allocate(kBlock));
  while (done < length) {
    const auto part = block.bytes().first(
        static_cast<std::size_t>(std::min<std::uint64_t>(length - done, kBlock)));
    TENSORGATE_TRY(ReadFully(source, done, part));
    TENSORGATE_TRY(file.WriteAt(done, part));
    done += part.size();
  }
  return {};
}

// The copy is judged before it appears under its name: what was checked is what is written.
Result<void> RepairCommand::Write(Source& source) {
  const internal::NewFileFolder folder = TENSORGATE_TRY(internal::NewFileFolder::OpenFor(target_));
  internal::NewFile file =
      TENSORGATE_TRY(internal::NewFile::Create(folder, internal::FileNameOf(target_)));
  TENSORGATE_TRY(CopyTo(file, source, kept_));
  TENSORGATE_TRY(source.CheckUnchanged());
  FileSource copy = TENSORGATE_TRY(FileSource::FromDescriptor(file.descriptor()));
  Report report = internal::JudgeToOpen(copy, path_, CheckNow(options_)).report;
  if (report.verdict() != Verdict::kAccepted) {
    still_ = std::move(report);
    return {};
  }
  if (!options_.no_sync) {
    TENSORGATE_TRY(file.Sync());
  }
  TENSORGATE_TRY(file.Commit());
  if (!options_.no_sync) folder.Sync();
  return {};
}

int RepairCommand::Finish(const Report& report, ExitCode code, bool written) {
  if (options_.format == Format::kJson) {
    JsonDocument document(output_);
    internal::JsonWriter& json = document.json();
    json.Key("reports");
    json.BeginArray();
    document.AddReport(path_, report);
    if (still_) document.AddReport(path_, *still_);
    json.EndArray();
    json.PathMembers("output", target_);
    json.Key("written");
    json.Bool(written);
    json.Member("kept_bytes", written ? kept_ : 0);
    json.Member("dropped_bytes", written ? dropped_ : 0);
    document.End(error_);
    return output_.Finish() ? code : kUndecided;
  }
  if (written) {
    const std::string path = EscapeForText(path_);
    output_.Write(dropped_ == 0
                      ? fmt::format("{}: nothing to repair: it is accepted\n", path)
                      : fmt::format("{}: repaired: dropped {} after the end of the data\n", path,
                                    Counted(dropped_, "byte", "bytes")));
    output_.Write(fmt::format(
        "{}: written: {}, unchanged\n", EscapeForText(target_),
        dropped_ == 0 ? "the whole file" : "the first " + Counted(kept_, "byte", "bytes")));
  } else {
    output_.Write(RenderText(path_, report, output_.Text(options_)));
    if (still_) {
      output_.Write("and without the bytes after the end of the data:\n" +
                    RenderText(path_, *still_, output_.Text(options_)));
    }
  }
  output_.Flush();
  if (error_) AddError(report.verdict() == Verdict::kAccepted ? path_ : target_, *error_);
  return output_.Finish() ? code : kUndecided;
}

int RepairCommand::Run() {
  std::error_code ignored;
  if (IsNamedIndex(path_) || std::filesystem::is_directory(path_, ignored)) {
    std::fputs("tensorgate: --repair: IN must be a file; repair each shard by itself\n", stderr);
    return kUsage;
  }
  const Result<std::unique_ptr<Source>> source = internal::OpenPath(path_);
  if (!source) {
    const Report failed = ScanFailure(source.error(), options_.check);
    return Finish(failed, CodeOf(failed), false);
  }
  const internal::Judged judged = internal::JudgeToOpen(**source, path_, options_.check);
  const Report& report = judged.report;
  kept_ = (*source)->size();
  if (report.verdict() == Verdict::kAccepted) {
    if (!judged.file || judged.file->As<safetensors::File>() == nullptr) {
      error_ = Status{.rule = Rule::kUseNotSafetensors};
      return Finish(report, CodeOf(*error_), false);
    }
  } else {
    const auto findings = report.findings();
    const auto trailing = std::ranges::find(findings, Rule::kStDataTrailing, &Finding::rule);
    if (trailing == findings.end()) return Finish(report, CodeOf(report), false);
    kept_ = trailing->offset;
    dropped_ = (*source)->size() - kept_;
  }
  const Result<void> written = Write(**source);
  if (!written) {
    error_ = written.error();
    return Finish(report, kUndecided, false);
  }
  if (still_) return Finish(report, CodeOf(*still_), false);
  return Finish(report, kDone, true);
}

}  // namespace

int RunRepair(const Options& options) { return RepairCommand(options).Run(); }

}  // namespace tensorgate::cli
