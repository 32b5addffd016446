// Which tensors go to which shard, how the shards are named, and the index over them.
#ifndef TENSORGATE_WRITE_SHARD_FILES_H_
#define TENSORGATE_WRITE_SHARD_FILES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tensorgate::internal {

/// Numbers of tensors, shard by shard, in the order given. A shard is closed when the next tensor would make it larger than
/// `most`; a tensor that is larger by itself gets a shard of its own, before the one that is open. No tensors: one shard
/// without any. Throws std::bad_alloc.
std::vector<std::vector<std::uint32_t>> SplitIntoShards(std::span<const std::uint64_t> bytes,
                                                        std::uint64_t most);

/// Names made of a file's name. Throw std::bad_alloc.
class ShardNames {
 public:
  /// `name` must end in ".safetensors".
  explicit ShardNames(std::string_view name);
  static bool Fits(std::string_view name) { return name.ends_with(kSuffix); }

  /// "model-00002-of-00003.safetensors" for the shard number 1 of 3.
  std::string Shard(std::size_t number, std::size_t count) const;
  /// "model.safetensors.index.json"
  std::string Index() const { return stem_ + std::string(kSuffix) + ".index.json"; }
  /// `name` is that of a shard, whatever its numbers.
  bool IsShard(std::string_view name) const;

 private:
  static constexpr std::string_view kSuffix = ".safetensors";
  std::string stem_;
};

struct IndexEntry {
  std::string_view tensor;
  std::string_view file;
};

/// The text of the index: sorted as given, indented by two spaces. Throws std::bad_alloc.
std::string IndexText(std::uint64_t total_bytes, std::span<const IndexEntry> sorted);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_SHARD_FILES_H_
