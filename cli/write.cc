// tensorgate sanitize, split and merge: what was proven, written anew.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/output.h"
#include "lib/ops/shards.h"
#include "lib/report/content_hash.h"
#include "lib/safetensors/layout.h"
#include "lib/scan/detect.h"
#include "lib/source/new_file.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

class Rewriting {
 public:
  explicit Rewriting(const Options& options) : options_(options), output_(options.output) {}
  int Run();

 private:
  std::string Target() const;
  std::optional<Report> Open();
  void TakeMetadata(const Input& input);
  Result<void> Save();
  Result<void> Verify();
  std::vector<std::string> Files() const;
  int Refuse(const std::string& path, const Report& report);
  void WriteText();
  std::string Json(std::string_view reports, bool written) const;

  const Options& options_;
  Output output_;
  std::vector<std::unique_ptr<Input>> inputs_;
  std::vector<TensorData> tensors_;
  Metadata metadata_;
  std::size_t left_out_ = 0;  // metadata entries
  std::string target_;
  std::uint64_t data_bytes_ = 0;
  std::optional<Status> error_;
  std::string content_;  // SHA-256, if it was asked for
};

bool Holds(const std::vector<std::string>& keys, const std::string& key) {
  return std::ranges::find(keys, key) != keys.end();
}

// The report on the first input that is refused, if any; what the others hold is taken over.
std::optional<Report> Rewriting::Open() {
  for (const std::string& path : options_.paths) {
    auto input = OpenInput(path, options_);
    if (!input) return std::move(input.error());
    std::ranges::move((*input)->contents.tensors, std::back_inserter(tensors_));
    TakeMetadata(**input);
    inputs_.push_back(*std::move(input));
  }
  return std::nullopt;
}

// What several inputs say alike stands once. What they say differently is refused by the writer.
void Rewriting::TakeMetadata(const Input& input) {
  for (const auto& entry : input.contents.metadata) {
    if (std::ranges::find(metadata_, entry) != metadata_.end()) continue;
    const bool kept = !options_.drop_metadata && (options_.keep_metadata.empty() ||
                                                  Holds(options_.keep_metadata, entry.first));
    if (kept) {
      metadata_.push_back(entry);
    } else {
      ++left_out_;
    }
  }
}

// A folder stands for a file in it.
std::string Rewriting::Target() const {
  std::string target = options_.target;
  std::error_code ignored;
  if (!std::filesystem::is_directory(target, ignored)) return target;
  target += target.ends_with('/') ? "" : "/";
  // An index or a folder gives its name to no single file.
  const bool file = internal::IsNamedSafetensors(options_.paths.front());
  return target + (options_.max_shard_bytes != 0 || !file
                       ? "model.safetensors"
                       : internal::FileNameOf(options_.paths.front()));
}

Result<void> Rewriting::Save() {
  SaveOptions save;
  if (!metadata_.empty()) save.metadata = metadata_;
  save.alignment = options_.alignment;
  save.max_shard_bytes = options_.max_shard_bytes;
  save.sync = !options_.no_sync;
  return tensorgate::Save(target_, tensors_, save);
}

// Where the tensors stand now.
std::vector<std::string> Rewriting::Files() const {
  if (options_.max_shard_bytes == 0) return {target_};
  std::vector<std::uint64_t> bytes;
  for (const TensorData& tensor : tensors_) {
    bytes.push_back(safetensors::internal::TensorBytes(tensor.dtype, tensor.shape).value_or(0));
  }
  const std::size_t count = internal::SplitIntoShards(bytes, options_.max_shard_bytes).size();
  if (count == 1) return {target_};
  const std::string folder = target_.substr(0, target_.rfind('/') + 1);
  const internal::ShardNames names(internal::FileNameOf(target_));
  std::vector<std::string> files;
  for (std::size_t i = 0; i < count; ++i) files.push_back(folder + names.Shard(i, count));
  return files;
}

