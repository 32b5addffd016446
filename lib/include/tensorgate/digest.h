// SHA-256 of what files hold, whatever the form in which they hold it, and of headers.
//
//   const std::vector<float> weight(1000);
//   const std::vector<tensorgate::TensorData> tensors = {
//       {.name = "weight", .dtype = tensorgate::DType::kF32, .shape = {1000},
//        .data = std::as_bytes(std::span(weight))}};
//   if (auto hash = tensorgate::HashContent(tensors)) std::puts(hash->content.c_str());
//
// A library of its own, `tensorgate::digest`, which links OpenSSL; the rest of tensorgate does not. Only what says so throws.
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
  /// SHA-256 of the bytes of each tensor, as given.
  std::vector<std::string> tensors;
  /// SHA-256 of the lines that HashLine makes of the tensors, each with a line feed, sorted by the bytes
  /// of their names: the same for every order, header, metadata and number of shards.
  std::string content;
};

/// Reads all data once, in the order given. Tensors in memory or in sources; others are `save/misuse`.
TENSORGATE_API Result<ContentHash> HashContent(std::span<const TensorData> tensors);

/// `SHA256 DTYPE [2,3] "name"`: the name as a JSON string in ASCII. Throws std::bad_alloc.
TENSORGATE_API std::string HashLine(const TensorData& tensor, const std::string& sha256);

/// Numbers of the tensors, sorted by the bytes of their names. Throws std::bad_alloc.
TENSORGATE_API std::vector<std::uint32_t> SortedByName(std::span<const TensorData> tensors);

/// Takes the bytes of a safetensors file in order and hashes the first 8 + n of them, n being what the first 8 say. Its
/// constructor throws std::bad_alloc.
class TENSORGATE_API HeaderDigest {
 public:
  HeaderDigest();
  HeaderDigest(HeaderDigest&&) noexcept;
  HeaderDigest& operator=(HeaderDigest&&) noexcept;
  ~HeaderDigest();
  /// Bytes at `offset`; what was seen before is skipped, a gap ends it.
  void Add(std::uint64_t offset, std::span<const std::byte> bytes);
  /// 64 hexadecimal digits, once; "" if not all of the header came.
  std::string Hex();

 private:
  struct TENSORGATE_LOCAL State;
  std::unique_ptr<State> state_;
};

/// Passes reads on to another source and hashes the header in what they deliver: the very bytes that are checked, not those of
/// a second reading.
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
