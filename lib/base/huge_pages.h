// Large buffers in large pages: a header of 100 MB makes ten thousand page faults otherwise.
#ifndef TENSORGATE_BASE_HUGE_PAGES_H_
#define TENSORGATE_BASE_HUGE_PAGES_H_

#include <cstddef>

namespace tensorgate::internal {

/// Blocks from here on are worth the call.
inline constexpr std::size_t kHugeBlock = std::size_t{4} << 20;

/// Asks the system for large pages in memory that nothing has been written to yet. Without effect
/// where it has none.
void AdviseHugePages(void* data, std::size_t size);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_HUGE_PAGES_H_
