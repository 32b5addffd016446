// The kinds of indexes: one for each format that can be sharded.
#ifndef TENSORGATE_SHARDED_KIND_H_
#define TENSORGATE_SHARDED_KIND_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/formats/registry.h"
#include "lib/source/folder.h"

namespace tensorgate::sharded {

/// The format of the shards, by the name of their index; null if it is not an index.
const internal::Format* ShardsOf(std::string_view path);

/// The index chosen among the names in a folder.
struct Chosen {
  std::string name;
  std::uint64_t candidates = 0;  ///< 1: `name` is the only candidate.
};

/// Throws std::bad_alloc.
Chosen ChooseIndex(const internal::FolderNames& names, const internal::Format& shards);

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_KIND_H_
