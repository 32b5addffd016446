// Signatures of other formats, for messages and for polyglots. Not a detector: `lib/scan` decides
// what a file is.
#ifndef TENSORGATE_BASE_MAGIC_H_
#define TENSORGATE_BASE_MAGIC_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tensorgate::internal {

/// How many bytes of the beginning are looked at.
inline constexpr std::size_t kHeadProbe = 64;

/// What begins here, in words ("a ZIP archive"); "" if nothing known. `limit`: bytes from here to
/// the file's end.
std::string_view ForeignMagic(std::span<const std::byte> head, std::uint64_t limit);

/// A Git LFS pointer, by its first line.
bool IsLfsPointer(std::span<const std::byte> head);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_MAGIC_H_
