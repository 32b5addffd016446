// The index of a memo entry where it stands as text, after GET and PUT.
#ifndef TENSORGATE_CONTAINERS_PICKLE_MEMO_INDEX_H_
#define TENSORGATE_CONTAINERS_PICKLE_MEMO_INDEX_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace tensorgate::pickle {

/// For an index of more than 18 digits, which unpicklers read differently; no writer has as many.
inline constexpr std::uint64_t kHugeIndex = UINT64_MAX;

/// As CPython reads it, and a little more: with spaces around it, a sign (-0 is 0), underscores, and
/// only up to a zero byte. Empty: no unpickler reads it.
std::optional<std::uint64_t> MemoIndex(std::string_view line);

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_MEMO_INDEX_H_
