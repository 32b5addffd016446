// Memory for tensors: aligned like the file it is read from, and in huge pages if it is large.
//
//   tensorgate::Result<tensorgate::Buffer> buffer = tensorgate::Buffer::Allocate(100'000'000);
//   if (!buffer) return;  // io/out-of-memory
//   std::span<std::byte> bytes = buffer->bytes();
//   bytes[0] = std::byte{1};
//   tensorgate::Buffer owner = std::move(*buffer);  // the bytes stay where they are
//   std::printf("%zu bytes\n", owner.size());
//
// New memory is uninitialized. Copying from the page cache is up to three times slower when the
// memory's offset within its page differs from the file's, and the first touch of a 4 KiB page
// costs more than copying it. This class avoids both. A buffer has one owner and can be moved. Not
// thread-safe: use it from one thread at a time.
#ifndef TENSORGATE_BUFFER_H_
#define TENSORGATE_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "tensorgate/export.h"
#include "tensorgate/status.h"

namespace tensorgate {

class TENSORGATE_API Buffer {
 public:
  /// `size` bytes at an address that equals `offset` modulo the page size (modulo 64 for buffers
  /// below 64 KiB). An offset of 0 is aligned for every dtype. Fails with `io/out-of-memory`.
  static Result<Buffer> Allocate(std::uint64_t size, std::uint64_t offset = 0);

  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})),
        block_(std::exchange(other.block_, {})),
        mapped_(other.mapped_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(block_, other.block_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }
  ~Buffer();

  std::size_t size() const { return bytes_.size(); }
  std::span<std::byte> bytes() { return bytes_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<std::byte> bytes_;
  std::span<std::byte> block_;  // the whole allocation
  bool mapped_ = false;
};

}  // namespace tensorgate

#endif  // TENSORGATE_BUFFER_H_
