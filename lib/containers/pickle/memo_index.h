// The index of a memo entry written as text, after GET and PUT.
#ifndef TENSORGATE_CONTAINERS_PICKLE_MEMO_INDEX_H_
#define TENSORGATE_CONTAINERS_PICKLE_MEMO_INDEX_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace tensorgate::pickle {

/// Replaces an index of more than 18 digits, which unpicklers read differently; no writer uses one.
inline constexpr std::uint64_t kHugeIndex = UINT64_MAX;

/// Reads it like CPython, and accepts slightly more: spaces around it, a sign (-0 is 0) and
/// underscores; a zero byte ends it. std::nullopt if no unpickler reads it.
std::optional<std::uint64_t> MemoIndex(std::string_view line);

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_MEMO_INDEX_H_
