#include "tensorgate/buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace tensorgate {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
// Below the size of a huge page the allocator's memory, which is reused and warm, is faster. For
// even smaller buffers a particular offset within a page is not worthwhile.
constexpr std::size_t kPagesFrom = std::size_t{64} << 10;
constexpr std::size_t kLine = 64;

std::unexpected<Status> OutOfMemory() {
  return std::unexpected(Status{.rule = Rule::kIoOutOfMemory, .system_error = ENOMEM});
}

std::size_t RoundUp(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

// 4 KiB on most machines.
std::size_t Page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

// Number of bytes to the next multiple of `unit`, as an address.
std::size_t ToNext(const std::byte* at, std::size_t unit) {
  return static_cast<std::size_t>(-reinterpret_cast<std::uintptr_t>(at) % unit);
}

// Maps whole pages, aligned to a huge page. Empty: out of memory.
std::span<std::byte> Map(std::size_t length) {
  // Rounding up to a whole huge page may waste at most a 64th of the memory.
  if (RoundUp(length, kHugePage) - length <= length / 64) length = RoundUp(length, kHugePage);
  const std::size_t asked = length + kHugePage;
  void* mapped = ::mmap(nullptr, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return {};
  auto* begin = static_cast<std::byte*>(mapped);
  const std::size_t before = ToNext(begin, kHugePage), after = asked - before - length;
  if (before != 0) ::munmap(begin, before);
  begin += before;
  ::munmap(begin + length, after);
  // Hints only: without huge pages, or without populating the small ones at the end, it is slower,
  // not wrong.
  const std::size_t in_huge = length / kHugePage * kHugePage;
  ::madvise(begin, in_huge, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
  if (in_huge != length) ::madvise(begin + in_huge, length - in_huge, MADV_POPULATE_WRITE);
#endif
  return {begin, length};
}

}  // namespace

Result<Buffer> Buffer::Allocate(std::uint64_t bytes, std::uint64_t place) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  // Leaves room for the alignment; an object cannot be larger than half the address space.
  if (bytes > SIZE_MAX / 2 - 2 * kHugePage) return OutOfMemory();
  const auto size = static_cast<std::size_t>(bytes);
  const std::size_t page = Page();
  const std::size_t unit = size < kPagesFrom ? kLine : page;
  const auto offset = static_cast<std::size_t>(place % unit);
  if (size < kHugePage) {
    const std::size_t room = size + offset + unit - 1;
    auto* block = static_cast<std::byte*>(std::malloc(room));
    if (block == nullptr) return OutOfMemory();
    buffer.block_ = {block, room};
    buffer.bytes_ = buffer.block_.subspan(ToNext(block, unit) + offset, size);
    return buffer;
  }
  buffer.block_ = Map(RoundUp(size + offset, page));
  if (buffer.block_.empty()) return OutOfMemory();
  buffer.bytes_ = buffer.block_.subspan(offset, size);
  buffer.mapped_ = true;
  return buffer;
}

Buffer::~Buffer() {
  if (mapped_ && !block_.empty()) {
    ::munmap(block_.data(), block_.size());
  } else {
    std::free(block_.data());
  }
}

}  // namespace tensorgate
