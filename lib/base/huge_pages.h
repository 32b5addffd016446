// Large buffers in large pages: a header of 100 MB makes ten thousand page faults otherwise.
#ifndef TENSORGATE_BASE_HUGE_PAGES_H_
#define TENSORGATE_BASE_HUGE_PAGES_H_

#include <cstddef>

namespace tensorgate::internal {

/// Blocks from here on are worth the call.
inline constexpr std::size_t kHugeBlock = std::size_t{1} << 20;

/// The size to ask an allocator for, that of a block at least. Large ones become whole large pages together with what
/// the allocator keeps beside them: systems align such a mapping, and no page of it is a small one.
constexpr std::size_t WithWholeHugePages(std::size_t size) {
  constexpr std::size_t kPage = std::size_t{2} << 20, kBeside = 32;
  if (size < kHugeBlock || size > static_cast<std::size_t>(-1) / 2) return size;
  return ((size + kBeside + kPage - 1) & ~(kPage - 1)) - kBeside;
}

/// Asks the system for large pages in memory that nothing has been written to yet, and in what shares its first and
/// last page. Without effect where it has none.
void AdviseHugePages(void* data, std::size_t size);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_HUGE_PAGES_H_
