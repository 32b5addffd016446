// tensorgate sanitize, split and merge: rewrite verified contents.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json_document.h"
#include "cli/output.h"
#include "cli/overwrite.h"
#include "cli/table.h"
#include "lib/formats/registry.h"
#include "lib/sharded/check.h"
#include "lib/source/new_file.h"
#include "tensorgate/digest.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/save.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate::cli {
namespace {

class RewriteCommand {
 public:
  explicit RewriteCommand(const Options& options) : options_(options), output_(options.output) {}
  int Run();

 private:
  std::string Target() const;
  bool MakesFolder() const;
  bool TargetFits() const;
  bool Open();
  using Entries = std::set<std::pair<std::string_view, std::string_view>>;
  void TakeMetadata(const Metadata& given, Metadata& kept, Entries& seen);
  void TakeShards();
  Result<void> Save();
  void FindConflict();
  Result<void> Verify();
  std::vector<std::string> Files() const;
  bool MergesOverFile() const;
  std::string Written() const;
  void FindEarlier();
  bool OverwritesInputs() const;
  int Refuse();
  void AddRepaired(const std::string& path, const Report& report);
  void WriteText();
  using Reported = std::pair<const std::string*, const Report*>;
  void WriteJson(const std::vector<Reported>& reports, bool written);

  const Options& options_;
  Output output_;
  std::vector<std::unique_ptr<Input>> inputs_;
  std::vector<TensorData> tensors_;
  Metadata metadata_;
  Entries seen_;  // of all inputs, which hold their texts
  // Of sanitize, if the input is an index or its folder: what is written is one, too.
  std::vector<ShardData> shards_;
  std::size_t metadata_entries_ = 0;
  std::set<std::string> earlier_;  // names of files of an earlier set of shards
  std::size_t not_copied_ = 0;     // files and folders beside the shards
  std::size_t left_out_ = 0;       // metadata entries
  std::string target_;
  std::uint64_t data_bytes_ = 0;
  struct Refused {
    std::string path;
    Refusal why;
  };
  std::vector<Refused> refused_;
  std::optional<Status> error_;
  std::string message_;  // of that; "": what its rule says
  std::string content_;  // SHA-256, if it was asked for
};

bool Holds(const std::vector<std::string>& keys, const std::string& key) {
  return std::ranges::find(keys, key) != keys.end();
}

// False if an input is refused; the contents of the others are kept.
bool RewriteCommand::Open() {
  const bool sanitize = options_.command == Options::Command::kSanitize;
  for (const std::string& path : options_.paths) {
    auto input = OpenInput(sanitize ? sharded::IndexOf(path) : path, options_);
    if (!input) {
      refused_.push_back({path, std::move(input.error())});
      continue;
    }
    const std::optional<Checkpoint>& checkpoint = (*input)->checkpoint;
    if (checkpoint && checkpoint->part(0).file->As<safetensors::File>() == nullptr) {
      refused_.push_back({path, {(*input)->report, Status{.rule = Rule::kUseNotSafetensors}}});
      continue;
    }
    inputs_.push_back(*std::move(input));
    if (sanitize && !inputs_[0]->shards.empty()) {
      TakeShards();
    } else {
      std::ranges::copy(inputs_.back()->contents.tensors, std::back_inserter(tensors_));
      TakeMetadata(inputs_.back()->contents.metadata(), metadata_, seen_);
    }
  }
  return refused_.empty();
}

// Equal entries of several inputs are kept once. The writer refuses those that differ.
void RewriteCommand::TakeMetadata(const Metadata& given, Metadata& kept, Entries& seen) {
  for (const auto& entry : given) {
    const bool wanted = !options_.drop_metadata && (options_.keep_metadata.empty() ||
                                                    Holds(options_.keep_metadata, entry.first));
    if (!wanted) {
      ++left_out_;
    } else if (seen.emplace(entry.first, entry.second).second) {
      kept.push_back(entry);
      ++metadata_entries_;
    }
  }
}

// Each with its own metadata.
void RewriteCommand::TakeShards() {
  const Input& input = *inputs_[0];
  const std::string folder = input.path.substr(0, input.path.rfind('/') + 1);
  std::set<std::string> ours = {internal::FileNameOf(input.path)};
  tensors_ = input.contents.tensors;
  auto tensor = tensors_.begin();
  for (std::size_t i = 0; i < input.shards.size(); ++i) {
    ShardData& shard = shards_.emplace_back();
    shard.name = input.shards[i];
    ours.insert(shard.name.substr(0, shard.name.find('/')));
    const internal::ToSave::Part& part = input.contents.parts[i];
    Metadata kept;
    Entries seen;
    TakeMetadata(part.metadata, kept, seen);
    if (!kept.empty()) shard.metadata = std::move(kept);
    const auto end = tensor + static_cast<std::ptrdiff_t>(part.tensors);
    shard.tensors.assign(tensor, end);
    tensor = end;
  }
  const std::filesystem::path from = folder.empty() ? "." : folder;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(from, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!ours.contains(entry->path().filename())) ++not_copied_;
  }
}

