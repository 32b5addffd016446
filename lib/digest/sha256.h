// SHA-256 by OpenSSL.
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
  /// 64 hexadecimal digits. Begins anew.
  std::string Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_DIGEST_SHA256_H_
