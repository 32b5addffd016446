// What a parser without input and output requests from its driver.
#ifndef TENSORGATE_BASE_NEED_H_
#define TENSORGATE_BASE_NEED_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

/// The bytes that the parser needs next: fill all of `into` from `offset` on. If it needs nothing,
/// `into` is empty.
struct Need {
  std::uint64_t offset = 0;
  std::span<std::byte> into;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_NEED_H_
