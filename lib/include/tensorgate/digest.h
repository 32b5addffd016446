// SHA-256 of the tensors in files, whatever their format, and of safetensors headers.
//
//   const std::vector<float> weight(1000);
//   const std::vector<tensorgate::TensorData> tensors = {
//       {.name = "weight", .dtype = tensorgate::DType::kF32, .shape = {1000},
//        .data = std::as_bytes(std::span(weight))}};
//   if (auto hash = tensorgate::HashContent(tensors)) std::puts(hash->content.c_str());
//
// This is a separate library, `tensorgate::digest`, which links OpenSSL; the rest of tensorgate
// does not. Functions throw only where stated.
#ifndef TENSORGATE_DIGEST_H_
#define TENSORGATE_DIGEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensorgate/export.h"
#include "tensorgate/save.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"

namespace tensorgate {

struct ContentHash {
  /// SHA-256 of the bytes of each tensor, in the order given, as 64 hexadecimal digits.
  std::vector<std::string> tensors;
  /// SHA-256 of the tensors' HashLines, each followed by a line feed, sorted by the bytes of the
  /// tensors' names. It does not depend on the order, the header, the metadata or the number of
  /// shards.
  std::string content;
};

/// Reads all data once, in the order given. The data must be in memory or in a source; anything
/// else is `save/misuse`.
TENSORGATE_API Result<ContentHash> HashContent(std::span<const TensorData> tensors);

/// SHA-256 as 64 hexadecimal digits. Throws std::bad_alloc.
TENSORGATE_API std::string Sha256Hex(std::span<const std::byte> bytes);

/// SHA-256 of all bytes of a source, as 64 hexadecimal digits. Fails with `io/changed` if they are
/// known to have changed meanwhile.
TENSORGATE_API Result<std::string> HashSource(Source& source);

/// `SHA256 DTYPE [2,3] "name"`, with the name as a JSON string in ASCII. Throws std::bad_alloc.
TENSORGATE_API std::string HashLine(const TensorData& tensor, const std::string& sha256);

/// Indices of the tensors, sorted by the bytes of their names. Throws std::bad_alloc.
TENSORGATE_API std::vector<std::uint32_t> SortedByName(std::span<const TensorData> tensors);

/// Takes the bytes of a safetensors file in order and hashes the first 8 + n of them, where n is
/// the number in the first 8 bytes. The constructor throws std::bad_alloc.
class TENSORGATE_API HeaderDigest {
 public:
  HeaderDigest();
  HeaderDigest(HeaderDigest&&) noexcept;
  HeaderDigest& operator=(HeaderDigest&&) noexcept;
  ~HeaderDigest();
  /// Adds the bytes at `offset`. Bytes that were already seen are skipped; after a gap there is no
  /// digest.
  void Add(std::uint64_t offset, std::span<const std::byte> bytes);
  /// 64 hexadecimal digits; "" if the header is incomplete. Call once.
  std::string Hex();

 private:
  struct TENSORGATE_LOCAL State;
  std::unique_ptr<State> state_;
};

/// Forwards reads to another source and hashes the header from the bytes they return, so that the
/// digest is of the very bytes that were checked and not of a second reading.
class TENSORGATE_API DigestSource final : public Source {
 public:
  explicit DigestSource(Source& inner);
  std::uint64_t size() const override;
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> CheckUnchanged() override;
  std::string Hex();

 private:
  Source& inner_;
  HeaderDigest digest_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_DIGEST_H_
