// CRC-32 of many ranges of a file, as fast as it can be read.
#ifndef TENSORGATE_TORCH_CHECKSUMS_H_
#define TENSORGATE_TORCH_CHECKSUMS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/interrupt.h"
#include "tensorgate/source.h"
#include "tensorgate/tensor.h"

namespace tensorgate::torch::internal {

/// The checksum of each of `ranges`, which lie inside the source. By several threads where it is
/// concurrent; each holds a quarter of a mebibyte. Where `interrupt` ends it, its rule is the error. May
/// throw std::bad_alloc.
Result<std::vector<std::uint32_t>> Checksums(Source& source, std::span<const ByteRange> ranges,
                                             tensorgate::internal::Interrupt& interrupt);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_TORCH_CHECKSUMS_H_
