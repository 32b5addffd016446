// Compares the index with the contents of the shards.
#ifndef TENSORGATE_SHARDED_COMPARE_H_
#define TENSORGATE_SHARDED_COMPARE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/sharded/index.h"
#include "tensorgate/extraction.h"
#include "tensorgate/model_file.h"

namespace tensorgate::sharded {

/// Shards are added one by one and need not stay open. All functions may throw std::bad_alloc.
class Comparison {
 public:
  explicit Comparison(Index& index);
  void Add(std::uint32_t shard, const ModelFile& file);
  /// A shard from which tensors were taken. Those that were left out count as found, too: a loader
  /// has them.
  void AddPart(std::uint32_t shard, const ModelFile& file, const Extraction& extraction);
  /// Reports tensors that are missing, that occur twice, or that are not in the index.
  void Finish(ReportBuilder& builder);

 private:
  static constexpr std::uint32_t kNoShard = UINT32_MAX;
  struct Unlisted {
    std::size_t offset;  // in unlisted_text_
    std::uint32_t length;
    std::uint32_t shard;
  };

  std::string_view ShardOf(std::uint32_t shard) const {
    return index_.Text(index_.shards[shard].name);
  }
  std::string_view NameOf(std::uint32_t unlisted) const {
    const Unlisted& name = unlisted_[unlisted];
    return std::string_view(unlisted_text_).substr(name.offset, name.length);
  }
  void AddName(std::uint32_t shard, std::string_view name, bool is_named);
  void AddNested(ReportBuilder& builder);
  void ReportDuplicate(std::string_view name, std::uint32_t shard, std::uint32_t other,
                       ReportBuilder& builder);

  Index& index_;
  std::vector<bool> added_;                       // by shard
  std::vector<bool> found_;                       // by entry: found in its own shard
  std::vector<bool> nested_;                      // by entry: found, but not under a key of its own
  internal::PodBuffer<std::uint32_t> elsewhere_;  // by entry: another shard that contains it
  internal::PodBuffer<Unlisted> unlisted_;
  internal::PodBuffer<std::uint32_t> unlisted_hashes_;
  std::string unlisted_text_;
  std::uint64_t looked_up_ = 0, probes_ = 0;
  bool sorted_ = false;
};

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_COMPARE_H_
