// A checkpoint of several files and the index beside them, judged as one thing: of safetensors files, or of
// PyTorch's checkpoints.
//
//   tensorgate::CheckpointCheck check = tensorgate::CheckCheckpoint("model/");  // or the index in it
//   std::fputs(tensorgate::RenderText("model/", check.report).c_str(), stdout);
//   for (const tensorgate::ShardCheck& shard : check.shards) {
//     std::fputs(tensorgate::RenderText(shard.name, shard.report).c_str(), stdout);
//   }
//
// Guarantees: accepted means that the index has one meaning, that every shard is below the index's
// folder and accepted itself, that every tensor of the index is in its shard and every name in one
// shard only. A shard whose name fails a test is never opened; shards are opened by names relative to
// the folder, which was opened once. Of symbolic links only those to a file below the index's folder, and
// those of a hub cache into its own blobs/, are followed, unless `CheckOptions::follow_links` says
// otherwise. No call throws; running out of
// memory is a report (`io/out-of-memory`). The profile `reference` judges the shards alone by their
// reference; an index has none.
#ifndef TENSORGATE_SHARDS_H_
#define TENSORGATE_SHARDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/export.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate {

struct ShardCheck {
  std::string name;  ///< As the index has it: raw and hostile.
  Report report;     ///< Of a shard that was not opened: why not.
};

struct CheckpointCheck {
  /// On the whole, format "safetensors-checkpoint" or "pytorch-checkpoint". Size and offsets are those of the index.
  Report report;
  /// Bytewise by name; empty where the index itself is refused.
  std::vector<ShardCheck> shards;
};

/// `path`: the index, or the folder that holds it: `model.safetensors.index.json` or else the only one of safetensors
/// files; where there is none, `pytorch_model.bin.index.json` or else the only one of PyTorch's checkpoints.
TENSORGATE_API CheckpointCheck CheckCheckpoint(const std::string& path,
                                               const CheckOptions& options = {});

/// The same of an index that is open already. Its shards are opened in `folder`, a descriptor that stays the caller's; -1: in
/// the folder in which `path` is.
TENSORGATE_API CheckpointCheck CheckIndex(Source& index, const std::string& path, int folder,
                                          const CheckOptions& options = {});

/// By its name, the path is that of an index: `*.safetensors.index.json`, or of PyTorch's checkpoints `*.bin.index.json`;
/// with a variant `*.safetensors.index.VARIANT.json`. Shards have the suffix that stands before ".index".
TENSORGATE_API bool IsNamedIndex(std::string_view path);

}  // namespace tensorgate

#endif  // TENSORGATE_SHARDS_H_
