// Unpacks raw deflate data (RFC 1951), never beyond the room that it is given.
//
//   const Inflated inflated = Inflate(packed, output);
//   std::span<std::byte> bytes = std::span(output).first(inflated.produced);
//
// Nothing is allocated; what is produced is checked to fit before each byte, and a distance reaches only into what was
// produced. Time is linear in both sizes.
#ifndef TENSORGATE_BASE_INFLATE_H_
#define TENSORGATE_BASE_INFLATE_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

enum class InflateEnd : std::uint8_t {
  kDone,     ///< The last block ended.
  kFull,     ///< More would be produced than there is room for.
  kCut,      ///< The input ends within the data.
  kDamaged,  ///< No unpacker goes on.
};

struct Inflated {
  InflateEnd end;
  std::size_t consumed;  ///< Whole bytes of the input; only of kDone.
  std::size_t produced;
};

Inflated Inflate(std::span<const std::byte> packed, std::span<std::byte> output);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_INFLATE_H_