Result<void> Rewriting::Verify() {
  const Result<ContentHash> before = HashContent(tensors_);
  if (!before) return std::unexpected(before.error());
  std::vector<std::unique_ptr<Input>> written;
  std::vector<TensorData> tensors;
  Options strict = options_;
  strict.check.profile = Profile::kStrict;
  for (const std::string& file : Files()) {
    auto input = OpenInput(file, strict);
    if (!input) {
      return std::unexpected(Status{.rule = input.error().findings()[0].rule});
    }
    std::ranges::move((*input)->contents.tensors, std::back_inserter(tensors));
    written.push_back(*std::move(input));
  }
  const Result<ContentHash> after = HashContent(tensors);
  if (!after) return std::unexpected(after.error());
  // Another process wrote to one of them, or the disk does not keep what it is given.
  if (before->content.empty() || before->content != after->content) {
    return std::unexpected(Status{.rule = Rule::kIoChanged});
  }
  content_ = after->content;
  return {};
}

std::string Rewriting::Json(std::string_view reports, bool written) const {
  std::string text = "{\"reports\":[";
  text.append(reports) += "],";
  std::string rest;
  internal::JsonWriter json(rest);
  json.BeginObject();
  json.PathMembers("output", target_);
  json.Key("written");
  json.Bool(written);
  WriteError(json, error_);
  json.Member("tensors", std::uint64_t{tensors_.size()});
  json.Member("data_bytes", data_bytes_);
  json.Member("metadata_entries", std::uint64_t{metadata_.size()});
  json.Member("metadata_left_out", std::uint64_t{left_out_});
  json.MemberOrNull("content_sha256", content_);
  json.EndObject();
  return text + rest.substr(1) + "\n";
}

int Rewriting::Refuse(const std::string& path, const Report& report) {
  if (options_.format == Format::kJson) {
    output_.Write(Json(RenderJson(path, report), false));
  } else {
    output_.Write(RenderText(path, report));
  }
  return output_.Finish() ? CodeOf(report) : kSomeUndecided;
}

void Rewriting::WriteText() {
  for (const auto& input : inputs_) {
    if (input->report.verdict() == Verdict::kAccepted) continue;
    for (const Finding& finding : input->report.findings()) {
      if (finding.severity != Severity::kError) continue;
      output_.Write(fmt::format("{}: repaired: {}: {}\n", EscapeForText(input->path),
                                Info(finding.rule).id, Message(input->report, finding)));
    }
  }
  output_.Write(fmt::format(
      "{}: written: {} tensors, {} bytes of data, {} metadata entries{}\n", EscapeForText(target_),
      GroupDigits(tensors_.size()), GroupDigits(data_bytes_), GroupDigits(metadata_.size()),
      left_out_ == 0 ? std::string() : fmt::format(" ({} left out)", GroupDigits(left_out_))));
  if (!content_.empty()) output_.Write("verified: SHA-256 " + content_ + "\n");
}

int Rewriting::Run() {
  target_ = Target();
  if (options_.max_shard_bytes != 0 && !internal::ShardNames::Fits(target_)) {
    std::fputs("tensorgate: OUT must be a folder, or end in .safetensors\n", stderr);
    return kUsage;
  }
  if (const std::optional<Report> refused = Open()) {
    return Refuse(options_.paths[inputs_.size()], *refused);
  }
  for (const TensorData& tensor : tensors_) {
    data_bytes_ += safetensors::internal::TensorBytes(tensor.dtype, tensor.shape).value_or(0);
  }
  const Result<void> saved = Save();
  if (!saved) error_ = saved.error();
  if (saved && options_.verify) {
    const Result<void> verified = Verify();
    if (!verified) error_ = verified.error();
  }
  if (error_) TellError(target_, *error_);
  if (options_.format == Format::kJson) {
    std::string reports;
    for (const auto& input : inputs_) {
      reports += (reports.empty() ? "" : ",") + RenderJson(input->path, input->report);
    }
    output_.Write(Json(reports, saved.has_value()));
  } else if (!error_) {
    WriteText();
  }
  return output_.Finish() && !error_ ? kAllAccepted : kSomeUndecided;
}

}  // namespace

int RunWrite(const Options& options) { return Rewriting(options).Run(); }

}  // namespace tensorgate::cli
