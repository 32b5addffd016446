// tensorgate index: an index over the shards that are in a folder.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json_document.h"
#include "cli/output.h"
#include "cli/table.h"
#include "lib/base/bytes.h"
#include "lib/base/utf8.h"
#include "lib/sharded/check.h"
#include "lib/sharded/kind.h"
#include "lib/source/folder.h"
#include "lib/source/new_file.h"
#include "lib/write/shard_files.h"
#include "lib/write/write.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/save.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr std::string_view kSuffix = ".safetensors";

class IndexCommand {
 public:
  explicit IndexCommand(const Options& options)
      : options_(options), folder_(options.paths.front()), output_(options.output) {
    if (!folder_.ends_with('/')) folder_ += '/';
  }
  int Run();

 private:
  struct Judged {
    std::string path;
    Report report;
  };
  struct Entry {
    std::string tensor, shard;
  };
  Result<void> Open();
  void AddShard(const std::string& name);
  void FindTwice();
  std::string Text() const;
  void JudgeTogether(const std::string& text);
  Result<void> Write(const std::string& text);
  int Finish(ExitCode code, bool written);
  void WriteText(bool written);

  const Options& options_;
  std::string folder_;  // with a slash at its end
  Output output_;
  std::optional<internal::NewFileFolder> into_;
  std::optional<internal::Folder> files_;
  std::vector<std::string> shards_;
  std::vector<Entry> entries_;
  std::uint64_t data_bytes_ = 0;
  std::vector<Judged> refused_;
  std::optional<Report> whole_;  // the report on index and shards together
  bool replaces_ = false;
  std::optional<Status> error_;
  std::string message_;
};

// The same folder for reading and for writing.
Result<void> IndexCommand::Open() {
  into_ = TENSORGATE_TRY(internal::NewFileFolder::OpenFor(folder_ + kIndexName));
  files_ = TENSORGATE_TRY(
      internal::Folder::FromDescriptor(into_->descriptor(), options_.check.follow_links));
  const internal::FolderNames names = TENSORGATE_TRY(files_->List());
  for (const internal::FolderNames::Name& entry : names.list) {
    const std::string_view name = names.At(entry);
    if (name == kIndexName) replaces_ = true;
    if (name.ends_with(kSuffix)) shards_.emplace_back(name);
  }
  return {};
}

void IndexCommand::AddShard(const std::string& name) {
  const CheckOptions check = CheckNow(options_);
  Result<std::unique_ptr<Source>> source = files_->Open(name);
  if (!source) {
    refused_.push_back({folder_ + name, ScanFailure(source.error(), check)});
    return;
  }
  const std::expected<safetensors::File, Report> file = safetensors::File::Open(**source, check);
  if (!file) {
    refused_.push_back({folder_ + name, file.error()});
    return;
  }
  for (const safetensors::Tensor tensor : file->tensors()) {
    entries_.push_back({std::string(tensor.name()), name});
    data_bytes_ += tensor.range().length;
  }
}

void IndexCommand::FindTwice() {
  std::ranges::sort(entries_, [](const Entry& a, const Entry& b) {
    return std::pair(std::string_view(a.tensor), std::string_view(a.shard)) <
           std::pair(std::string_view(b.tensor), std::string_view(b.shard));
  });
  std::size_t twice = 0;
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    const Entry& a = entries_[i - 1];
    const Entry& b = entries_[i];
    if (a.tensor != b.tensor || twice++ != 0) continue;
    message_ = fmt::format("tensor \"{}\" is in {} and in {}", EscapeForText(a.tensor, 200),
                           EscapeForText(a.shard, 200), EscapeForText(b.shard, 200));
  }
  if (twice == 0) return;
  error_ = Status{.rule = Rule::kCpTensorTwice};
  if (twice > 1) message_ += fmt::format(", and {} more are in two files", GroupDigits(twice - 1));
}

std::string IndexCommand::Text() const {
  std::vector<internal::IndexEntry> sorted;
  for (const Entry& entry : entries_) sorted.push_back({entry.tensor, entry.shard});
  return internal::IndexText(data_bytes_, sorted);
}

