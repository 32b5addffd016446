// The bytes are a polynomial over GF(2), processed 128 bits at a time. Four such pieces are kept,
// each multiplied by x^512 to reach the next block, which does not change the remainder.
// After V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ" (Intel, 2009).
#include "lib/base/crc32_fold.h"

#if defined(__x86_64__) || defined(__i386__)

#include <immintrin.h>

namespace tensorgate::internal {
namespace {

// Bits are reflected, so that the product of two 64-bit halves comes out one bit too low: hence the
// doubling. The low half holds the higher powers.
consteval long long Key(std::uint64_t exponent) {
  return static_cast<long long>(std::uint64_t{CrcPower(exponent)} << 1);
}

[[gnu::target("pclmul,sse2")]] inline __m128i Fold(__m128i piece, __m128i keys, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(piece, keys, 0x00);
  const __m128i high = _mm_clmulepi64_si128(piece, keys, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

[[gnu::target("sse2")]] inline __m128i Load(const std::byte* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

}  // namespace

bool CanFoldCrc() { return __builtin_cpu_supports("pclmul") != 0; }

[[gnu::target("pclmul,sse2")]] void FoldCrc(std::uint32_t state, std::span<const std::byte> bytes,
                                            std::span<std::byte, kCrcFolded> folded) {
  const __m128i far = _mm_set_epi64x(Key(512 - 32), Key(512 + 32));
  const __m128i near = _mm_set_epi64x(Key(128 - 32), Key(128 + 32));
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  __m128i a = _mm_xor_si128(Load(at), _mm_cvtsi32_si128(static_cast<int>(state)));
  __m128i b = Load(at + 16), c = Load(at + 32), d = Load(at + 48);
  for (at += kCrcFoldBlock; at != end; at += kCrcFoldBlock) {
    a = Fold(a, far, Load(at));
    b = Fold(b, far, Load(at + 16));
    c = Fold(c, far, Load(at + 32));
    d = Fold(d, far, Load(at + 48));
  }
  b = Fold(a, near, b);
  c = Fold(b, near, c);
  d = Fold(c, near, d);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(folded.data()), d);
}

}  // namespace tensorgate::internal

#else

namespace tensorgate::internal {

bool CanFoldCrc() { return false; }
void FoldCrc(std::uint32_t, std::span<const std::byte>, std::span<std::byte, kCrcFolded>) {}

}  // namespace tensorgate::internal

#endif
