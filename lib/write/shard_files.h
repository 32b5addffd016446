// The index over the shards of a checkpoint; save.h documents their names.
#ifndef TENSORGATE_WRITE_SHARD_FILES_H_
#define TENSORGATE_WRITE_SHARD_FILES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tensorgate::internal {

struct IndexEntry {
  std::string_view tensor;
  std::string_view file;
};

/// The text of the index, with the entries in the given order, indented by two spaces. Throws
/// std::bad_alloc.
std::string IndexText(std::uint64_t total_bytes, std::span<const IndexEntry> sorted);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_SHARD_FILES_H_
