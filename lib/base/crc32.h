// The checksum of ZIP archives.
#ifndef TENSORGATE_BASE_CRC32_H_
#define TENSORGATE_BASE_CRC32_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

/// CRC-32 (ISO 3309) of earlier bytes, whose checksum is `crc`, followed by `bytes`. Start with 0.
std::uint32_t Crc32(std::uint32_t crc, std::span<const std::byte> bytes);

/// The checksum of two consecutive ranges of bytes, with checksums `first` and `second`; the second
/// range has `second_bytes` bytes.
std::uint32_t JoinCrc32(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_CRC32_H_
