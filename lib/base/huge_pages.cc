#include "lib/base/huge_pages.h"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tensorgate::internal {

void AdviseHugePages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t size) {
#if defined(__linux__)
  // From the page in which the block starts; the allocator's own few bytes share it.
  constexpr std::uintptr_t kPage = 4096;
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(data) & ~(kPage - 1);
  const std::uintptr_t end =
      (reinterpret_cast<std::uintptr_t>(data) + size + kPage - 1) & ~(kPage - 1);
  // If the system refuses (no such pages, other page sizes, nothing to advise), nothing changes.
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace tensorgate::internal
