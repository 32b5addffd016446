// Checks a checkpoint of many files: its index, and each shard, opened once, below the index's
// folder.
#ifndef TENSORGATE_SHARDED_CHECK_H_
#define TENSORGATE_SHARDED_CHECK_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/sharded/kind.h"
#include "lib/source/store.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::sharded {

struct CheckedShard {
  std::string name;
  Report report;
  // Set only if shards are kept and this one is accepted; `file` always comes from the strict
  // profile.
  std::unique_ptr<Source> source;
  internal::OpenedFile file;
  // Set if tensors were taken from a shard that is not accepted; `file` has them.
  std::optional<Extraction> extraction;
};

struct Checked {
  Report report;
  std::vector<CheckedShard> shards;  ///< Sorted bytewise by name.
  /// The prefix of their names: "", or a path that ends in '/'. Set only by CheckPath.
  std::string folder;
};

/// `extract`: take what may be taken from shards that are refused (Format::extract); they are
/// reported all the same.
///
/// `index`: the index in `folder`, for shards in the format `shards`. `keep`: shards stay open if
/// everything is accepted. Never throws.
Checked CheckIndex(const internal::Store& folder, const internal::Format& shards, Source& index,
                   const CheckOptions& options, bool keep = false, bool extract = false);

/// `path`: an index, or a folder that contains one: of the format `only` if given, otherwise of
/// safetensors files or, failing that, of PyTorch checkpoints. Never throws.
Checked CheckPath(const std::string& path, const CheckOptions& options, bool keep = false,
                  const internal::Format* only = nullptr, bool extract = false);

/// The index of safetensors files in the folder `path`; `path` itself if there is none, or if there
/// are several candidates. Throws std::bad_alloc.
std::string IndexOf(const std::string& path);

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_CHECK_H_
