#include "lib/sharded/check.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/checked.h"
#include "lib/rules/report_builder.h"
#include "lib/scan/judge.h"
#include "lib/second_readings/second_readings.h"
#include "lib/sharded/compare.h"
#include "lib/sharded/index.h"
#include "lib/sharded/rules.h"
#include "lib/source/read.h"

namespace tensorgate::sharded {
namespace {

using internal::Format;

void AddTo(std::uint64_t& sum, std::uint64_t value) { sum = internal::SaturatingAdd(sum, value); }

// The report on a shard that is refused before it is opened, or that cannot be opened.
Report NotOpened(const CheckOptions& options, const Format& shards, const Status& status,
                 std::string_view name, std::string_view words) {
  ReportBuilder builder(options, shards.name);
  const bool system = status.system_error != 0 || Info(status.rule).effect == Effect::kUndecided;
  system ? builder.Add(status)
         : builder.Add(status.rule, 0, {.subject = name, .found_text = words});
  return builder.Finish();
}

std::optional<Rule> ReasonOf(const Report& report) {
  const Finding* const reason = report.reason();
  return reason == nullptr ? std::nullopt : std::optional(reason->rule);
}

class Check {
 public:
  Check(const internal::Store& folder, const Format& format, const CheckOptions& options, bool keep,
        bool extract)
      : folder_(folder),
        shard_format_(format),
        options_(options),
        keep_(keep),
        extract_(extract),
        builder_(options, format.shards->format) {}

  void Run(Source& source);
  Checked Finish() {
    for (const CheckedShard& shard : shards_) {
      builder_.AddShard(shard.name, shard.report.verdict(), ReasonOf(shard.report));
    }
    return {builder_.Finish(), std::move(shards_), {}};
  }

 private:
  bool ReadIndex(Source& source);
  void FindReadings();
  void CheckShards();
  CheckedShard CheckShard(std::uint32_t number, Comparison& comparison);
  CheckedShard Refused(const Status& status, std::size_t place, const std::string& name);
  void Judge(CheckedShard& shard, std::unique_ptr<Source> source, std::uint32_t number,
             Comparison& comparison);
  bool Extract(CheckedShard& shard, std::unique_ptr<Source>& source);
  void AddFacts(const CheckedShard& shard);
  void CompareFormat(const CheckedShard& shard, std::size_t place);
  void FindUnused();

