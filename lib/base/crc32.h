// The checksum of ZIP archives.
#ifndef TENSORGATE_BASE_CRC32_H_
#define TENSORGATE_BASE_CRC32_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

/// CRC-32 (ISO 3309) of what came before, whose checksum is `crc`, and `bytes`. Begin with 0.
std::uint32_t Crc32(std::uint32_t crc, std::span<const std::byte> bytes);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_CRC32_H_
