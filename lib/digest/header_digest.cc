#include <algorithm>

#include "lib/digest/sha256.h"
#include "tensorgate/digest.h"

namespace tensorgate {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

}  // namespace

struct HeaderDigest::State {
  Sha256 hash;
  std::uint64_t done = 0;
  std::uint64_t length = 0;  // n, as far as its bytes have arrived
  bool broken = false;

  void Hash(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes.first(static_cast<std::size_t>(
             std::min<std::uint64_t>(bytes.size(), kLengthBytes - std::min(done, kLengthBytes))))) {
      length |= std::to_integer<std::uint64_t>(byte) << (8 * done++);
      hash.Add(bytes.first(1));
      bytes = bytes.subspan(1);
    }
    if (done < kLengthBytes) return;
    if (length > kMaxHeaderBytes) {
      broken = true;
      return;
    }
    const std::size_t take = static_cast<std::size_t>(
        std::min<std::uint64_t>(bytes.size(), kLengthBytes + length - done));
    hash.Add(bytes.first(take));
    done += take;
  }
};

HeaderDigest::HeaderDigest() : state_(std::make_unique<State>()) {}
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
  state.broken = true;  // can be used only once
  return state.hash.Hex();
}

DigestSource::DigestSource(Source& inner) : inner_(inner) {}
std::uint64_t DigestSource::size() const { return inner_.size(); }
Result<void> DigestSource::CheckUnchanged() { return inner_.CheckUnchanged(); }
std::string DigestSource::Hex() { return digest_.Hex(); }

Result<std::size_t> DigestSource::Read(std::uint64_t offset, std::span<std::byte> into) {
  Result<std::size_t> count = inner_.Read(offset, into);
  if (count && *count <= into.size()) digest_.Add(offset, into.first(*count));
  return count;
}

}  // namespace tensorgate
