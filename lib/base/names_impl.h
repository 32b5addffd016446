// Definitions of the templates in names.h.
#ifndef TENSORGATE_BASE_NAMES_IMPL_H_
#define TENSORGATE_BASE_NAMES_IMPL_H_

#include <algorithm>
#include <bit>

#include "lib/base/names.h"
#include "lib/base/raw_bytes.h"

TENSORGATE_RAW_BYTES_BEGIN
namespace tensorgate::internal {

template <typename NameAt, typename OnDuplicate, typename Alike>
void NameIndex::Build(const PodBuffer<std::uint32_t>& hashes, const NameAt& at,
                      const OnDuplicate& on_duplicate, const Alike& on_alike) {
  const auto count = static_cast<std::uint32_t>(hashes.size());
  if (count == 0) return;
  const std::size_t capacity = std::bit_ceil(std::size_t{count} + count / 2 + 1);
  const std::size_t mask = capacity - 1;
  slots_.AssignZero(capacity);
  index_mask_ = ~std::uint32_t{0} >> std::countl_zero(count);
  const std::uint32_t index_mask = index_mask_;
  const std::span<std::uint32_t> slots = slots_.span();
  const std::span<const std::uint32_t> hash_at = hashes.span();
  // A good hash needs about two probes per name; far more mean that the names were chosen to
  // collide.
  std::uint64_t probes_left = std::uint64_t{count} * 16 + 4096;
  constexpr std::uint32_t kAhead = 12;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (count - i > kAhead) __builtin_prefetch(&slots[hash_at[i + kAhead] & mask], 1);
    const std::uint32_t hash = hash_at[i];
    std::size_t slot = hash & mask;
    while (true) {
      const std::uint32_t entry = slots[slot];
      if (entry == 0) {
        slots[slot] = (hash & ~index_mask) | (i + 1);
        break;
      }
      if (((entry ^ hash) & ~index_mask) == 0) {
        const std::uint32_t first = (entry & index_mask) - 1;
        if (hash_at[first] == hash) {
          if (at(first) == at(i)) {
            on_duplicate(i, first);
            break;
          }
          on_alike(i, first);
        }
      }
      if (--probes_left == 0) {
        slots_.Clear();
        on_alike(i, i);
        return BuildSorted(count, at, [&](std::uint32_t later, std::uint32_t first) {
          if (later >= i) on_duplicate(later, first);  // earlier ones were already reported
        });
      }
      slot = (slot + 1) & mask;
    }
  }
}

template <typename NameAt, typename OnDuplicate>
void NameIndex::BuildSorted(std::uint32_t count, const NameAt& at,
                            const OnDuplicate& on_duplicate) {
  sorted_.Resize(count);
  const std::span<std::uint32_t> sorted = sorted_.span();
  for (std::uint32_t i = 0; i < count; ++i) sorted[i] = i;
  // By length first: that decides most comparisons.
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    const auto x = at(a), y = at(b);
    if (x.size() != y.size()) return x.size() < y.size();
    const int order = x.compare(y);
    return order != 0 ? order < 0 : a < b;
  };
  std::sort(sorted.begin(), sorted.end(), before);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> duplicates;
  std::size_t kept = 0;
  for (const std::uint32_t index : sorted) {
    if (kept != 0 && at(sorted[kept - 1]) == at(index)) {
      duplicates.emplace_back(index, sorted[kept - 1]);
    } else {
      sorted[kept++] = index;
    }
  }
  sorted_.Resize(kept);
  std::sort(duplicates.begin(), duplicates.end());
  for (const auto& [later, first] : duplicates) on_duplicate(later, first);
}

template <typename Name, typename NameAt>
std::optional<std::uint32_t> NameIndex::Find(const std::type_identity_t<Name>& name,
                                             std::uint32_t hash, const NameAt& at,
                                             std::uint64_t& probes) const {
  if (!sorted_.empty()) {
    const std::span<const std::uint32_t> sorted = sorted_.span();
    const auto found = std::lower_bound(
        sorted.begin(), sorted.end(), name, [&](std::uint32_t index, const Name& wanted) {
          const auto x = at(index);
          return x.size() != wanted.size() ? x.size() < wanted.size() : x.compare(wanted) < 0;
        });
    if (found == sorted.end() || at(*found) != name) return std::nullopt;
    return *found;
  }
  if (slots_.empty()) return std::nullopt;
  const std::span<const std::uint32_t> slots = slots_.span();
  const std::size_t mask = slots.size() - 1;
  for (std::size_t slot = hash & mask; slots[slot] != 0; slot = (slot + 1) & mask) {
    ++probes;
    const std::uint32_t index = (slots[slot] & index_mask_) - 1;
    if (((slots[slot] ^ hash) & ~index_mask_) == 0 && at(index) == name) return index;
  }
  return std::nullopt;
}

}  // namespace tensorgate::internal
TENSORGATE_RAW_BYTES_END

#endif  // TENSORGATE_BASE_NAMES_IMPL_H_
