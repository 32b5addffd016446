// A checkpoint of many files: its index, and each shard opened once below the index's folder.
#ifndef TENSORGATE_SHARDED_CHECK_H_
#define TENSORGATE_SHARDED_CHECK_H_

#include <memory>
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
  // Only if they are to be kept, and the shard is accepted: `file` by strict, whatever the profile.
  std::unique_ptr<Source> source;
  internal::OpenedFile file;
};

struct Checked {
  Report report;
  std::vector<CheckedShard> shards;  ///< Bytewise by name.
  std::string
      folder;  ///< What stands before their names: "", or a path that ends in '/'. Of CheckPath alone.
};

/// `index`: the index in `folder`, of shards of that format. `keep`: shards stay open, if all is accepted. Never
/// throws.
Checked CheckIndex(const internal::Store& folder, const internal::Format& shards, Source& index,
                   const CheckOptions& options, bool keep = false);

/// `path`: an index or a folder that holds one: of `only` this format, else of safetensors files before PyTorch's. Never
/// throws.
Checked CheckPath(const std::string& path, const CheckOptions& options, bool keep = false,
                  const internal::Format* only = nullptr);

/// The index of safetensors files that stands for the folder `path`; `path` itself where there is none, or several may be
/// meant. Throws std::bad_alloc.
std::string IndexOf(const std::string& path);

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_CHECK_H_
