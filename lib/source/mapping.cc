#include "tensorgate/mapping.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace tensorgate {

Result<Mapping> Mapping::MapFile(int descriptor, std::uint64_t size, const MapOptions& options) {
  if (size > SIZE_MAX / 2) {
    return std::unexpected(Status{.rule = Rule::kIoOutOfMemory, .system_error = ENOMEM});
  }
  if (size == 0) return Mapping();
  const auto length = static_cast<std::size_t>(size);
  // Copies of pages that are never written to must not count as used memory.
  const int flags =
      MAP_PRIVATE | (options.writable ? MAP_NORESERVE : 0) | (options.populate ? MAP_POPULATE : 0);
  const int protection = PROT_READ | (options.writable ? PROT_WRITE : 0);
  void* mapped = ::mmap(nullptr, length, protection, flags, descriptor, 0);
  if (mapped == MAP_FAILED) {
    const Rule rule = errno == ENOMEM   ? Rule::kIoOutOfMemory
                      : errno == ENODEV ? Rule::kUseNotMappable
                                        : Rule::kIoReadFailed;
    return std::unexpected(Status{.rule = rule, .system_error = errno});
  }
  const std::span<std::byte> bytes(static_cast<std::byte*>(mapped), length);
  Mapping mapping(bytes, bytes);
  mapping.writable_ = options.writable;
  return mapping;
}

std::span<const std::byte> Mapping::bytes(const ByteRange& range) const {
  if (range.offset > bytes_.size() || range.length > bytes_.size() - range.offset) std::abort();
  return bytes_.subspan(static_cast<std::size_t>(range.offset),
                        static_cast<std::size_t>(range.length));
}

Mapping::~Mapping() {
  if (!mapped_.empty()) ::munmap(mapped_.data(), mapped_.size());
}

}  // namespace tensorgate
