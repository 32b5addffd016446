// A proven file seen through a mapping: nothing is read before it is touched.
//
//   tensorgate::Result<tensorgate::Mapping> mapping = checkpoint.Map(0);
//   if (!mapping) return;
//   tensorgate::Result<tensorgate::TensorRef> tensor = checkpoint.tensor(0);
//   if (!tensor) return;
//   std::span<const std::byte> bytes = mapping->bytes(tensor->range);
//   std::printf("%zu bytes, none of them read\n", bytes.size());
//
// The risk, which reading does not have: the bytes are those of the file at the time they are
// touched. If another process writes to the file, values change; if it truncates the file,
// touching a page past the new end raises SIGBUS, which ends this process. Nothing reports either;
// `Checkpoint::CheckUnchanged` can be asked, before or after, as far as the file's timestamps show it. The checked header is not in the mapping, so names,
// dtypes, shapes and ranges stay as they were proven. Where others may write to the file, read.
//
// Private: nothing that is written to it reaches the file. Tensors lie as they do in the file, which
// need not be aligned for their dtypes. Lifetime: independent of the checkpoint's, except for one of
// memory, whose mapping is that memory. Threads: as with other memory.
#ifndef TENSORGATE_MAPPING_H_
#define TENSORGATE_MAPPING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "tensorgate/export.h"
#include "tensorgate/status.h"
#include "tensorgate/tensor.h"

namespace tensorgate {

struct MapOptions {
  /// The bytes may be changed in memory: pages that are written to become copies. Not for a
  /// checkpoint of memory (`use/not-mappable`).
  bool writable = false;
  /// Reads everything into the page cache and makes it reachable at once, before the call returns.
  bool populate = false;
};

class TENSORGATE_API Mapping {
 public:
  /// `size` bytes of an open file, which must be that long: `Checkpoint::Map` looks.
  static Result<Mapping> MapFile(int descriptor, std::uint64_t size, const MapOptions& options);
  /// Memory of the caller's as it stands.
  static Mapping OfMemory(std::span<const std::byte> bytes) { return Mapping(bytes, {}); }

  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})),
        mapped_(std::exchange(other.mapped_, {})),
        writable_(std::exchange(other.writable_, false)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
    std::swap(writable_, other.writable_);
    return *this;
  }
  ~Mapping();

  /// The whole file.
  std::span<const std::byte> bytes() const { return bytes_; }
  /// A range of it, such as a tensor's. One that is not inside ends the program.
  std::span<const std::byte> bytes(const ByteRange& range) const;
  /// The same where the mapping is writable; else it is empty.
  std::span<std::byte> writable_bytes() { return writable_ ? mapped_ : std::span<std::byte>(); }

 private:
  Mapping(std::span<const std::byte> bytes, std::span<std::byte> mapped)
      : bytes_(bytes), mapped_(mapped) {}
  std::span<const std::byte> bytes_;
  std::span<std::byte> mapped_;  // what is ours to unmap
  bool writable_ = false;
};

}  // namespace tensorgate

#endif  // TENSORGATE_MAPPING_H_