void IndexCommand::JudgeTogether(const std::string& text) {
  MemorySource index(internal::AsBytes(text));
  whole_ = sharded::CheckIndex(*files_, *sharded::ShardsOf(kIndexName), index, CheckNow(options_))
               .report;
  if (whole_->verdict() != Verdict::kAccepted) {
    refused_.push_back({folder_ + kIndexName, *whole_});
    return;
  }
  // An index over some of the shards would make an incomplete model look complete.
  for (const Finding& finding : whole_->findings()) {
    if (finding.rule != Rule::kCpShardNumbering) continue;
    error_ = Status{.rule = finding.rule};
    message_ = Message(*whole_, finding);
  }
}

Result<void> IndexCommand::Write(const std::string& text) {
  const SaveOptions save{.sync = !options_.no_sync};
  std::vector<internal::NewFile> files;
  internal::NewFile file = TENSORGATE_TRY(internal::WriteIndex(*into_, kIndexName, text, save));
  files.push_back(std::move(file));
  TENSORGATE_TRY(internal::CommitAll(files));
  if (save.sync) into_->Sync();
  return {};
}

void IndexCommand::WriteText(bool written) {
  for (const auto& [path, report] : refused_) {
    output_.Write(RenderText(path, report, output_.Text(options_)));
  }
  if (written) {
    output_.Write(fmt::format(
        "{}: {}: {} in {}, {} of data\n", EscapeForText(folder_ + kIndexName),
        replaces_ ? "replaced" : "written", Counted(entries_.size(), "tensor", "tensors"),
        Counted(shards_.size(), "shard", "shards"), Counted(data_bytes_, "byte", "bytes")));
  }
  output_.Flush();
  if (error_) AddError(folder_, *error_, message_);
}

int IndexCommand::Finish(ExitCode code, bool written) {
  for (const Judged& each : refused_) code = Worse(code, CodeOf(each.report));
  if (options_.format == Format::kJson) {
    JsonDocument document(output_);
    internal::JsonWriter& json = document.json();
    json.Key("reports");
    json.BeginArray();
    for (const auto& [path, report] : refused_) document.AddReport(path, report);
    if (refused_.empty() && whole_) document.AddReport(folder_ + kIndexName, *whole_);
    json.EndArray();
    json.PathMembers("output", folder_ + kIndexName);
    json.Key("written");
    json.Bool(written);
    json.Key("replaced");
    json.Bool(written && replaces_);
    json.Member("shards", std::uint64_t{shards_.size()});
    json.Member("tensors", std::uint64_t{entries_.size()});
    json.Member("data_bytes", data_bytes_);
    document.End(error_, message_);
  } else {
    WriteText(written);
  }
  return output_.Finish() ? code : kUndecided;
}

int IndexCommand::Run() {
  const Result<void> opened = Open();
  if (!opened) {
    error_ = opened.error();
    return Finish(kUndecided, false);
  }
  if (shards_.empty()) {
    error_ = Status{.rule = Rule::kUseNotSafetensors};
    message_ = "the folder contains no file that ends in .safetensors";
    return Finish(kUnsupported, false);
  }
  for (const std::string& name : shards_) {
    if (internal::ValidUtf8Length(name) == name.size()) {
      AddShard(name);
      continue;
    }
    error_ = Status{.rule = Rule::kCpIndexNotUtf8};
    message_ = EscapeForText(name, 200) + ": an index cannot hold a file name that is not UTF-8";
    return Finish(kRejected, false);
  }
  if (!refused_.empty()) return Finish(kDone, false);
  FindTwice();
  if (error_) return Finish(kRejected, false);
  const std::string text = Text();
  JudgeTogether(text);
  if (!refused_.empty() || error_) return Finish(error_ ? kRejected : kDone, false);
  const Result<void> written = Write(text);
  if (!written) error_ = written.error();
  return Finish(written ? kDone : kUndecided, written.has_value());
}

}  // namespace

int RunIndex(const Options& options) { return IndexCommand(options).Run(); }

}  // namespace tensorgate::cli
