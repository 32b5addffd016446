// SHA-256 of a header as it is read: of the very bytes that are checked, not of a second reading.
#ifndef TENSORGATE_DIGEST_DIGEST_H_
#define TENSORGATE_DIGEST_DIGEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tensorgate/source.h"

namespace tensorgate {

/// Takes bytes in order and hashes the first 8 + n of them, n being what the first 8 say.
class HeaderDigest {
 public:
  HeaderDigest();
  HeaderDigest(HeaderDigest&&) noexcept;
  HeaderDigest& operator=(HeaderDigest&&) noexcept;
  ~HeaderDigest();
  /// Bytes at `offset`; what was seen before is skipped, a gap ends it.
  void Add(std::uint64_t offset, std::span<const std::byte> bytes);
  /// 64 hexadecimal digits; "" if not all of the header came.
  std::string Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Passes reads on to another source and hashes what they deliver.
class DigestSource final : public Source {
 public:
  explicit DigestSource(Source& inner) : inner_(inner) {}
  std::uint64_t size() const override { return inner_.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    Result<std::size_t> count = inner_.Read(offset, into);
    if (count && *count <= into.size()) digest_.Add(offset, into.first(*count));
    return count;
  }
  Result<void> Unchanged() override { return inner_.Unchanged(); }
  std::string Hex() { return digest_.Hex(); }

 private:
  Source& inner_;
  HeaderDigest digest_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_DIGEST_DIGEST_H_
