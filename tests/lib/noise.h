// Bytes without a pattern, which are the same each time.
#ifndef TENSORGATE_TESTS_LIB_NOISE_H_
#define TENSORGATE_TESTS_LIB_NOISE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tensorgate::testing {

inline std::vector<std::byte> Noise(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint32_t state = 1;
  for (std::byte& byte : bytes) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

}  // namespace tensorgate::testing

#endif  // TENSORGATE_TESTS_LIB_NOISE_H_
