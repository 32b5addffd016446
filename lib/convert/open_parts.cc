#include "lib/convert/open_parts.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/rules/report_builder.h"
#include "lib/scan/judge.h"
#include "lib/sharded/check.h"
#include "lib/source/folder.h"
#include "tensorgate/shards.h"

namespace tensorgate::internal {
namespace {

constexpr std::string_view kSingle = "pytorch_model.bin";

using Done = std::expected<void, ConvertError>;

std::unexpected<ConvertError> Error(const Status& status) {
  return std::unexpected(ConvertError{.status = status});
}

std::unexpected<ConvertError> Error(Report report) {
  return std::unexpected(ConvertError{.report = std::move(report)});
}

class Opener {
 public:
  Opener(const CheckOptions& options, bool extract) : options_(options), extract_(extract) {}

  std::expected<OpenedParts, ConvertError> Run(const std::string& from) {
    TENSORGATE_TRY(Open(from));
    return std::move(result_);
  }

 private:
  Done Open(const std::string& from) {
    if (IsNamedIndex(from)) return OpenShards(from);
    Result<std::unique_ptr<Source>> source = OpenPath(from);
    if (source || source.error().rule != Rule::kIoNotRegular) {
      return OpenFile(from, from, std::move(source));
    }
    const Result<Folder> folder = Folder::At(from, options_.follow_links);
    if (!folder) return Error(source.error());
    result_.from_folder = true;
    const Result<FolderNames> names = folder->List();
    if (!names) return Error(names.error());
    const Format& ours = TorchFormat();
    if (sharded::ChooseIndex(*names, ours).candidates != 0) return OpenShards(from, &ours);
    source = folder->Open(std::string(kSingle));
    if (source || source.error().system_error != ENOENT) {
      const std::string slash = from.ends_with('/') ? "" : "/";
      return OpenFile(from + slash + std::string(kSingle), std::string(kSingle), std::move(source));
    }
    return OpenShards(from);  // which also reports that there is none
  }

  Done OpenFile(const std::string& path, const std::string& name,
                Result<std::unique_ptr<Source>> source) {
    if (!source) return Error(source.error());
    Judged judged = JudgeToOpen(**source, name, options_);
    OpenedPart part{path, *std::move(source), std::move(judged.file), std::move(judged.report), {}};
    if (part.report.verdict() != Verdict::kAccepted) {
      TENSORGATE_TRY(ExtractFrom(part));
    }
    result_.parts.push_back(std::move(part));
    return {};
  }

  Done ExtractFrom(OpenedPart& part) {
    const Format* format = FindFormat(part.report.format());
    const bool can = extract_ && part.report.verdict() == Verdict::kRejected && format != nullptr &&
                     format->extract != nullptr;
    if (!can) return Error(std::move(part.report));
    Extraction extraction{.source = part.report};
    Report report = format->extract(*part.source, options_, part.file, extraction);
    if (report.verdict() != Verdict::kAccepted) return Refused(std::move(report));
    part.extraction = std::move(extraction);
    return {};
  }

  // Why nothing can be taken.
  static Done Refused(Report report) {
    const Finding& reason = *report.reason();
    const bool about_tensors =
        reason.rule == Rule::kConvertNamesChanged || reason.rule == Rule::kConvertNothingExtracted;
    if (!about_tensors) return Error(std::move(report));
    return Error(Status{.rule = reason.rule, .offset = reason.offset, .found = reason.found});
  }

  Done OpenShards(const std::string& from, const Format* only = nullptr) {
    sharded::Checked checked = sharded::CheckPath(from, options_, true, only, extract_);
    if (!IsUsable(checked)) return Error(std::move(checked.report));
    for (sharded::CheckedShard& shard : checked.shards) {
      result_.parts.push_back({checked.folder + shard.name, std::move(shard.source),
                               std::move(shard.file), std::move(shard.report),
                               std::move(shard.extraction)});
    }
    result_.report = std::move(checked.report);
    return {};
  }

  // Accepted, or wrong only in that shards are refused from which tensors were taken.
  bool IsUsable(const sharded::Checked& checked) const {
    if (checked.report.verdict() == Verdict::kAccepted) return true;
    const auto is_error = [](const Finding& finding) {
      return finding.severity == Severity::kError && finding.rule != Rule::kCpShardRejected;
    };
    const auto usable = [](const sharded::CheckedShard& shard) {
      return shard.extraction || shard.report.verdict() == Verdict::kAccepted;
    };
    return extract_ && checked.report.verdict() == Verdict::kRejected &&
           checked.report.dropped_findings() == 0 &&
           std::ranges::none_of(checked.report.findings(), is_error) &&
           std::ranges::all_of(checked.shards, usable);
  }

  const CheckOptions& options_;
  const bool extract_;
  OpenedParts result_;
};

}  // namespace

std::expected<OpenedParts, ConvertError> OpenParts(const std::string& from,
                                                   const CheckOptions& options, bool extract) {
  return Opener(options, extract).Run(from);
}

}  // namespace tensorgate::internal
