// Where a file's bytes go, in order: a new file, by blocks, or memory.
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
  /// Bytes so far.
  virtual std::uint64_t position() const = 0;
  /// Room for the next bytes: from one byte to `wanted`, which is not 0.
  virtual Result<std::span<std::byte>> Room(std::uint64_t wanted) = 0;
  /// `count` bytes of the room were filled.
  virtual void Filled(std::size_t count) = 0;
  /// `bytes` must stay until Flush().
  virtual Result<void> Append(std::span<const std::byte> bytes) = 0;
  /// The next bytes by the kernel; returns how many it copied, 0 if it cannot.
  virtual Result<std::uint64_t> Copy(int from, std::uint64_t offset, std::uint64_t length) = 0;
  /// Bytes are left out, which are written otherwise.
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
  std::uint64_t position_ = 0;  // in the file, of what the block holds or is gathered
  std::size_t used_ = 0;
  // Where memory is written as it stands: what comes next, at first what the block held.
  std::vector<std::span<const std::byte>> pieces_;
  std::size_t gathered_ = 0;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_SINK_H_
