// Names: hashing them, finding duplicates, looking them up.
#ifndef TENSORGATE_BASE_NAMES_H_
#define TENSORGATE_BASE_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/base/pod_buffer.h"

TENSORGATE_RAW_BYTES_BEGIN
namespace tensorgate::internal {

struct NameScan {
  std::uint32_t hash;
  /// Contains '/', "__", "uc" (of "constructor") or a byte from DEL on: look closer.
  bool notable;
};

template <typename Word>
Word LoadWord(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline std::uint64_t FoldedProduct(std::uint64_t a, std::uint64_t b) {
#ifdef __SIZEOF_INT128__
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  const std::uint64_t low = (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF) ^ (a >> 32) * (b >> 32);
  return low + ((a >> 32) * (b & 0xFFFFFFFF) ^ (a & 0xFFFFFFFF) * (b >> 32)) * 0x9E3779B97F4A7C15;
#endif
}

/// Takes a name in pieces, which may overlap but must not skip a byte or a pair of bytes.
class NameScanner {
 public:
  explicit NameScanner(std::size_t size) : hash_(size) {}

  /// Sixteen bytes, and the pair of the last of them and the byte after it.
  void Block(const char* at) {
    Mix(LoadWord<std::uint64_t>(at), LoadWord<std::uint64_t>(at + 8));
    Bytes bytes, next;
    std::memcpy(&bytes, at, sizeof bytes);
    std::memcpy(&next, at + 1, sizeof next);
    See(bytes, next);
  }
  void LastBlock(const char* at) {
    Mix(LoadWord<std::uint64_t>(at), LoadWord<std::uint64_t>(at + 8));
    Bytes bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    const Bytes next = __builtin_shufflevector(bytes, Bytes{}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
                                               12, 13, 14, 15, 16);
    See(bytes, next);
  }
  void Words(std::uint64_t first, std::uint64_t second) {
    Mix(first, second);
    SeeWord(first);
    SeeWord(second);
  }
  NameScan Finish() const {
    const auto halves = __builtin_bit_cast(Halves, bytes_seen_);
    return {static_cast<std::uint32_t>(hash_ * 0x9E3779B97F4A7C15 >> 32),
            ((halves[0] | halves[1] | word_seen_) & kHigh) != 0};
  }

 private:
  using Bytes = signed char __attribute__((vector_size(16)));
  using Halves = std::uint64_t __attribute__((vector_size(16)));
  static constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  static constexpr std::uint64_t kSmall = kOnes * ('a' - 'A');
  static constexpr signed char kSlash = '/', kUnderscore = '_', kU = 'u', kC = 'c', kTilde = '~';

  void Mix(std::uint64_t first, std::uint64_t second) {
    first |= kSmall;
    second |= kSmall;
    hash_ += FoldedProduct(first ^ key_, second + (key_ >> 7 | key_ << 57));
    key_ += 0xE7037ED1A0B428DB;
  }
  // In both, bit 7 of a byte is the result. A byte above 0x7E shows in itself or in itself + 1. By
  // reference, since how vectors are passed depends on the machine's flags.
  void See(const Bytes& bytes, const Bytes& next) {
    bytes_seen_ |= bytes | (bytes > Bytes{} + kTilde) | (bytes == Bytes{} + kSlash) |
                   ((bytes == Bytes{} + kUnderscore) & (next == Bytes{} + kUnderscore)) |
                   ((bytes == Bytes{} + kU) & (next == Bytes{} + kC));
  }
  // Sets bit 7 of each byte that equals `c`, and possibly of a byte after one.
  static std::uint64_t Find(std::uint64_t word, char c) {
    const std::uint64_t x = word ^ kOnes * static_cast<unsigned char>(c);
    return (x - kOnes) & ~x & kHigh;
  }
  void SeeWord(std::uint64_t word) {
    const std::uint64_t underscores = Find(word, '_');
    word_seen_ |= word | (word + kOnes) | Find(word, '/') | (underscores & underscores << 8) |
                  (Find(word, 'c') & Find(word, 'u') << 8);
  }

  std::uint64_t hash_, word_seen_ = 0, key_ = 0xA0761D6478BD642F;
  Bytes bytes_seen_{};
};

/// Hash of a name and a first look at it. Names that differ only in the case of ASCII letters have
/// the same hash. There is no secret: equal hashes are decided by comparing the bytes, and
/// NameIndex bounds the cost of chosen collisions.
inline NameScan ScanName(std::string_view name) {
  const char* at = name.data();
  const std::size_t size = name.size();
  NameScanner scanner(size);
  if (size >= 16) [[likely]] {
    const char* last = at + (size - 16);
    for (; at < last; at += 16) scanner.Block(at);
    scanner.LastBlock(last);
  } else if (size >= 8) {
    scanner.Words(LoadWord<std::uint64_t>(at), LoadWord<std::uint64_t>(at + size - 8));
  } else if (size >= 4) {
    scanner.Words(LoadWord<std::uint32_t>(at), LoadWord<std::uint32_t>(at + size - 4));
  } else if (size > 0) {
    const auto byte = [&](std::size_t i) {
      return std::uint64_t{static_cast<unsigned char>(at[i])};
    };
    scanner.Words(byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16, 0);
  }
  return scanner.Finish();
}

inline std::uint32_t HashName(std::string_view name) { return ScanName(name).hash; }

/// Finds equal names among many, and looks up names. The names are not copied; `at(i)` gives the
/// i-th, as text or as another type with ==, compare() and size().
class NameIndex {
 public:
  struct Nothing {
    void operator()(std::uint32_t, std::uint32_t) const {}
  };

  /// `hashes[i]` is ScanName(at(i)).hash. Duplicates are reported by `on_duplicate(later, first)`
  /// in ascending order of `later`; the index holds the first. Throws std::bad_alloc. Time n log n
  /// whatever the names: many equal hashes switch to sorting. `on_alike(later, earlier)` is called
  /// if the hashes of two names are equal but the names are not, and once if hashing was given up.
  template <typename NameAt, typename OnDuplicate, typename Alike = Nothing>
  void Build(const PodBuffer<std::uint32_t>& hashes, const NameAt& at,
             const OnDuplicate& on_duplicate, const Alike& on_alike = {});

  template <typename NameAt>
  std::optional<std::uint32_t> Find(std::string_view name, std::uint32_t hash,
                                    const NameAt& at) const {
    std::uint64_t probes = 0;
    return Find(name, hash, at, probes);
  }
  /// Adds the cost to `probes`: 1 or 2 for a good hash. Callers that look up many untrusted names
  /// should call Sort if they cost more.
  template <typename Name = std::string_view, typename NameAt>
  std::optional<std::uint32_t> Find(const std::type_identity_t<Name>& name, std::uint32_t hash,
                                    const NameAt& at, std::uint64_t& probes) const;
  /// After this, a lookup takes log n comparisons, whatever the names. `count`: the number of names
  /// that the index was built from. Throws std::bad_alloc.
  template <typename NameAt>
  void Sort(std::uint32_t count, const NameAt& at) {
    slots_.Clear();
    BuildSorted(count, at, [](std::uint32_t, std::uint32_t) {});
  }

 private:
  template <typename NameAt, typename OnDuplicate>
  void BuildSorted(std::uint32_t count, const NameAt& at, const OnDuplicate& on_duplicate);

  // The upper bits of the hash, then index + 1 in the number of bits that the number of names
  // needs; 0 is free. Linear open addressing, starting at the slot given by the hash's lower bits.
  PodBuffer<std::uint32_t> slots_;
  std::uint32_t index_mask_ = 0;
  PodBuffer<std::uint32_t> sorted_;  // by name, if hashes were useless
};

}  // namespace tensorgate::internal
TENSORGATE_RAW_BYTES_END

#include "lib/base/names_impl.h"
#include "lib/base/raw_bytes.h"

#endif  // TENSORGATE_BASE_NAMES_H_
