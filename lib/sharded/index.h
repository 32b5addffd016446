// The index of a sharded checkpoint (`model.safetensors.index.json`) as a plain structure: which
// tensor is in which shard.
#ifndef TENSORGATE_SHARDED_INDEX_H_
#define TENSORGATE_SHARDED_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/names.h"
#include "lib/base/pod_buffer.h"
#include "lib/json/tokens.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/limits.h"

namespace tensorgate::sharded {

/// What a text in an index is kept in 31 bits for; `Limits::index_bytes` counts up to here.
inline constexpr std::uint64_t kMaxIndexBytes = 1'000'000'000;
/// huggingface.js reads this many containers inside each other; an index needs two.
inline constexpr std::size_t kMaxDepth = 64;

/// A text of the index where it stands, or, where it was written with escapes, decoded in the arena.
struct TextRef {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};
inline constexpr std::uint32_t kInArena = 0x8000'0000;

/// One member of weight_map.
struct Entry {
  TextRef name;         ///< The tensor's.
  std::uint32_t shard;  ///< Which of Index::shards.
  std::uint32_t place;  ///< Where its key stands, quote included.
};

struct ShardName {
  TextRef name;
  std::uint32_t first;  ///< The first entry that names it.
};

struct Index {
  internal::PodBuffer<std::byte> bytes;
  std::string arena;
  internal::PodBuffer<Entry> entries;  ///< In the order of the file.
  std::vector<ShardName> shards;       ///< Each once, bytewise by name.
  internal::NameIndex names;           ///< Of the entries; of equal names the first.
  std::vector<bool> repeated;          ///< By entry: its name stood before. Empty if there is none.
  bool name_cases = false;             ///< Two names may differ in case only.
  bool has_metadata = false;
  json::Token total_size;  ///< The value of metadata.total_size; kEnd if there is none.
  json::Token
      unknown;  ///< The first member of the root that has no meaning; kEnd if there is none.
  std::uint64_t unknowns = 0;

  std::string_view text() const { return internal::AsText(bytes.span()); }
  std::string_view Text(TextRef ref) const {
    return (ref.offset & kInArena) != 0
               ? std::string_view(arena).substr(ref.offset & ~kInArena, ref.length)
               : text().substr(ref.offset, ref.length);
  }
  std::string_view NameOf(const Entry& entry) const { return Text(entry.name); }
  /// As an entry's value, quote included.
  json::Token PlaceOf(const ShardName& shard) const;
};

/// Reads `index.bytes` into the rest of it and reports what is wrong with it as a file of its own. False: nothing in
/// it has a meaning. Throws std::bad_alloc.
bool ParseIndex(Index& index, ReportBuilder& builder);

/// Why no shard may have this name, in words; "" if it may: a relative path that stays below the
/// index, on every system.
std::string_view ShardNameFault(std::string_view name);

/// What a name that has no fault means to some program instead, in words; "" if it is plain.
std::string_view ShardNameOddity(std::string_view name);

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_INDEX_H_
