#include "lib/sharded/compare.h"

#include <algorithm>

namespace tensorgate::sharded {

Comparison::Comparison(Index& index)
    : index_(index),
      added_(index.shards.size()),
      found_(index.entries.size()),
      nested_(index.entries.size()) {
  elsewhere_.Resize(index.entries.size());
  std::ranges::fill(elsewhere_.span(), kNoShard);
}

void Comparison::Add(std::uint32_t shard, const ModelFile& file) {
  added_[shard] = true;
  for (std::size_t i = 0; i < file.tensor_count(); ++i) {
    AddName(shard, file.name(i), file.is_named(i));
  }
}

void Comparison::AddPart(std::uint32_t shard, const ModelFile& file, const Extraction& extraction) {
  for (std::size_t i = 0; i < file.tensor_count(); ++i) {
    AddName(shard, file.name(i), file.is_named(i));
  }
  std::vector<std::string_view> others;
  for (const ExtractionEntry& entry : extraction.entries) {
    if (!entry.dtype.empty() && !file.Find(entry.name)) others.push_back(entry.name);
  }
  std::ranges::sort(others);
  const auto repeated = std::ranges::unique(others);
  others.erase(repeated.begin(), repeated.end());
  for (const std::string_view name : others) AddName(shard, name, true);
}

void Comparison::AddName(std::uint32_t shard, std::string_view name, bool is_named) {
  const std::span<const Entry> entries = index_.entries.span();
  const auto at = [&](std::uint32_t i) { return index_.NameOf(entries[i]); };
  const std::uint32_t hash = internal::HashName(name);
  const std::optional<std::uint32_t> entry = index_.names.Find(name, hash, at, probes_);
  // A good hash needs about two probes per name; far more mean that the names were chosen to
  // collide.
  if (probes_ > ++looked_up_ * 16 + 4096 && !sorted_) {
    index_.names.Sort(static_cast<std::uint32_t>(entries.size()), at);
    sorted_ = true;
  }
  if (!entry) {
    unlisted_.PushBack({unlisted_text_.size(), static_cast<std::uint32_t>(name.size()), shard});
    unlisted_hashes_.PushBack(hash);
    unlisted_text_ += name;
  } else if (entries[*entry].shard == shard) {
    found_[*entry] = true;
    nested_[*entry] = !is_named;
  } else if (elsewhere_[*entry] == kNoShard) {
    elsewhere_[*entry] = shard;
  }
}

void Comparison::ReportDuplicate(std::string_view name, std::uint32_t shard, std::uint32_t other,
                                 ReportBuilder& builder) {
  builder.Add(Rule::kCpTensorTwice, index_.PlaceOf(index_.shards[shard]).begin,
              {.subject = name, .found_text = ShardOf(other)});
}

// Loaders look a name up in the dict of a shard: they do not find tensors that are nested deeper,
// or have a number as key.
void Comparison::AddNested(ReportBuilder& builder) {
  const auto count = static_cast<std::uint64_t>(std::ranges::count(nested_, true));
  if (count == 0) return;
  const auto first = static_cast<std::size_t>(std::ranges::find(nested_, true) - nested_.begin());
  const Entry& entry = index_.entries[first];
  builder.Add(Rule::kCpTensorNested, entry.place,
              {.found = count,
               .subject = index_.NameOf(entry),
               .subject_offset = entry.place,
               .found_text = ShardOf(entry.shard)});
}

void Comparison::Finish(ReportBuilder& builder) {
  for (std::uint32_t i = 0; i < index_.entries.size(); ++i) {
    const Entry& entry = index_.entries[i];
    const std::string_view name = index_.NameOf(entry);
    if (!index_.repeated.empty() && index_.repeated[i]) continue;
    if (found_[i]) {
      if (elsewhere_[i] != kNoShard) ReportDuplicate(name, entry.shard, elsewhere_[i], builder);
    } else if (added_[entry.shard]) {
      builder.Add(
          Rule::kCpTensorAbsent, entry.place,
          {.subject = name, .subject_offset = entry.place, .found_text = ShardOf(entry.shard)});
    }
  }
  AddNested(builder);
  if (unlisted_.empty()) return;
  internal::NameIndex names;
  names.Build(
      unlisted_hashes_, [this](std::uint32_t i) { return NameOf(i); },
      [&](std::uint32_t later, std::uint32_t first) {
        ReportDuplicate(NameOf(later), unlisted_[later].shard, unlisted_[first].shard, builder);
      });
  const std::uint32_t shard = unlisted_[0].shard;
  builder.Add(Rule::kCpTensorUnlisted, index_.PlaceOf(index_.shards[shard]).begin,
              {.found = unlisted_.size(), .subject = NameOf(0), .found_text = ShardOf(shard)});
}

}  // namespace tensorgate::sharded
