// Decompresses raw deflate data (RFC 1951), never writing beyond the buffer that it is given.
//
//   const Inflated inflated = Inflate(packed, output);
//   std::span<std::byte> bytes = std::span(output).first(inflated.produced);
//
// It allocates nothing. Before each byte it checks that the output has room, and a distance refers
// only to bytes already produced. Time is linear in both sizes.
#ifndef TENSORGATE_BASE_INFLATE_H_
#define TENSORGATE_BASE_INFLATE_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

enum class InflateEnd : std::uint8_t {
  kDone,     ///< The last block ended.
  kFull,     ///< The output is full, and more would be produced.
  kCut,      ///< The input ends within the data.
  kDamaged,  ///< The data are invalid: every decompressor stops here.
};

struct Inflated {
  InflateEnd end;
  std::size_t consumed;  ///< Whole bytes of input; only for kDone.
  std::size_t produced;
};

Inflated Inflate(std::span<const std::byte> packed, std::span<std::byte> output);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_INFLATE_H_
