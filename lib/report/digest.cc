#include "lib/report/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string_view>

namespace tensorgate {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

struct HeaderDigest::State {
  std::unique_ptr<EVP_MD, FreeDigest> digest;
  std::unique_ptr<EVP_MD_CTX, FreeContext> context;
  std::uint64_t done = 0;
  std::uint64_t length = 0;  // n, as far as its bytes have come
  bool broken = false;

  void Hash(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes.first(static_cast<std::size_t>(
             std::min<std::uint64_t>(bytes.size(), kLengthBytes - std::min(done, kLengthBytes))))) {
      length |= std::to_integer<std::uint64_t>(byte) << (8 * done++);
      if (EVP_DigestUpdate(context.get(), &byte, 1) != 1) broken = true;
      bytes = bytes.subspan(1);
    }
    if (done < kLengthBytes) return;
    if (length > kMaxHeaderBytes) {
      broken = true;
      return;
    }
    const std::size_t take = static_cast<std::size_t>(
        std::min<std::uint64_t>(bytes.size(), kLengthBytes + length - done));
    if (take != 0 && EVP_DigestUpdate(context.get(), bytes.data(), take) != 1) broken = true;
    done += take;
  }
};

HeaderDigest::HeaderDigest() : state_(std::make_unique<State>()) {
  // A configuration file could name a module to load.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  state_->digest.reset(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  state_->context.reset(EVP_MD_CTX_new());
  state_->broken = !state_->digest || !state_->context ||
                   EVP_DigestInit_ex2(state_->context.get(), state_->digest.get(), nullptr) != 1;
}
HeaderDigest::HeaderDigest(HeaderDigest&&) noexcept = default;
HeaderDigest& HeaderDigest::operator=(HeaderDigest&&) noexcept = default;
HeaderDigest::~HeaderDigest() = default;

void HeaderDigest::Add(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (state_->broken || offset > state_->done) return;
  const std::uint64_t seen = state_->done - offset;
  if (seen < bytes.size()) state_->Hash(bytes.subspan(static_cast<std::size_t>(seen)));
}

std::string HeaderDigest::Hex() {
  State& state = *state_;
  if (state.broken || state.done < kLengthBytes || state.done != kLengthBytes + state.length)
    return {};
  std::array<unsigned char, 32> digest{};
  unsigned length = 0;
  state.broken = true;  // used up
  if (EVP_DigestFinal_ex(state.context.get(), digest.data(), &length) != 1 ||
      length != digest.size())
    return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

}  // namespace tensorgate
