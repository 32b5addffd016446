#include "lib/convert/extraction_metadata.h"

#include <algorithm>
#include <cstdint>
#include <map>

#include "lib/json/writer.h"

namespace tensorgate::internal {
namespace {

constexpr std::string_view kFormatKey = "format", kPrefix = "tensorgate.";
// Numbers of classes and of names that are listed.
constexpr std::size_t kMostListed = 100;

struct Sums {
  ExtractionCounts counts;
  std::map<std::string_view, std::uint64_t> holders;
  std::vector<const ExtractionEntry*> others;
};

Sums SumsOf(const std::vector<Extraction>& extractions) {
  Sums sums;
  for (const Extraction& each : extractions) {
    sums.counts.Add(each);
    for (const ExtractionEntry& entry : each.entries) {
      if (entry.outcome == Outcome::kAsStored) ++sums.holders[entry.holder];
      if (entry.outcome == Outcome::kLeftOut) sums.others.push_back(&entry);
    }
  }
  return sums;
}

std::string HoldersJson(const Sums& sums) {
  std::string json;
  JsonWriter writer(json);
  writer.BeginObject();
  std::size_t count = 0;
  for (const auto& [name, tensors] : sums.holders) {
    if (++count <= kMostListed) writer.Member(name, tensors);
  }
  writer.EndObject();
  return json;
}

std::string OthersJson(const Sums& sums) {
  std::string json;
  JsonWriter writer(json);
  writer.BeginArray();
  for (std::size_t i = 0; i < std::min(sums.others.size(), kMostListed); ++i) {
    writer.BeginObject();
    writer.Member("name", sums.others[i]->name);
    writer.Member("reason", sums.others[i]->reason);
    writer.EndObject();
  }
  writer.EndArray();
  return json;
}

}  // namespace

void AddExtractionMetadata(const std::vector<Extraction>& extractions,
                           const std::function<std::string(std::span<const std::byte>)>& sha256,
                           Metadata& metadata) {
  if (extractions.empty()) return;
  const auto add = [&](std::string_view key, std::string value) {
    metadata.emplace_back(std::string(kPrefix).append(key), std::move(value));
  };
  const Sums sums = SumsOf(extractions);
  const Report& source = extractions[0].source;
  add("extracted", "1");
  add("source_verdict", std::string(Name(source.verdict())));
  add("source_rule", std::string(Info(source.reason()->rule).id));
  if (sha256) {
    std::string digests;
    for (const Extraction& each : extractions) {
      digests += (digests.empty() ? "" : " ") + sha256(each.pickle);
    }
    add("source_pickle_sha256", std::move(digests));
  }
  add("taken", std::to_string(sums.counts.taken));
  add("as_stored", std::to_string(sums.counts.as_stored));
  add("left_out", std::to_string(sums.counts.left_out));
  if (!sums.holders.empty()) add("stored_in", HoldersJson(sums));
  if (!sums.others.empty()) add("left_out_names", OthersJson(sums));
}

bool IsOwnKey(std::string_view key) { return key == kFormatKey || key.starts_with(kPrefix); }

}  // namespace tensorgate::internal
