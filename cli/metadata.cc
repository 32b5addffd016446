// tensorgate metadata: shows a file's metadata, or replaces the header to change them.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
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
#include "cli/metadata_value.h"
#include "cli/output.h"
#include "cli/table.h"
#include "lib/base/utf8.h"
#include "lib/write/replace_metadata.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/shards.h"

namespace tensorgate::cli {
namespace {

struct Change {
  std::string key;
  std::optional<std::string> value;  // not set: delete
};

int Say(const std::string& text) {
  std::fputs(("tensorgate: " + text + "\nTry `tensorgate metadata --help`.\n").c_str(), stderr);
  return kUsage;
}

// Each key once, since the order in which options apply is not for users to guess.
std::optional<int> ReadChanges(const Options& options, std::vector<Change>& changes) {
  for (const std::string& text : options.set_metadata) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos || equals == 0) {
      return Say(
          fmt::format("--set: '{}' is not KEY=VALUE, such as format=pt", EscapeForText(text, 60)));
    }
    changes.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  for (const std::string& key : options.delete_metadata) changes.push_back({key, std::nullopt});
  for (auto change = changes.begin(); change != changes.end(); ++change) {
    const std::string shown = EscapeForText(change->key, 60);
    const auto is_text = [](const std::string& text) {
      return internal::ValidUtf8Length(text) == text.size();
    };
    if (!is_text(change->key) || (change->value && !is_text(*change->value))) {
      return Say(fmt::format("'{}': metadata must be UTF-8", shown));
    }
    if (std::find_if(changes.begin(), change,
                     [&](const Change& earlier) { return earlier.key == change->key; }) != change) {
      return Say(fmt::format("'{}' is set or deleted twice; name each key once", shown));
    }
  }
  return std::nullopt;
}

class MetadataCommand {
 public:
  explicit MetadataCommand(const Options& options)
      : options_(options), path_(options.paths.front()), output_(options.output) {}
  int Run();

 private:
  void Apply(const std::vector<Change>& changes, Metadata& metadata);
  int Write(const Part& part, const safetensors::File& file, const std::vector<Change>& changes);
  void WriteJson(const Report& report, const Metadata& metadata, bool written,
                 const std::optional<Status>& error);

  const Options& options_;
  const std::string& path_;
  Output output_;
  std::size_t set_ = 0, deleted_ = 0;
  std::vector<std::string> absent_;  // keys to delete that are not in the file
};

// A value that is replaced keeps its place.
void MetadataCommand::Apply(const std::vector<Change>& changes, Metadata& metadata) {
  for (const Change& change : changes) {
    const auto found = std::ranges::find(metadata, change.key, &Metadata::value_type::first);
    if (change.value) {
      ++set_;
      if (found == metadata.end()) {
        metadata.emplace_back(change.key, *change.value);
      } else {
        found->second = *change.value;
      }
    } else if (found == metadata.end()) {
      absent_.push_back(change.key);
    } else {
      ++deleted_;
      metadata.erase(found);
    }
  }
}

void MetadataCommand::WriteJson(const Report& report, const Metadata& metadata, bool written,
                                const std::optional<Status>& error) {
  JsonDocument document(output_);
  internal::JsonWriter& json = document.json();
  json.Key("report");
  document.AddReport(path_, report);
  json.Key("contents");
  json.BeginObject();
  json.Key("metadata");
  json.BeginObject();
  for (const auto& [key, value] : metadata) json.Member(key, value);
  json.EndObject();
  json.EndObject();
  json.Key("written");
  json.Bool(written);
  json.Key("absent");
  json.BeginArray();
  for (const std::string& key : absent_) json.String(key);
  json.EndArray();
  document.End(error);
}

int MetadataCommand::Write(const Part& part, const safetensors::File& file,
                           const std::vector<Change>& changes) {
  Metadata metadata;
  for (std::size_t i = 0; i < file.metadata_count(); ++i) {
    metadata.emplace_back(file.metadata(i).key, file.metadata(i).value);
  }
  const Metadata before = metadata;
  Apply(changes, metadata);
  const bool changed = metadata != before;
  SaveOptions save;
  save.sync = !options_.no_sync;
  // A file that holds what was asked for stays as it is.
  const Result<void> written =
      changed ? internal::ReplaceMetadata(
                    path_, file, *part.source,
                    metadata.empty() ? std::nullopt : std::optional<Metadata>(metadata), save)
              : Result<void>();
  std::optional<Status> error;
  if (!written) error = written.error();
  if (error) AddError(path_, *error);
  if (options_.format == Format::kJson) {
    WriteJson(*part.report, error ? before : metadata, changed && !error, error);
  } else if (!error) {
    for (const std::string& key : absent_) {
      output_.Write(fmt::format("{}: not in the metadata\n", EscapeForText(key, 200)));
    }
    output_.Write(
        changed
            ? fmt::format("{}: written: {} set, {} deleted, {}\n", EscapeForText(path_), set_,
                          deleted_, Counted(metadata.size(), "entry", "entries"))
            : fmt::format("{}: unchanged: it has these metadata already\n", EscapeForText(path_)));
  }
  return output_.Finish() && !error ? kDone : kUndecided;
}

int MetadataCommand::Run() {
  std::vector<Change> changes;
  if (const std::optional<int> wrong = ReadChanges(options_, changes)) return *wrong;
  std::error_code ignored;
  if (IsNamedIndex(path_) || std::filesystem::is_directory(path_, ignored)) {
    return Say("FILE must be one file; each shard has metadata of its own");
  }
  const std::expected<Checkpoint, Report> checkpoint = Checkpoint::OpenPath(path_, options_.check);
  if (!checkpoint) {
    const Report& report = checkpoint.error();
    const Refusal refusal =
        IsOfNoUse(report) ? WhyOfNoUse(path_, report, options_) : Refusal{report};
    return Refuse(output_, path_, refusal, {}, options_);
  }
  const Part part = checkpoint->part(0);
  if (!changes.empty()) {
    const auto* file = part.file->As<safetensors::File>();
    if (file != nullptr) return Write(part, *file, changes);
    const Refusal refusal{*part.report, Status{.rule = Rule::kUseNotSafetensors}};
    return Refuse(output_, path_, refusal, {}, options_);
  }
  if (options_.format == Format::kJson) {
    JsonDocument document(output_);
    document.json().Key("report");
    document.AddReport(path_, *part.report);
    document.json().Key("contents");
    document.json().BeginObject();
    WriteMetadata(document, *part.file);
    document.json().EndObject();
    document.json().Key("written");
    document.json().Bool(false);
    document.json().Key("absent");
    document.json().BeginArray();
    document.json().EndArray();
    document.End();
  } else {
    WriteMetadata(output_, *part.file, "", SIZE_MAX);
  }
  return output_.Finish() ? kDone : kUndecided;
}

}  // namespace

int RunMetadata(const Options& options) { return MetadataCommand(options).Run(); }

}  // namespace tensorgate::cli
