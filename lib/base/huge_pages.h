// Large buffers in huge pages: without them a header of 100 MB causes ten thousand page faults.
#ifndef TENSORGATE_BASE_HUGE_PAGES_H_
#define TENSORGATE_BASE_HUGE_PAGES_H_

#include <cstddef>

namespace tensorgate::internal {

/// Smallest block for which the call is worthwhile.
inline constexpr std::size_t kHugeBlock = std::size_t{1} << 20;

/// The size to request from an allocator, at least that of the block. Large sizes become a whole
/// number of huge pages together with the allocator's own data: systems align such a mapping, and
/// then it has no small pages.
constexpr std::size_t WithWholeHugePages(std::size_t size) {
  constexpr std::size_t kPage = std::size_t{2} << 20, kBeside = 32;
  if (size < kHugeBlock || size > static_cast<std::size_t>(-1) / 2) return size;
  return ((size + kBeside + kPage - 1) & ~(kPage - 1)) - kBeside;
}

/// Asks the system for huge pages in memory that has not been written to yet, and in the rest of
/// its first and last page. Has no effect if the system has no huge pages.
void AdviseHugePages(void* data, std::size_t size);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_HUGE_PAGES_H_
