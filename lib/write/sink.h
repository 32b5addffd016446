// The destination of a file's bytes, in order: a new file, written in blocks, or memory.
#ifndef TENSORGATE_WRITE_SINK_H_
#define TENSORGATE_WRITE_SINK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/source/new_file.h"
#include "tensorgate/buffer.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

class Sink {
 public:
  virtual ~Sink() = default;
  /// Number of bytes so far.
  virtual std::uint64_t position() const = 0;
  /// Room for the next bytes: between one byte and `wanted`, which must not be 0.
  virtual Result<std::span<std::byte>> Room(std::uint64_t wanted) = 0;
  /// Reports that `count` bytes of the room were filled.
  virtual void Filled(std::size_t count) = 0;
  /// `bytes` must remain valid until Flush().
  virtual Result<void> Append(std::span<const std::byte> bytes) = 0;
  /// Lets the kernel copy the next bytes; returns the number of bytes copied, 0 if it cannot.
  virtual Result<std::uint64_t> Copy(int from, std::uint64_t offset, std::uint64_t length) = 0;
  /// Skips bytes that are written by other means.
  virtual Result<void> Skip(std::uint64_t count) = 0;
  virtual Result<void> Flush() = 0;
};

class MemorySink final : public Sink {
 public:
  explicit MemorySink(std::span<std::byte> into) : size_(into.size()), rest_(into) {}
  std::uint64_t position() const override { return size_ - rest_.size(); }
  Result<std::span<std::byte>> Room(std::uint64_t wanted) override;
  void Filled(std::size_t count) override { rest_ = rest_.subspan(count); }
  Result<void> Append(std::span<const std::byte> bytes) override;
  Result<std::uint64_t> Copy(int, std::uint64_t, std::uint64_t) override { return 0; }
  Result<void> Skip(std::uint64_t count) override;
  Result<void> Flush() override { return {}; }

 private:
  std::size_t size_;
  std::span<std::byte> rest_;
};

class FileSink final : public Sink {
 public:
  explicit FileSink(NewFile& file) : file_(file) {}
  std::uint64_t position() const override { return position_ + used_ + gathered_; }
  Result<std::span<std::byte>> Room(std::uint64_t wanted) override;
  void Filled(std::size_t count) override { used_ += count; }
  Result<void> Append(std::span<const std::byte> bytes) override;
  Result<std::uint64_t> Copy(int from, std::uint64_t offset, std::uint64_t length) override;
  Result<void> Skip(std::uint64_t count) override;
  Result<void> Flush() override;

 private:
  Result<void> Gather(std::span<const std::byte> bytes);
  Result<void> WriteGathered();
  Result<void> WriteBlock();

  NewFile& file_;
  Buffer block_;
  std::uint64_t position_ = 0;  // position in the file of the bytes in the block or in `pieces_`
  std::size_t used_ = 0;
  // Memory that is written without copying: the next pieces, starting with the block's contents.
  std::vector<std::span<const std::byte>> pieces_;
  std::size_t gathered_ = 0;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_SINK_H_