// A folder stands for the index in it.
std::string RewriteCommand::Target() const {
  std::string target = options_.target;
  std::error_code ignored;
  if (!shards_.empty()) {
    return target + (target.ends_with('/') ? "" : "/") + internal::FileNameOf(inputs_[0]->path);
  }
  if (!std::filesystem::is_directory(target, ignored) && !MakesFolder()) return target;
  target += target.ends_with('/') ? "" : "/";
  // A single file is not named after an index or a folder.
  const bool file = internal::IsNamedSafetensors(options_.paths.front());
  return target + (options_.max_shard_bytes != 0 || !file
                       ? "model.safetensors"
                       : internal::FileNameOf(options_.paths.front()));
}

// Splitting creates a folder that does not exist, unless its name is that of a file. Its own parent
// must exist.
bool RewriteCommand::MakesFolder() const {
  std::error_code ignored;
  const std::string& target = options_.target;
  return options_.command == Options::Command::kSplit && !internal::IsNamedAsModel(target) &&
         !IsNamedIndex(target) && !target.empty() && !std::filesystem::exists(target, ignored);
}

bool RewriteCommand::TargetFits() const {
  std::error_code ignored;
  const std::string& target = options_.target;
  if (!shards_.empty()) {
    const auto status = std::filesystem::status(target, ignored);
    const bool file = std::filesystem::exists(status) && !std::filesystem::is_directory(status);
    if (!file && !internal::IsNamedSafetensors(target) && !IsNamedIndex(target)) return true;
    std::fputs("tensorgate: OUT must be a folder, as IN is one of shards (merge: one file)\n",
               stderr);
    return false;
  }
  if (options_.max_shard_bytes == 0 || ShardNames::Fits(target_)) return true;
  std::fputs("tensorgate: OUT must be a folder, or end in .safetensors\n", stderr);
  return false;
}

Result<void> RewriteCommand::Save() {
  SaveOptions save;
  if (!metadata_.empty()) save.metadata = metadata_;
  save.alignment = options_.alignment;
  save.max_shard_bytes = options_.max_shard_bytes;
  save.sync = !options_.no_sync;
  if (!shards_.empty()) {
    return SaveShards(options_.target, internal::FileNameOf(target_), shards_, save);
  }
  if (!MakesFolder()) return tensorgate::Save(target_, tensors_, save);
  std::error_code error;
  std::filesystem::create_directory(options_.target, error);
  if (error) {
    return std::unexpected(Status{.rule = Rule::kSaveCreateFailed,
                                  .system_error = error.value(),
                                  .found = static_cast<std::uint64_t>(error.value())});
  }
  const Result<void> saved = tensorgate::Save(target_, tensors_, save);
  if (!saved) std::filesystem::remove(options_.target, error);  // only if it is empty
  return saved;
}

// What several inputs hold: a tensor of one name, or a metadata key with different values.
void RewriteCommand::FindConflict() {
  std::map<std::string_view, const Input*> tensors;
  std::map<std::string_view, std::pair<std::string_view, const Input*>> entries;
  for (const auto& input : inputs_) {
    const auto both = [&](const Input& other) {
      return fmt::format("is in {} and in {}", EscapeForText(other.path, 300),
                         EscapeForText(input->path, 300));
    };
    for (const TensorData& tensor : input->contents.tensors) {
      const auto [first, is_new] = tensors.emplace(tensor.name, input.get());
      if (is_new) continue;
      error_ = Status{.rule = Rule::kSaveNameDuplicate};
      message_ =
          fmt::format("tensor \"{}\" {}", EscapeForText(tensor.name, 200), both(*first->second));
      return;
    }
    for (const auto& [key, value] : input->contents.metadata()) {
      const auto [first, is_new] =
          entries.emplace(key, std::pair(std::string_view(value), input.get()));
      const bool kept =
          std::ranges::find(metadata_, key, &Metadata::value_type::first) != metadata_.end();
      if (is_new || first->second.first == value || !kept) continue;
      error_ = Status{.rule = Rule::kSaveMetadataDuplicate};
      message_ = fmt::format(
          "metadata key \"{}\" {} with different values; --drop-metadata or --keep-metadata can "
          "leave it out",
          EscapeForText(key, 200), both(*first->second.second));
    }
  }
}

