// The rules for an index and the names in its folder: pure functions.
#ifndef TENSORGATE_SHARDED_RULES_H_
#define TENSORGATE_SHARDED_RULES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/sharded/index.h"

namespace tensorgate::sharded {

/// Metadata, unknown members, numbering, subfolders, and names that some programs read differently.
void ApplyIndexRules(const Index& index, ReportBuilder& builder);

/// `data_bytes`: size of all tensors of all shards. `named_bytes`: the same, but a tensor with
/// several names counts once for each, as in some writers.
void ApplyTotalSizeRule(const Index& index, std::uint64_t data_bytes, std::uint64_t named_bytes,
                        ReportBuilder& builder);

/// Of files that an index does not use, sorted: the first shard of a set that is complete by its
/// numbers, or, if `whole`, a file without a number. "" if there is neither.
std::string_view FindUpload(std::span<const std::string_view> names, bool whole);

/// True if the index uses a file with this name next to it.
bool IsUsed(const Index& index, std::string_view name);

/// Returns the rule that forbids opening this shard, after reporting it; std::nullopt if it may be
/// opened. `suffix`: the suffix of all shards.
std::optional<Rule> ApplyShardNameRules(const Index& index, const ShardName& shard,
                                        std::string_view suffix, ReportBuilder& builder);

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_RULES_H_
