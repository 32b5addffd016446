// A checkpoint of several files and their index, judged as one: safetensors files or PyTorch
// checkpoints.
//
//   tensorgate::CheckpointCheck check = tensorgate::CheckCheckpoint("model/");  // or the index in it
//   std::fputs(tensorgate::RenderText("model/", check.report).c_str(), stdout);
//   for (const tensorgate::ShardCheck& shard : check.shards) {
//     std::fputs(tensorgate::RenderText(shard.name, shard.report).c_str(), stdout);
//   }
//
// Guarantees: accepted means that the index has one meaning, that every shard is below the index's
// folder and is accepted itself, that every tensor of the index is in its shard, and that every
// name is in one shard only. A shard whose name fails a test is never opened. Shards are opened by
// names relative to the folder, which is opened once. Symbolic links are followed only to a file
// below the index's folder, or from a hub cache into its own blobs/, unless
// `CheckOptions::follow_links` is set. No call throws; running out of memory is a report
// (`io/out-of-memory`). The profile `reference` applies only to the shards; the formats have no
// reference for an index.
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
  std::string name;  ///< As written in the index: raw and untrusted.
  Report report;     ///< For a shard that was not opened: the reason.
};

struct CheckpointCheck {
  /// On the checkpoint as a whole; the format is "safetensors-checkpoint" or "pytorch-checkpoint".
  /// Size and offsets refer to the index.
  Report report;
  /// Sorted bytewise by name; empty if the index itself is refused.
  std::vector<ShardCheck> shards;
};

/// `path`: the index, or the folder that contains it. In a folder, `model.safetensors.index.json`
/// or the only other index of safetensors files is used; if there is none,
/// `pytorch_model.bin.index.json` or the only other index of PyTorch checkpoints.
TENSORGATE_API CheckpointCheck CheckCheckpoint(const std::string& path,
                                               const CheckOptions& options = {});

/// The same for an index that is already open. Its shards are opened in `folder`, a descriptor that
/// stays the caller's, or for -1 in the folder of `path`.
TENSORGATE_API CheckpointCheck CheckIndex(Source& index, const std::string& path, int folder,
                                          const CheckOptions& options = {});

/// True if the name is that of an index: `*.safetensors.index.json`, `*.bin.index.json` for PyTorch
/// checkpoints, or with a variant `*.safetensors.index.VARIANT.json`. The shards have the suffix
/// that comes before ".index".
TENSORGATE_API bool IsNamedIndex(std::string_view path);

}  // namespace tensorgate

#endif  // TENSORGATE_SHARDS_H_