  const internal::Store& folder_;
  const Format& shard_format_;
  const CheckOptions& options_;
  const bool keep_, extract_;
  ReportBuilder builder_;
  Index index_;
  std::vector<CheckedShard> shards_;
  Report::Facts facts_;
  std::uint64_t missing_ = 0;      // shards that do not exist
  std::uint64_t named_bytes_ = 0;  // bytes of tensors, counted once for each name
  std::optional<std::optional<std::string>> format_;  // metadata "format" of the first shard
  bool format_reported_ = false;
};

bool Check::ReadIndex(Source& source) {
  const std::uint64_t size = source.size();
  builder_.SetSize(size);
  const Limits& limits = options_.limits;
  const std::uint64_t most = std::min(limits.index_bytes, kMaxIndexBytes);
  if (size > limits.file_bytes) {
    builder_.Add(Rule::kLimitFileBytes, 0, {.found = size, .allowed = limits.file_bytes});
  } else if (size > most) {
    builder_.Add(Rule::kLimitIndexBytes, 0, {.found = size, .allowed = most});
  }
  if (builder_.HasError()) return false;
  index_.bytes.Resize(static_cast<std::size_t>(size));
  Result<void> read = internal::ReadFully(source, 0, index_.bytes.span(), builder_.interrupt());
  if (read) read = source.CheckUnchanged();
  if (!read) {
    builder_.Add(read.error());
    return false;
  }
  builder_.AddBytesRead(size);
  return true;
}

void Check::Run(Source& source) {
  if (!ReadIndex(source) || !ParseIndex(index_, builder_) || builder_.Ended()) return;
  ApplyIndexRules(index_, builder_);
  FindReadings();
  CheckShards();
  FindUnused();
  const bool all = std::ranges::all_of(shards_, [](const CheckedShard& shard) {
    return shard.report.verdict() == Verdict::kAccepted;
  });
  if (!all || shards_.size() != index_.shards.size()) return;
  ApplyTotalSizeRule(index_, facts_.data_bytes, named_bytes_, builder_);
  builder_.SetFacts(facts_);
}

// Second readings of the index.
void Check::FindReadings() {
  MemorySource memory(index_.bytes.span());
  internal::AddSecondReadings(internal::Family::kOther, memory, builder_);
}

void Check::CheckShards() {
  Comparison comparison(index_);
  shards_.reserve(index_.shards.size());
  for (std::uint32_t i = 0; i < index_.shards.size(); ++i) {
    shards_.push_back(CheckShard(i, comparison));
    if (builder_.Ended()) return;  // the shard's own report has the finding, too
    if (facts_.header_bytes > options_.limits.checkpoint_header_bytes) {
      const ShardName& shard = index_.shards[i];
      builder_.Add(Rule::kLimitCheckpointHeaderBytes, index_.PlaceOf(shard).begin,
                   {.found = facts_.header_bytes,
                    .allowed = options_.limits.checkpoint_header_bytes,
                    .subject = shards_.back().name});
      return;
    }
  }
  comparison.Finish(builder_);
}

CheckedShard Check::Refused(const Status& status, std::size_t place, const std::string& name) {
  const bool missing = status.rule == Rule::kIoLinkDangling ||
                       (status.rule == Rule::kIoOpenFailed &&
                        (status.system_error == ENOENT || status.system_error == ENOTDIR ||
                         status.system_error == ENAMETOOLONG));
  const bool link = status.rule == Rule::kIoLinkNotFollowed || status.system_error == ELOOP;
  const Rule rule = missing ? Rule::kCpShardMissing
                    : link  ? Rule::kCpShardLink
                            : Rule::kCpShardUndecided;
  missing_ += missing;
  builder_.Add(rule, place,
               {.subject = name, .subject_offset = place, .found_text = Info(status.rule).id});
  const Status plain{.rule = rule};
  return {name,
          NotOpened(options_, shard_format_, missing || link ? plain : status, name, {}),
          nullptr,
          {},
          {}};
}

CheckedShard Check::CheckShard(std::uint32_t number, Comparison& comparison) {
  const ShardName& named = index_.shards[number];
  const std::size_t place = index_.PlaceOf(named).begin;
  CheckedShard shard{std::string(index_.Text(named.name)),
                     NotOpened(options_, shard_format_, {}, {}, {}),
                     nullptr,
                     {},
                     {}};
  if (const std::optional<Rule> rule =
          ApplyShardNameRules(index_, named, shard_format_.shards->suffix, builder_)) {
    const std::string_view fault = ShardNameFault(shard.name);
    shard.report = NotOpened(options_, shard_format_, {.rule = *rule}, shard.name,
                             fault.empty() ? shard_format_.shards->suffix : fault);
    return shard;
  }
  Result<std::unique_ptr<Source>> source = folder_.Open(shard.name);
  if (!source) return Refused(source.error(), place, shard.name);
  Judge(shard, *std::move(source), number, comparison);
  return shard;
}

void Check::AddFacts(const CheckedShard& shard) {
  const Report::Facts& facts = *shard.report.facts();
  AddTo(facts_.header_bytes, facts.header_bytes);
  AddTo(facts_.padding_bytes, facts.padding_bytes);
  AddTo(facts_.tensors, facts.tensors);
  AddTo(facts_.parameters, facts.parameters);
  AddTo(facts_.data_bytes, facts.data_bytes);
  AddTo(facts_.metadata_entries, facts.metadata_entries);
  if (!shard.file || !shard.file->shares_bytes()) return AddTo(named_bytes_, facts.data_bytes);
  for (std::size_t i = 0; i < shard.file->tensor_count(); ++i) {
    AddTo(named_bytes_, shard.file->tensor(i).bytes());
  }
}

void Check::Judge(CheckedShard& shard, std::unique_ptr<Source> source, std::uint32_t number,
                  Comparison& comparison) {
  const std::size_t place = index_.PlaceOf(index_.shards[number]).begin;
  const bool reference = options_.profile == Profile::kReference;
  internal::OpenedFile read;  // the contents as read by the reference
  // Only files that the strict profile accepts can be opened; under the reference's rules a shard
  // may only be judged.
  shard.report = shard_format_.examine(*source, options_, &shard.file);
  if (reference && shard_format_.read_as_reference != nullptr) {
    shard.report = shard_format_.read_as_reference(*source, options_, &read);
  } else if (reference) {
    shard.report = shard_format_.examine(*source, options_, nullptr);
  }
  builder_.AddBytesRead(shard.report.bytes_read());
  if (shard.report.verdict() != Verdict::kAccepted) {
    // A loader goes by the content: a pickle that is not an archive is rejected as one, and runs.
    builder_.AddImpact(shard.report.impact());
    builder_.AddImpact(internal::Judge(*source, {}, options_).impact());
    const Rule rule = shard.report.verdict() == Verdict::kRejected ? Rule::kCpShardRejected
                                                                   : Rule::kCpShardUndecided;
    builder_.Add(rule, place,
                 {.subject = shard.name,
                  .subject_offset = place,
                  .found_text = Info(shard.report.reason()->rule).id});
    if (extract_ && Extract(shard, source)) {
      comparison.AddPart(number, *shard.file, *shard.extraction);
    }
    return;
  }
  AddFacts(shard);
  // The index is also compared with what the reference reads.
  if (const ModelFile* file = shard.file ? shard.file.get() : read.get()) {
    comparison.Add(number, *file);
  }
  if (shard.file) CompareFormat(shard, place);
  if (keep_) {
    shard.source = std::move(source);
  } else {
    shard.file = {};
  }
}

// Takes what may be taken from a shard that was refused.
bool Check::Extract(CheckedShard& shard, std::unique_ptr<Source>& source) {
  if (shard.report.verdict() != Verdict::kRejected || shard_format_.extract == nullptr)
    return false;
  Extraction extraction{.name = shard.name, .source = shard.report};
  const Report report = shard_format_.extract(*source, options_, shard.file, extraction);
  if (report.verdict() != Verdict::kAccepted) return false;
  shard.extraction = std::move(extraction);
  shard.source = std::move(source);
  return true;
}

void Check::CompareFormat(const CheckedShard& shard, std::size_t place) {
  std::optional<std::string> format;
  const std::optional<MetadataValue> value = shard.file->FindMetadata("format");
  if (const auto* text = value ? std::get_if<std::string_view>(&*value) : nullptr) format = *text;
  if (!format_) {
    format_ = format;
  } else if (*format_ != format && !format_reported_) {
    format_reported_ = true;
    builder_.Add(
        Rule::kCpFormatMixed, place,
        {.subject = shard.name, .found_text = format ? std::string_view(*format) : "not stated"});
  }
}

void Check::FindUnused() {
  const Result<internal::FolderNames> names = folder_.List();
  if (!names) return;  // a folder that cannot be listed can still be used
  std::uint64_t unused = 0;
  std::string_view first;
  std::vector<std::string_view> others;  // sorted
  for (const internal::FolderNames::Name& entry : names->list) {
    const std::string_view name = names->At(entry);
    if (!name.ends_with(shard_format_.shards->suffix) || IsUsed(index_, name)) continue;
    if (unused++ == 0) first = name;
    if (missing_ != 0) others.push_back(name);
  }
  const std::string_view upload = FindUpload(others, missing_ == index_.shards.size());
  if (!upload.empty()) {
    builder_.Add(Rule::kCpIndexStale, 0, {.found = missing_, .subject = upload});
  }
  if (unused != 0) builder_.Add(Rule::kCpShardUnused, 0, {.found = unused, .subject = first});
}

}  // namespace

Checked CheckIndex(const internal::Store& folder, const Format& shards, Source& index,
                   const CheckOptions& options, bool keep, bool extract) {
  try {
    Check check(folder, shards, options, keep, extract);
    check.Run(index);
    return check.Finish();
  } catch (...) {
    return {ReportBuilder::Caught(options, shards.shards->format), {}, {}};
  }
}

}  // namespace tensorgate::sharded
