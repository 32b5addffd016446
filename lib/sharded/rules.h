// The rules over an index and the names around it: pure functions.
#ifndef TENSORGATE_SHARDED_RULES_H_
#define TENSORGATE_SHARDED_RULES_H_

#include <cstdint>
#include <string_view>

#include "lib/sharded/index.h"

namespace tensorgate::sharded {

/// Metadata, unknown members, numbering, sub-folders, and names that are read as something else.
void ApplyIndexRules(const Index& index, ReportBuilder& builder);

/// `data_bytes`: of all tensors of all shards. `named_bytes`: the same, but those with several names are counted with each
/// of them, as some writers do.
void ApplyTotalSizeRule(const Index& index, std::uint64_t data_bytes, std::uint64_t named_bytes,
                        ReportBuilder& builder);

/// The index uses a file of this name beside it.
bool IsUsed(const Index& index, std::string_view name);

/// The rule that forbids to open this shard, after reporting it; nothing if it may be opened. `suffix`: of all shards.
std::optional<Rule> ApplyShardNameRules(const Index& index, const ShardName& shard,
                                        std::string_view suffix, ReportBuilder& builder);

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_RULES_H_
