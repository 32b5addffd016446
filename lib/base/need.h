// What a parser without input and output asks of its driver.
#ifndef TENSORGATE_BASE_NEED_H_
#define TENSORGATE_BASE_NEED_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

/// Bytes that are wanted next: fill all of `into` from `offset` on. Nothing wanted: `into` is empty.
struct Need {
  std::uint64_t offset = 0;
  std::span<std::byte> into;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_NEED_H_
