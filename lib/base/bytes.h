// The few ways in which the rest of the library accesses raw bytes.
#ifndef TENSORGATE_BASE_BYTES_H_
#define TENSORGATE_BASE_BYTES_H_

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "lib/base/raw_bytes.h"

TENSORGATE_RAW_BYTES_BEGIN
namespace tensorgate::internal {

/// Readable bytes after a header's text, so that short texts can be compared by whole words.
inline constexpr std::size_t kSlack = 16;

inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::span<char> AsWritableText(std::span<std::byte> bytes) {
  return {reinterpret_cast<char*>(bytes.data()), bytes.size()};
}

/// The lower-case form of an ASCII letter; any other character unchanged.
constexpr char FoldCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The number in the first sizeof(T) bytes of `text`, which must be that long.
template <std::integral T>
inline T LoadLittleEndian(std::string_view text) {
  T value;
  std::memcpy(&value, text.data(), sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  return value;
}

template <std::unsigned_integral T>
inline T LoadLittleEndian(std::span<const std::byte, sizeof(T)> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  return value;
}

inline std::uint64_t LoadLittleEndian64(std::span<const std::byte, 8> bytes) {
  return LoadLittleEndian<std::uint64_t>(bytes);
}

inline void StoreLittleEndian64(std::uint64_t value, std::span<std::byte, 8> bytes) {
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
  std::memcpy(bytes.data(), &value, sizeof value);
}

/// One to eight bytes of text as a number; the upper bytes are zero. Eight bytes must be readable.
inline std::uint64_t ShortWord(std::string_view text) {
  std::uint64_t word;
  std::memcpy(&word, text.data(), sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word & ~std::uint64_t{0} >> (64 - 8 * text.size());
}

/// Copies as much of `from` as fits into `into`; returns the number of bytes.
inline std::size_t CopyBytes(std::span<const std::byte> from, std::span<std::byte> into) {
  const std::size_t count = std::min(from.size(), into.size());
  if (count != 0) std::memcpy(into.data(), from.data(), count);
  return count;
}

/// The address of the first byte, as a number.
inline std::uintptr_t AddressOf(std::span<const std::byte> bytes) {
  return reinterpret_cast<std::uintptr_t>(bytes.data());
}

/// The offset of `part` in `whole`, if it is a view of it. Compares addresses as integers, since
/// the two may be unrelated.
inline std::optional<std::size_t> OffsetWithin(std::string_view whole, std::string_view part) {
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(part.data()) -
                                reinterpret_cast<std::uintptr_t>(whole.data());
  if (offset > whole.size() || part.size() > whole.size() - offset) return std::nullopt;
  return offset;
}

/// The index of `part` in `whole`, if it is a view of it.
template <typename T>
inline std::optional<std::size_t> IndexWithin(std::span<const T> whole, std::span<const T> part) {
  const std::optional<std::size_t> offset =
      OffsetWithin(AsText(std::as_bytes(whole)), AsText(std::as_bytes(part)));
  if (!offset) return std::nullopt;
  return *offset / sizeof(T);
}

}  // namespace tensorgate::internal
TENSORGATE_RAW_BYTES_END

#endif  // TENSORGATE_BASE_BYTES_H_
