// Which indexes there are: of safetensors files, and of PyTorch's checkpoints.
#ifndef TENSORGATE_CHECKPOINT_KIND_H_
#define TENSORGATE_CHECKPOINT_KIND_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/source/folder.h"

namespace tensorgate::checkpoint {

struct Kind {
  std::string_view format;        ///< Of the report on the whole.
  std::string_view shard_format;  ///< Of a shard that could not be opened.
  std::string_view shard_suffix;
  std::string_view usual;  ///< The index's name, where there is no reason for another.
};

const Kind& SafetensorsKind();
const Kind& PytorchKind();

/// By the name of an index; null if it is none.
const Kind* KindOf(std::string_view path);

/// The index among the names of a folder.
struct Chosen {
  std::string name;
  std::uint64_t candidates = 0;  ///< 1: this one is meant.
};

/// Throws std::bad_alloc.
Chosen ChooseIndex(const internal::FolderNames& names, const Kind& kind);

}  // namespace tensorgate::checkpoint

#endif  // TENSORGATE_CHECKPOINT_KIND_H_
