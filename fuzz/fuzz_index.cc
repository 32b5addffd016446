// The index of a sharded checkpoint: an accepted one has the meaning that the slow reader finds, no
// shard's name leaves the folder, and the same index written by tensorgate is accepted and has the
// same meaning.
#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/support.h"
#include "lib/base/bytes.h"
#include "lib/sharded/index.h"
#include "lib/sharded/rules.h"
#include "lib/write/shard_files.h"
#include "tests/oracle/json_tree.h"

using namespace tensorgate;

namespace {

using Map = std::vector<std::pair<std::string, std::string>>;  // tensor, shard

struct Read {
  Report report;
  bool usable = false;
  Map map;
  std::vector<std::string> may_open;  // shards
};

Read ReadIndex(std::string_view text) {
  const CheckOptions options;
  ReportBuilder builder(options, "safetensors-checkpoint");
  builder.SetSize(text.size());
  sharded::Index index;
  index.bytes.Resize(text.size());
  internal::CopyBytes(internal::AsBytes(text), index.bytes.span());
  Read read;
  if (sharded::ParseIndex(index, builder)) {
    sharded::ApplyIndexRules(index, builder);
    for (const sharded::ShardName& shard : index.shards) {
      const auto refused = sharded::ApplyShardNameRules(index, shard, ".safetensors", builder);
      if (!refused) read.may_open.emplace_back(index.Text(shard.name));
    }
    for (const sharded::Entry& entry : index.entries.span()) {
      read.map.emplace_back(index.NameOf(entry), index.Text(index.shards[entry.shard].name));
    }
    read.usable = !builder.HasError();
  }
  read.report = builder.Finish();
  return read;
}

// weight_map according to the slow reader.
Map Expected(std::string_view text) {
  const auto tree = oracle::ReadJson(text);
  FUZZ_ASSERT(std::holds_alternative<oracle::Json>(tree));
  FUZZ_ASSERT(oracle::IsUtf8(text));
  Map map;
  int maps = 0;
  for (const oracle::JsonMember& member : std::get<oracle::Json>(tree).members) {
    if (member.key != "weight_map") continue;
    ++maps;
    FUZZ_ASSERT(member.value.kind == oracle::JsonKind::kObject);
    for (const oracle::JsonMember& entry : member.value.members) {
      FUZZ_ASSERT(entry.value.kind == oracle::JsonKind::kString);
      map.emplace_back(entry.key, entry.value.text);
    }
  }
  FUZZ_ASSERT(maps == 1 && !map.empty());
  return map;
}

void CheckBelow(const std::string& shard) {
  FUZZ_ASSERT(shard.find('\0') == shard.npos && shard.find('\\') == shard.npos);
  const std::filesystem::path path(shard);
  FUZZ_ASSERT(path.is_relative() && path.has_filename());
  FUZZ_ASSERT(path.lexically_normal() == path);  // no "..", no ".", nothing empty
  FUZZ_ASSERT(*path.begin() != "..");
  FUZZ_ASSERT(shard.ends_with(".safetensors"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = internal::AsText(fuzz::Bytes(data, size));
  const Read read = ReadIndex(text);
  fuzz::CheckContract(read.report, size);
  FUZZ_ASSERT(fuzz::Fingerprint(read.report) == fuzz::Fingerprint(ReadIndex(text).report));
  for (const std::string& shard : read.may_open) CheckBelow(shard);
  if (!read.usable) return 0;

  Map map = read.map;
  FUZZ_ASSERT(map == Expected(text));
  std::ranges::sort(map);
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  FUZZ_ASSERT(std::ranges::adjacent_find(map, same) == map.end());

  std::vector<internal::IndexEntry> entries;
  for (const auto& [tensor, shard] : map) entries.push_back({tensor, shard});
  const Read again = ReadIndex(internal::IndexText(size, entries));
  FUZZ_ASSERT(again.usable && again.map == map);
  return 0;
}
