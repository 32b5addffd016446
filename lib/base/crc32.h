// The checksum of ZIP archives.
#ifndef TENSORGATE_BASE_CRC32_H_
#define TENSORGATE_BASE_CRC32_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

/// CRC-32 (ISO 3309) of what came before, whose checksum is `crc`, and `bytes`. Begin with 0.
std::uint32_t Crc32(std::uint32_t crc, std::span<const std::byte> bytes);

/// That of bytes with checksum `first`, and `second_bytes` more behind them, with checksum `second`.
std::uint32_t JoinCrc32(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_CRC32_H_
