// Where bytes come from: memory, a file, or a caller's function.
//
//   auto source = tensorgate::CallbackSource(size, [&](std::uint64_t offset, std::span<std::byte>
//   into)
//       -> tensorgate::Result<std::size_t> {
//     return remote.Fetch(offset, into);  // how many bytes came: 1 … into.size(), 0 at the end
//   });
//   tensorgate::Report report = tensorgate::safetensors::Check(source);
//
// A source is read by one thread at a time, unless it says that it is concurrent. It must outlive
// the call that it is passed to, but not longer.
#ifndef TENSORGATE_SOURCE_H_
#define TENSORGATE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "tensorgate/export.h"
#include "tensorgate/status.h"

namespace tensorgate {

class TENSORGATE_API Source {
 public:
  virtual ~Source() = default;
  /// Total size in bytes, fixed for the life of the source.
  virtual std::uint64_t size() const = 0;
  /// Reads up to `into.size()` bytes at `offset` and returns how many it read. 0: there are no
  /// more.
  virtual Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) = 0;
  /// Called once after the last read: an error if the bytes are known to have changed since the
  /// source was opened.
  virtual Result<void> CheckUnchanged() { return {}; }
  /// True if several threads may call Read() at once.
  virtual bool concurrent() const { return false; }
  /// The open file of the source, which keeps ownership, for mapping it or for copying from it in
  /// the kernel. -1: none.
  virtual int descriptor() const { return -1; }
  /// All bytes, if they are in memory for the life of the source; otherwise empty.
  virtual std::span<const std::byte> memory() const { return {}; }
};

/// Fills `into` from `offset` on, however few bytes the source delivers at a time; fails with
/// `io/short-read` if the source ends before that.
TENSORGATE_API Result<void> ReadFully(Source& source, std::uint64_t offset,
                                      std::span<std::byte> into);

/// Caller-owned bytes, which must not change while they are read.
class TENSORGATE_API MemorySource final : public Source {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  bool concurrent() const override { return true; }
  std::span<const std::byte> memory() const override { return bytes_; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;

 private:
  std::span<const std::byte> bytes_;
};

/// A caller's function, with the total size.
class TENSORGATE_API CallbackSource final : public Source {
 public:
  using ReadFunction = std::function<Result<std::size_t>(std::uint64_t, std::span<std::byte>)>;
  CallbackSource(std::uint64_t size, ReadFunction read) : size_(size), read_(std::move(read)) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;

 private:
  std::uint64_t size_;
  ReadFunction read_;
};

/// A regular file, read with `pread`, never mapped. Anything else is refused with `io/not-regular`,
/// without blocking.
class TENSORGATE_API FileSource final : public Source {
 public:
  /// Opens `path` for reading; follows a symbolic link.
  static Result<FileSource> Open(const std::string& path);
  /// Reads from an open descriptor, which the caller must keep open and close; its file offset is
  /// neither used nor changed.
  static Result<FileSource> FromDescriptor(int descriptor);
  /// The same with a duplicate of the descriptor: the caller may close the original.
  static Result<FileSource> Duplicate(int descriptor);
  /// As FromDescriptor, but the source takes ownership and closes the descriptor, even if this
  /// fails.
  static Result<FileSource> Own(int descriptor);

  FileSource(FileSource&& other) noexcept;
  FileSource& operator=(FileSource&& other) noexcept;
  ~FileSource() override;
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;
  /// Fails with `io/changed` if size, timestamps or identity differ from those at opening. One
  /// exception: if a name of the file was added or removed since (for example because a program
  /// saved over it), the inode's change time is ignored, since removing or adding a name changes
  /// it.
  Result<void> CheckUnchanged() override;
  bool concurrent() const override { return true; }
  int descriptor() const override { return descriptor_; }

 private:
  FileSource() = default;
  int descriptor_ = -1;
  bool owned_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t device_ = 0, inode_ = 0, links_ = 0;
  std::int64_t modified_ns_ = 0, changed_ns_ = 0;
};

}  // namespace tensorgate

#endif  // TENSORGATE_SOURCE_H_
