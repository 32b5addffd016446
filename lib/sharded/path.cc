// Opens an index or its folder by a path.
#include <new>
#include <utility>

#include "lib/formats/layouts.h"
#include "lib/rules/report_builder.h"
#include "lib/sharded/check.h"
#include "lib/source/folder.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate::sharded {
namespace {

using internal::Format;

Report Failed(const Status& status, const Format& shards, const CheckOptions& options,
              const Detail& detail = {}) {
  ReportBuilder builder(options, shards.shards->format);
  if (Info(status.rule).effect == Effect::kUndecided) {
    builder.Add(status);
  } else {
    builder.Add(status.rule, 0, detail);
  }
  return builder.Finish();
}

std::string WithSlash(const std::string& folder) {
  return folder.ends_with('/') ? folder : folder + '/';
}

Checked CheckFolder(const internal::Store& folder, const std::string& path,
                    const CheckOptions& options, bool keep, const Format* only, bool extract) {
  const Format* shards = only != nullptr ? only : &internal::SafetensorsFormat();
  const auto fail = [&](const Status& status, const Detail& detail = {}) {
    return Checked{Failed(status, *shards, options, detail), {}, {}};
  };
  const Result<internal::FolderNames> names = folder.List();
  if (!names) return fail(names.error());
  Chosen chosen = ChooseIndex(*names, *shards);
  for (const Format& format : internal::Formats()) {
    if (chosen.candidates != 0 || only != nullptr) break;
    if (format.shards == nullptr) continue;
    Chosen other = ChooseIndex(*names, format);
    if (other.candidates == 0) continue;
    shards = &format;
    chosen = std::move(other);
  }
  if (chosen.candidates == 0) {
    for (const internal::FolderNames::Name& entry : names->list) {
      const std::string_view name = names->At(entry), words = internal::FolderLayout(name);
      if (words.empty()) continue;
      return fail({.rule = Rule::kCpOtherLayout}, {.subject = name, .found_text = words});
    }
  }
  if (chosen.candidates != 1) {
    const Rule rule = chosen.candidates == 0 ? Rule::kCpIndexMissing : Rule::kCpIndexAmbiguous;
    return fail({.rule = rule}, {.found = chosen.candidates, .subject = chosen.name});
  }
  const Result<std::unique_ptr<Source>> index = folder.Open(chosen.name);
  if (!index) return fail(index.error());
  Checked checked = CheckIndex(folder, *shards, **index, options, keep, extract);
  checked.folder = WithSlash(path);
  return checked;
}

Checked CheckNamed(const std::string& path, const CheckOptions& options, bool keep,
                   const Format* only, bool extract) {
  const Format* named = ShardsOf(path);
  const Format& shards = named != nullptr ? *named : internal::SafetensorsFormat();
  const Result<std::unique_ptr<Source>> index = internal::OpenPath(path);
  if (!index) {
    if (index.error().rule == Rule::kIoNotRegular) {
      const Result<internal::Folder> folder = internal::Folder::At(path, options.follow_links);
      if (folder) return CheckFolder(*folder, path, options, keep, only, extract);
    }
    return {Failed(index.error(), shards, options), {}, {}};
  }
  const Result<internal::Folder> folder = internal::Folder::Holding(path, options.follow_links);
  if (!folder) return {Failed(folder.error(), shards, options), {}, {}};
  Checked checked = CheckIndex(*folder, shards, **index, options, keep, extract);
  checked.folder = path.substr(0, path.size() - internal::LastPart(path).size());
  return checked;
}

}  // namespace

Checked CheckPath(const std::string& path, const CheckOptions& options, bool keep,
                  const Format* only, bool extract) {
  try {
    return CheckNamed(path, options, keep, only, extract);
  } catch (const std::bad_alloc&) {
    return {
        ReportBuilder::OutOfMemory(options, internal::SafetensorsFormat().shards->format), {}, {}};
  }
}

std::string IndexOf(const std::string& path) {
  const Result<internal::Folder> folder = internal::Folder::At(path);
  if (!folder) return path;
  const Result<internal::FolderNames> names = folder->List();
  if (!names) return path;
  const Chosen chosen = ChooseIndex(*names, internal::SafetensorsFormat());
  return chosen.candidates == 1 ? WithSlash(path) + chosen.name : path;
}

}  // namespace tensorgate::sharded

namespace tensorgate {

namespace {

CheckpointCheck ToCheck(sharded::Checked checked, const CheckOptions& options) {
  try {
    CheckpointCheck result{std::move(checked.report), {}};
    result.shards.reserve(checked.shards.size());
    for (sharded::CheckedShard& shard : checked.shards) {
      result.shards.push_back({std::move(shard.name), std::move(shard.report)});
    }
    return result;
  } catch (const std::bad_alloc&) {
    return {ReportBuilder::OutOfMemory(options, internal::SafetensorsFormat().shards->format), {}};
  }
}

}  // namespace

CheckpointCheck CheckCheckpoint(const std::string& path, const CheckOptions& options) {
  return ToCheck(sharded::CheckPath(path, options), options);
}

CheckpointCheck CheckIndex(Source& index, const std::string& path, int folder,
                           const CheckOptions& options) {
  const internal::Format* named = sharded::ShardsOf(path);
  const internal::Format& shards = named != nullptr ? *named : internal::SafetensorsFormat();
  const Result<internal::Folder> holding =
      folder < 0 ? internal::Folder::Holding(path, options.follow_links)
                 : internal::Folder::FromDescriptor(folder, options.follow_links);
  if (!holding) return {ScanFailure(holding.error(), options), {}};
  return ToCheck(sharded::CheckIndex(*holding, shards, index, options), options);
}

}  // namespace tensorgate