// The files that hold the tensors now.
std::vector<std::string> RewriteCommand::Files() const {
  if (options_.max_shard_bytes == 0) return {target_};
  std::vector<std::uint64_t> bytes;
  for (const TensorData& tensor : tensors_) {
    bytes.push_back(DataBytes(tensor).value_or(0));
  }
  const std::size_t count = SplitIntoShards(bytes, options_.max_shard_bytes).size();
  if (count == 1) return {target_};
  const std::string folder = target_.substr(0, target_.rfind('/') + 1);
  const ShardNames names(internal::FileNameOf(target_));
  std::vector<std::string> files;
  for (std::size_t i = 0; i < count; ++i) files.push_back(folder + names.Shard(i, count));
  return files;
}

// If OUT is forgotten, the last input is taken for it.
bool RewriteCommand::MergesOverFile() const {
  std::error_code ignored;
  if (options_.command != Options::Command::kMerge ||
      !std::filesystem::is_regular_file(target_, ignored)) {
    return false;
  }
  std::fputs(fmt::format("tensorgate: OUT: {} exists, and merge does not replace a file\n",
                         EscapeForText(target_))
                 .c_str(),
             stderr);
  return true;
}

// The file that a loader opens: the index, if there are shards.
std::string RewriteCommand::Written() const {
  if (Files().size() < 2) return target_;
  return target_.substr(0, target_.rfind('/') + 1) +
         ShardNames(internal::FileNameOf(target_)).Index();
}

// Files of an earlier set of this name, which saving shards removes or replaces.
void RewriteCommand::FindEarlier() {
  if (options_.max_shard_bytes == 0 || !ShardNames::Fits(target_)) return;
  const std::string folder = target_.substr(0, target_.rfind('/') + 1);
  const std::string single(internal::FileNameOf(target_));
  const ShardNames names(single);
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder.empty() ? "." : folder, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name == single || name == names.Index() || names.IsShard(name)) earlier_.insert(name);
  }
}

bool RewriteCommand::OverwritesInputs() const {
  std::vector<std::string> read;
  for (const auto& input : inputs_) {
    read.push_back(sharded::IndexOf(input->path));
    const std::string folder = read.back().substr(0, read.back().rfind('/') + 1);
    for (const std::string& shard : input->shards) read.push_back(folder + shard);
  }
  std::vector<std::string> written = Files();
  for (const ShardData& shard : shards_) {
    written.push_back(options_.target + "/" + shard.name);
  }
  return Overwrites(read, written) || (options_.max_shard_bytes != 0 && Removes(read, target_));
}

Result<void> RewriteCommand::Verify() {
  const ContentHash before = TENSORGATE_TRY(HashContent(tensors_));
  std::vector<std::unique_ptr<Input>> written;
  std::vector<TensorData> tensors;
  Options strict = options_;
  strict.check.profile = Profile::kStrict;
  for (const std::string& file : Files()) {
    auto input = OpenInput(file, strict);
    if (!input) {
      return std::unexpected(Status{.rule = input.error().report.reason()->rule});
    }
    std::ranges::move((*input)->contents.tensors, std::back_inserter(tensors));
    written.push_back(*std::move(input));
  }
  const ContentHash after = TENSORGATE_TRY(HashContent(tensors));
  // Another process wrote to one of them, or the disk does not keep what it is given.
  if (before.content.empty() || before.content != after.content) {
    return std::unexpected(Status{.rule = Rule::kIoChanged});
  }
  content_ = after.content;
  return {};
}

