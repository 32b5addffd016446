// Whether joblib and readers like it, which unpack by the first bytes, get anything out of a file.
#ifndef TENSORGATE_SECOND_READINGS_PACKED_H_
#define TENSORGATE_SECOND_READINGS_PACKED_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace tensorgate::internal {

/// So much of a file's beginning decides.
inline constexpr std::size_t kPackedWindow = 128 * 1024;

/// So many bytes name the format.
inline constexpr std::size_t kPackedSignature = 24;

/// "gzip data" or "zlib data", by the first bytes; "" for neither.
std::string_view PackedFormat(std::span<const std::byte> head);

/// `window` (kPackedWindow bytes, or all of the file) unpacks: gzip data to a byte or more; zlib data, whose signature is short,
/// to its end or to a pickle that calls something. What the window does not decide counts as that.
bool Unpacks(std::span<const std::byte> window);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_PACKED_H_
