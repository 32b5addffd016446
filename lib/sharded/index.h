// The index of a sharded checkpoint (`model.safetensors.index.json`) as a plain data structure:
// which tensor is in which shard.
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

/// Offsets of texts in an index have 31 bits; `Limits::index_bytes` has no effect above this.
inline constexpr std::uint64_t kMaxIndexBytes = 1'000'000'000;
/// huggingface.js reads this many nested containers; an index needs two.
inline constexpr std::size_t kMaxDepth = 64;

/// A text of the index at its offset, or, if it was written with escapes, decoded in the arena.
struct TextRef {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};
inline constexpr std::uint32_t kInArena = 0x8000'0000;

/// One member of weight_map.
struct Entry {
  TextRef name;         ///< The tensor's name.
  std::uint32_t shard;  ///< Index into Index::shards.
  std::uint32_t place;  ///< Offset of its key, including the quote.
};

struct ShardName {
  TextRef name;
  std::uint32_t first;  ///< The first entry that names it.
};

struct Index {
  internal::PodBuffer<std::byte> bytes;
  std::string arena;
  internal::PodBuffer<Entry> entries;  ///< In the order of the file.
  std::vector<ShardName> shards;       ///< Without duplicates, sorted bytewise by name.
  internal::NameIndex names;           ///< Of the entries; for equal names, the first.
  std::vector<bool> repeated;          ///< By entry: the name occurred before. Empty if none did.
  bool name_cases = false;             ///< Two names may differ only in case.
  bool has_metadata = false;
  json::Token total_size;  ///< The value of metadata.total_size; kEnd if there is none.
  /// The first member of the root without a meaning; kEnd if there is none.
  json::Token unknown;
  std::uint64_t unknowns = 0;

  std::string_view text() const { return internal::AsText(bytes.span()); }
  std::string_view Text(TextRef ref) const {
    return (ref.offset & kInArena) != 0
               ? std::string_view(arena).substr(ref.offset & ~kInArena, ref.length)
               : text().substr(ref.offset, ref.length);
  }
  std::string_view NameOf(const Entry& entry) const { return Text(entry.name); }
  /// Its first occurrence as the value of an entry, including the quote.
  json::Token PlaceOf(const ShardName& shard) const;
};

/// Parses `index.bytes` into the other members and reports the errors of the index itself. Returns
/// false if its contents have no meaning. Throws std::bad_alloc.
bool ParseIndex(Index& index, ReportBuilder& builder);

/// The reason why no shard may have this name, in words; "" if it is allowed: a relative path that
/// stays below the index on every system.
std::string_view ShardNameFault(std::string_view name);

/// What an allowed name means to some other program, in words; "" if it is plain.
std::string_view ShardNameOddity(std::string_view name);

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_INDEX_H_
