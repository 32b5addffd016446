// SHA-256 with OpenSSL.
#ifndef TENSORGATE_DIGEST_SHA256_H_
#define TENSORGATE_DIGEST_SHA256_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace tensorgate {

class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();
  void Add(std::span<const std::byte> bytes);
  /// Returns 64 hexadecimal digits and starts over.
  std::string Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_DIGEST_SHA256_H_
