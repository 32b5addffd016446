// Random numbers that are the same everywhere: splitmix64, and no distributions of the standard
// library.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_RANDOM_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tensorgate::mutator {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  /// A number below `count`, which must not be 0.
  std::size_t Below(std::size_t count) { return static_cast<std::size_t>(Next() % count); }
  /// A number from `low` to `high`, inclusive.
  std::size_t Between(std::size_t low, std::size_t high) { return low + Below(high - low + 1); }
  bool Percent(unsigned chance) { return Next() % 100 < chance; }

  template <typename T, std::size_t N>
  const T& Pick(const T (&from)[N]) {
    return from[Below(N)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace tensorgate::mutator

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_RANDOM_H_
