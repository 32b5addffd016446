// Copies items that are at equal distances.
#ifndef TENSORGATE_BASE_STRIDED_COPY_H_
#define TENSORGATE_BASE_STRIDED_COPY_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "lib/base/raw_bytes.h"

TENSORGATE_RAW_BYTES_BEGIN
namespace tensorgate::internal {

/// Items of `size` bytes: the i-th is at `at + i * stride`, modulo 2^64.
struct Row {
  std::uint64_t at = 0;
  std::uint64_t stride = 0;  // a negative one is its two's complement

  bool Fits(std::uint64_t count, std::uint64_t size, std::uint64_t room) const {
    const std::uint64_t last = at + (count - 1) * stride;
    return size <= room && at <= room - size && last <= room - size;
  }
};

template <std::size_t kSize>
inline void CopyRow(const std::byte* from, std::ptrdiff_t from_stride, std::byte* into,
                    std::ptrdiff_t into_stride, std::uint64_t count) {
  for (; count != 0; --count, from += from_stride, into += into_stride) {
    std::memcpy(into, from, kSize);
  }
}

/// Copies `count` items of `size` bytes, both above 0. Requires that all items of both rows are
/// inside their spans; aborts otherwise.
inline void CopyStrided(std::span<const std::byte> from, Row source, std::span<std::byte> into,
                        Row target, std::uint64_t count, std::size_t size) {
  if (!source.Fits(count, size, from.size())) std::abort();
  if (!target.Fits(count, size, into.size())) std::abort();
  const std::byte* a = from.data() + source.at;
  std::byte* b = into.data() + target.at;
  const auto a_stride = static_cast<std::ptrdiff_t>(source.stride);
  const auto b_stride = static_cast<std::ptrdiff_t>(target.stride);
  switch (size) {
    case 1:
      return CopyRow<1>(a, a_stride, b, b_stride, count);
    case 2:
      return CopyRow<2>(a, a_stride, b, b_stride, count);
    case 4:
      return CopyRow<4>(a, a_stride, b, b_stride, count);
    case 8:
      return CopyRow<8>(a, a_stride, b, b_stride, count);
    case 16:
      return CopyRow<16>(a, a_stride, b, b_stride, count);
    default:
      break;
  }
  for (; count != 0; --count, a += a_stride, b += b_stride) std::memcpy(b, a, size);
}

}  // namespace tensorgate::internal
TENSORGATE_RAW_BYTES_END

#endif  // TENSORGATE_BASE_STRIDED_COPY_H_
