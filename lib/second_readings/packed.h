// Whether joblib, and readers like it that decompress by the first bytes, get any data from a file.
#ifndef TENSORGATE_SECOND_READINGS_PACKED_H_
#define TENSORGATE_SECOND_READINGS_PACKED_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace tensorgate::internal {

/// Number of bytes at the start of a file that decide.
inline constexpr std::size_t kPackedWindow = 128 * 1024;

/// Number of bytes that identify the format.
inline constexpr std::size_t kPackedSignature = 24;

/// "gzip data" or "zlib data", according to the first bytes; otherwise "".
std::string_view PackedFormat(std::span<const std::byte> head);

/// True if `window` (kPackedWindow bytes, or the whole file) decompresses: gzip data to at least
/// one byte; zlib data, whose signature is short, up to their end or to a pickle that calls
/// something. If the window does not decide it, it counts as true.
bool Unpacks(std::span<const std::byte> window);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_PACKED_H_
