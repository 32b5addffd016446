// Names: hashed, searched for duplicates, found again.
#ifndef TENSORGATE_BASE_NAMES_H_
#define TENSORGATE_BASE_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/pod_buffer.h"

TENSORGATE_RAW_BYTES_BEGIN
namespace tensorgate::internal {

/// Bytes that must be readable behind every text given to ScanName, and the header.
inline constexpr std::size_t kSlack = 16;

struct NameScan {
  std::uint32_t hash;
  bool notable;  ///< Holds DEL or a byte above it, or "..": look closer.
};

inline std::uint64_t FoldedProduct(std::uint64_t a, std::uint64_t b) {
#ifdef __SIZEOF_INT128__
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  const std::uint64_t low = (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF) ^ (a >> 32) * (b >> 32);
  return low + ((a >> 32) * (b & 0xFFFFFFFF) ^ (a & 0xFFFFFFFF) * (b >> 32)) * 0x9E3779B97F4A7C15;
#endif
}

/// Hash and a first look at a name, eight bytes at a time. `kSlack` bytes behind it must be
/// readable; they do not change the result. The hash has no secret: equal hashes are settled by the
/// bytes, and NameIndex bounds what chosen collisions cost.
template <bool kReadsBehind = true>
inline NameScan ScanName(std::string_view name) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  constexpr std::uint64_t kDots = 0x2E2E2E2E2E2E2E2E;
  const char* data = name.data();
  std::size_t left = name.size();
  std::uint64_t hash = 0, seen = 0, last_dots = 0, key = 0xA0761D6478BD642F;
  const auto word = [&](std::uint64_t value) {
    // A byte above 0x7E shows in bit 7 of itself or of itself + 1 (all lower bytes are below 0x80
    // then).
    seen |= value | (value + kOnes);
    // Two dots side by side, also across words. A '/' after a dot may count as one: looked at
    // again.
    const std::uint64_t x = value ^ kDots;
    const std::uint64_t dots = (x - kOnes) & ~x & kHigh;
    seen |= dots & (dots << 8 | last_dots >> 56);
    last_dots = dots;
    return value;
  };
  const auto load = [](const char* p) {
    std::uint64_t value;
    std::memcpy(&value, p, sizeof value);
    return value;
  };
  // In this order: a pair of dots may stand across two words.
  const auto mix = [&](std::uint64_t first, std::uint64_t second) {
    first = word(first);
    second = word(second);
    hash += FoldedProduct(first ^ key, second + (key >> 7 | key << 57));
  };
  while (left > 16) {
    mix(load(data), load(data + 8));
    key += 0xE7037ED1A0B428DB;
    data += 16;
    left -= 16;
  }
  const std::uint64_t low_mask = left >= 8 ? ~0ull : (1ull << (8 * left)) - 1;
  const std::uint64_t high_mask = left <= 8    ? 0
                                  : left >= 16 ? ~0ull
                                               : (1ull << (8 * (left - 8))) - 1;
  char copy[16];
  if constexpr (!kReadsBehind) {
    std::memset(copy, 0, sizeof copy);
    if (left != 0) std::memcpy(copy, data, left);
    data = copy;
  }
  mix(load(data) & low_mask, load(data + 8) & high_mask);
  hash = (hash ^ name.size()) * 0x9E3779B97F4A7C15;
  return {static_cast<std::uint32_t>(hash >> 32), (seen & kHigh) != 0};
}

/// The same hash for a name behind which nothing may be read.
inline std::uint32_t HashName(std::string_view name) { return ScanName<false>(name).hash; }

/// Finds equal names among many, and a name among them. The names stay where they are; `at(i)`
/// gives the i-th.
class NameIndex {
 public:
  /// `hashes[i]` is ScanName(at(i)).hash. Duplicates are told by `on_duplicate(later, first)` in
  /// ascending order of `later`; the index holds the first. Throws std::bad_alloc. Time n log n
  /// whatever the names: many equal hashes switch to sorting.
  template <typename NameAt, typename Told>
  void Build(const PodBuffer<std::uint32_t>& hashes, const NameAt& at, const Told& on_duplicate);

  template <typename NameAt>
  std::optional<std::uint32_t> Find(std::string_view name, std::uint32_t hash,
                                    const NameAt& at) const;

 private:
  template <typename NameAt, typename Told>
  void BuildSorted(std::uint32_t count, const NameAt& at, const Told& on_duplicate);

  PodBuffer<std::uint64_t> slots_;   // hash << 32 | index + 1; 0 is free. Open addressing, linear.
  PodBuffer<std::uint32_t> sorted_;  // by name, where hashes were of no use
};

}  // namespace tensorgate::internal
TENSORGATE_RAW_BYTES_END

#include "lib/base/names_impl.h"
#include "lib/base/raw_bytes.h"

#endif  // TENSORGATE_BASE_NAMES_H_
