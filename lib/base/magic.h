// Signatures of other formats, for messages and for polyglots. It is not a format detector:
// `lib/scan` decides what a file is.
#ifndef TENSORGATE_BASE_MAGIC_H_
#define TENSORGATE_BASE_MAGIC_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tensorgate::internal {

/// Number of bytes at the start of a file that are looked at.
inline constexpr std::size_t kHeadProbe = 64;

/// The format whose signature is here, in words ("a ZIP archive"); "" if none is known. `limit`:
/// bytes from here to the end of the file.
std::string_view ForeignMagic(std::span<const std::byte> head, std::uint64_t limit);

/// True for a Git LFS pointer, by its first line.
bool IsLfsPointer(std::span<const std::byte> head);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_MAGIC_H_