void RewriteCommand::WriteJson(const std::vector<Reported>& reports, bool written) {
  JsonDocument document(output_);
  internal::JsonWriter& json = document.json();
  json.Key("reports");
  json.BeginArray();
  for (const auto& [path, report] : reports) document.AddReport(*path, *report);
  json.EndArray();
  json.PathMembers("output", Written());
  json.Key("written");
  json.Bool(written);
  json.Member("tensors", std::uint64_t{tensors_.size()});
  json.Member("data_bytes", data_bytes_);
  json.Member("metadata_entries", std::uint64_t{metadata_entries_});
  json.Member("metadata_left_out", std::uint64_t{left_out_});
  json.MemberOrNull("content_sha256", content_);
  json.Member("not_copied", std::uint64_t{not_copied_});
  json.Key("replaced");
  json.BeginArray();
  for (const std::string& name : earlier_) {
    if (written) json.String(name);
  }
  json.EndArray();
  document.End(error_, message_);
}

int RewriteCommand::Refuse() {
  ExitCode code = kDone;
  std::vector<Reported> reports;
  for (const auto& [path, why] : refused_) {
    code = Worse(code, CodeOf(why));
    reports.emplace_back(&path, &why.report);
    if (why.error) error_ = why.error, message_ = why.message;
    if (options_.format != Format::kJson) WriteRefusal(output_, path, why, options_);
  }
  if (options_.format == Format::kJson) WriteJson(reports, false);
  return output_.Finish() ? code : kUndecided;
}

void RewriteCommand::AddRepaired(const std::string& path, const Report& report) {
  for (const Finding& finding : report.findings()) {
    if (finding.severity != Severity::kError) continue;
    output_.Write(fmt::format("{}: repaired: {}: {}\n", EscapeForText(path), Info(finding.rule).id,
                              Message(report, finding)));
  }
}

void RewriteCommand::WriteText() {
  for (const auto& input : inputs_) {
    if (input->shards.empty()) AddRepaired(input->path, input->report);
    for (const Input::Repaired& shard : input->repaired) AddRepaired(shard.path, shard.report);
  }
  output_.Write(fmt::format(
      "{}: written: {}, {} of data, {}{}\n", EscapeForText(Written()),
      Counted(tensors_.size(), "tensor", "tensors"), Counted(data_bytes_, "byte", "bytes"),
      Counted(metadata_entries_, "metadata entry", "metadata entries"),
      left_out_ == 0 ? std::string() : fmt::format(" ({} left out)", GroupDigits(left_out_))));
  if (!earlier_.empty()) {
    output_.Write(fmt::format("replaced: {} of an earlier set, such as {}\n",
                              Counted(earlier_.size(), "file", "files"),
                              EscapeForText(*earlier_.begin(), 200)));
  }
  if (not_copied_ != 0) {
    output_.Write(fmt::format("not copied: {}\n", Counted(not_copied_, "other file or folder",
                                                          "other files and folders")));
  }
  if (!content_.empty()) output_.Write("verified: SHA-256 " + content_ + "\n");
}

int RewriteCommand::Run() {
  target_ = Target();
  if (!TargetFits()) return kUsage;
  if (!Open()) return Refuse();
  if (!shards_.empty()) {
    target_ = Target();
    if (!TargetFits()) return kUsage;
  }
  if (OverwritesInputs() || MergesOverFile()) return kUsage;
  for (const TensorData& tensor : tensors_) {
    data_bytes_ += DataBytes(tensor).value_or(0);
  }
  FindEarlier();
  if (options_.command == Options::Command::kMerge) FindConflict();
  bool is_saved = false;
  if (!error_) {
    const Result<void> saved = Save();
    is_saved = saved.has_value();
    if (!saved) error_ = saved.error();
  }
  if (is_saved && options_.verify) {
    const Result<void> verified = Verify();
    if (!verified) error_ = verified.error();
  }
  if (error_) AddError(target_, *error_, message_);
  if (options_.format == Format::kJson) {
    std::vector<Reported> reports;
    for (const auto& input : inputs_) {
      reports.emplace_back(&input->path, &input->report);
      for (const auto& [path, report] : input->repaired) reports.emplace_back(&path, &report);
    }
    WriteJson(reports, is_saved);
  } else if (!error_) {
    WriteText();
  }
  return output_.Finish() && !error_ ? kDone : kUndecided;
}

}  // namespace

int RunWrite(const Options& options) {
  if (options.repair) return RunRepair(options);
  return RewriteCommand(options).Run();
}

}  // namespace tensorgate::cli
