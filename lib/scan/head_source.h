// The first bytes of a source, kept for format detection.
#ifndef TENSORGATE_SCAN_HEAD_SOURCE_H_
#define TENSORGATE_SCAN_HEAD_SOURCE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/base/bytes.h"
#include "lib/scan/detect.h"
#include "lib/source/read.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// Serves the first bytes from one read, passes all other reads on, and counts the bytes: each byte
/// is fetched once.
class HeadSource final : public Source {
 public:
  /// `options` must outlive it.
  HeadSource(Source& inner, const CheckOptions& options) : inner_(inner), interrupt_(options) {}

  Result<void> ReadHead() {
    const std::size_t length = static_cast<std::size_t>(std::min<std::uint64_t>(size(), kScanHead));
    Result<void> read = ReadFully(inner_, 0, std::span(head_).first(length), interrupt_);
    if (read) {
      length_ = length;
      bytes_read_ = length;
    }
    return read;
  }
  std::span<const std::byte> head() const { return std::span(head_).first(length_); }
  std::uint64_t bytes_read() const { return bytes_read_; }
  /// Set if the deadline or the caller ended the reads: bytes that were not read then are not
  /// missing.
  std::optional<Rule> ended() { return interrupt_.Ended(); }

  std::uint64_t size() const override { return inner_.size(); }
  bool concurrent() const override { return inner_.concurrent(); }
  std::span<const std::byte> memory() const override { return inner_.memory(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset < length_) {
      return CopyBytes(head().subspan(static_cast<std::size_t>(offset)), into);
    }
    if (const std::optional<Rule> rule = ended()) {
      return std::unexpected(Status{.rule = *rule, .offset = offset});
    }
    Result<std::size_t> count = inner_.Read(offset, into);
    if (count) bytes_read_ += *count;
    return count;
  }
  Result<void> CheckUnchanged() override { return inner_.CheckUnchanged(); }

 private:
  Source& inner_;
  Interrupt interrupt_;
  std::array<std::byte, kScanHead> head_;
  std::size_t length_ = 0;
  std::atomic<std::uint64_t> bytes_read_ = 0;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_HEAD_SOURCE_H_
