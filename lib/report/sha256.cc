#include "lib/report/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <string_view>

namespace tensorgate {
namespace {

struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

struct Sha256::State {
  std::unique_ptr<EVP_MD, FreeDigest> digest;
  std::unique_ptr<EVP_MD_CTX, FreeContext> context;
  bool sound = false;

  void Begin() {
    sound = digest && context && EVP_DigestInit_ex2(context.get(), digest.get(), nullptr) == 1;
  }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  // A configuration file could name a module to load.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  state_->digest.reset(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  state_->context.reset(EVP_MD_CTX_new());
  state_->Begin();
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::Add(std::span<const std::byte> bytes) {
  if (!state_->sound || bytes.empty()) return;
  state_->sound = EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1;
}

std::string Sha256::Hex() {
  std::array<unsigned char, 32> digest{};
  unsigned length = 0;
  const bool sound = state_->sound &&
                     EVP_DigestFinal_ex(state_->context.get(), digest.data(), &length) == 1 &&
                     length == digest.size();
  state_->Begin();
  if (!sound) return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace tensorgate
