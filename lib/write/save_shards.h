// A checkpoint of shards written anew: the files it had, and the index over them.
#ifndef TENSORGATE_WRITE_SAVE_SHARDS_H_
#define TENSORGATE_WRITE_SAVE_SHARDS_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tensorgate/save.h"

namespace tensorgate::internal {

struct ShardData {
  std::string
      name;  ///< Below the folder, parts with '/' between, of which none is "", "." or "..".
  std::vector<TensorData> tensors;
  std::optional<Metadata> metadata;
};

/// Writes the shards and the index of that name, if it has one, into `folder`, which is made if it is not there, as are folders of shards.
/// All are written before the first appears; then they appear one by one, the index last. What else is in the folder stays.
/// Of `options` metadata and max_shard_bytes mean nothing; PushedData is refused. Status::found counts the tensors of all
/// shards. Never throws.
Result<void> SaveShards(const std::string& folder, const std::string& index,
                        std::span<const ShardData> shards, const SaveOptions& options);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_SAVE_SHARDS_H_
