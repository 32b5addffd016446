// Where bytes come from: memory, a file, or a function of yours.
//
//   auto source = tensorgate::CallbackSource(size, [&](std::uint64_t offset, std::span<std::byte>
//   into)
//       -> tensorgate::Result<std::size_t> {
//     return remote.Fetch(offset, into);  // how many bytes came: 1 … into.size(), 0 at the end
//   });
//   tensorgate::Report report = tensorgate::safetensors::Check(source);
//
// A source is read by one thread at a time, unless it says that it is concurrent. It must outlive the
// call it is given to, not longer.
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
  /// Bytes in all, fixed for the life of the source.
  virtual std::uint64_t size() const = 0;
  /// Reads up to `into.size()` bytes at `offset`; returns how many came. 0 means there are no more.
  virtual Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) = 0;
  /// Asked once after the last read: an error if the bytes are known to have changed meanwhile.
  virtual Result<void> CheckUnchanged() { return {}; }
  /// Read() may be called by several threads at once.
  virtual bool concurrent() const { return false; }
  /// The open file behind it, which stays the source's: to map it, or to let the system copy from
  /// it. -1: none.
  virtual int descriptor() const { return -1; }
  /// All its bytes, if they are in memory as long as the source is. Empty: they are not.
  virtual std::span<const std::byte> memory() const { return {}; }
};

/// Fills `into` from `offset` on, whatever the sizes in which the source delivers; `io/short-read`
/// if it ends before.
TENSORGATE_API Result<void> ReadFully(Source& source, std::uint64_t offset,
                                      std::span<std::byte> into);

/// Bytes of the caller's, which must not change while they are read.
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

/// A function of the caller's, with the total size.
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

/// A regular file, read by `pread`, never mapped. Anything else is refused as `io/not-regular`,
/// without blocking.
class TENSORGATE_API FileSource final : public Source {
 public:
  /// Opens `path` for reading; a symbolic link is followed.
  static Result<FileSource> Open(const std::string& path);
  /// Reads from an open descriptor, which stays the caller's and must stay open; its file offset is
  /// not used.
  static Result<FileSource> FromDescriptor(int descriptor);
  /// The same by a duplicate of its own: the caller's may be closed.
  static Result<FileSource> Duplicate(int descriptor);
  /// As FromDescriptor, but the source closes the descriptor; it is closed where this fails, too.
  static Result<FileSource> Own(int descriptor);

  FileSource(FileSource&& other) noexcept;
  FileSource& operator=(FileSource&& other) noexcept;
  ~FileSource() override;
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;
  /// `io/changed` if size, time of change or identity differ from when it was opened. Only where a
  /// name of the file was added or removed meanwhile (somebody saved over it), the time of change of
  /// its inode is left out, since that alone moves it.
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
