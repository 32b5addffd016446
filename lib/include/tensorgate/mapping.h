// A verified file as a memory mapping: nothing is read until it is accessed.
//
//   tensorgate::Result<tensorgate::Mapping> mapping = checkpoint.Map(0);
//   if (!mapping) return;
//   tensorgate::Result<tensorgate::TensorRef> tensor = checkpoint.tensor(0);
//   if (!tensor) return;
//   std::span<const std::byte> bytes = mapping->bytes(tensor->range);
//   std::printf("%zu bytes, none of them read\n", bytes.size());
//
// Unlike reading, mapping has a risk: the bytes are those of the file at the time of access. If
// another process writes to the file, values change; if it truncates the file, accessing a page
// past the new end raises SIGBUS, which ends this process. Nothing reports either.
// `Checkpoint::CheckUnchanged` can be called before or after, and finds what the file's timestamps
// show. The checked header is not in the mapping, so names, dtypes, shapes and ranges stay as they
// were verified. If other processes may write to the file, read it instead.
//
// The mapping is private: writing to it never changes the file. Tensors are at the same offsets as
// in the file, so they may not be aligned for their dtypes. Lifetime: the mapping of a file is
// independent of its checkpoint; the mapping of a checkpoint in memory is that memory itself.
// Threads: as for any memory.
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
  /// Allow writing to the bytes in memory; a page that is written to becomes a copy. Not for a
  /// checkpoint in memory (`use/not-mappable`).
  bool writable = false;
  /// Read the whole file into the page cache and map all its pages before the call returns.
  bool populate = false;
};

class TENSORGATE_API Mapping {
 public:
  /// Maps `size` bytes of an open file, which must be at least that long: `Checkpoint::Map` checks
  /// this.
  static Result<Mapping> MapFile(int descriptor, std::uint64_t size, const MapOptions& options);
  /// Caller-owned memory, used as it is.
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
  /// A range of the file, such as a tensor's. Requires that it is inside the file; aborts
  /// otherwise.
  std::span<const std::byte> bytes(const ByteRange& range) const;
  /// The whole file for writing; empty if the mapping is not writable.
  std::span<std::byte> writable_bytes() { return writable_ ? mapped_ : std::span<std::byte>(); }

 private:
  Mapping(std::span<const std::byte> bytes, std::span<std::byte> mapped)
      : bytes_(bytes), mapped_(mapped) {}
  std::span<const std::byte> bytes_;
  std::span<std::byte> mapped_;  // to be unmapped by the destructor
  bool writable_ = false;
};

}  // namespace tensorgate

#endif  // TENSORGATE_MAPPING_H_
