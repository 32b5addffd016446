// The arithmetic that decides, written once for any integer width: the library uses it with 64
// bits, and a test checks every case with 8 bits against unbounded integers.
#ifndef TENSORGATE_BASE_CHECKED_H_
#define TENSORGATE_BASE_CHECKED_H_

#include <concepts>

namespace tensorgate::internal {

/// Sets `a` to a * b; returns true, and leaves `a` unusable, if the product does not fit.
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool MultiplyOverflows(T& a, T b) {
  return __builtin_mul_overflow(a, b, &a);
}

/// Sets `a` to a + b; returns true, and leaves `a` unusable, if the sum does not fit.
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool AddOverflows(T& a, T b) {
  return __builtin_add_overflow(a, b, &a);
}

template <std::unsigned_integral T>
constexpr T SaturatingAdd(T a, T b) {
  T sum;
  return __builtin_add_overflow(a, b, &sum) ? static_cast<T>(~T{0}) : sum;
}

template <std::unsigned_integral T>
constexpr T SaturatingMultiply(T a, T b) {
  return MultiplyOverflows(a, b) ? static_cast<T>(~T{0}) : a;
}

/// a / b, rounded up; neither may be 0.
template <std::unsigned_integral T>
constexpr T RoundedUpQuotient(T a, T b) {
  return (a - 1) / b + 1;
}

/// The size of a tensor, from its dimensions, added one by one, and its dtype's bits.
template <std::unsigned_integral T>
struct ShapeSize {
  T nonzero = 1;                    ///< Product of the dimensions other than 0, modulo 2^width.
  T last = 0;                       ///< The last dimension.
  bool zero = false;                ///< A dimension was 0.
  bool nonzero_overflows = false;   ///< `nonzero` does not fit, in whatever order it is computed.
  bool in_order_overflows = false;  ///< Multiplying from the left overflows before the first 0.

  constexpr void Multiply(T dimension) {
    last = dimension;
    if (dimension == 0) {
      zero = true;
    } else if (MultiplyOverflows(nonzero, dimension)) {
      nonzero_overflows = true;
      in_order_overflows |= !zero;
    }
  }

  /// The product of the non-zero dimensions and `bits` does not fit, even if a 0 hides it.
  constexpr bool HiddenOverflow(T bits) const {
    T product = nonzero;
    return nonzero_overflows || MultiplyOverflows(product, bits);
  }

  /// Overflows as in the reference: elements from the left, then times `bits`.
  constexpr bool Overflow(T bits) const {
    return in_order_overflows || (!zero && HiddenOverflow(bits));
  }

  /// Bits of the whole tensor. Requires !Overflow(bits).
  constexpr T TotalBits(T bits) const { return zero ? T{0} : static_cast<T>(nonzero * bits); }

  /// Bits of the last dimension modulo 8; nonzero means that a row ends within a byte.
  constexpr T RowBitsModulo8(T bits) const { return static_cast<T>((last % 8) * (bits % 8) % 8); }
};

/// The number of elements of a plain shape: no dimension is 0 or above `kLarge`, and the product
/// fits. ShapeSize handles any other shape.
template <std::unsigned_integral T, T kLarge>
struct PlainShape {
  T elements = 1;
  bool plain = true;

  constexpr void Multiply(T dimension) {
    plain &= static_cast<T>(dimension - 1) < kLarge;
    plain &= !MultiplyOverflows(elements, dimension);
  }
};

/// The last element that a strided view reaches in its storage, from its dimensions and strides,
/// added one by one, in elements.
template <std::unsigned_integral T>
class ViewReach {
 public:
  explicit constexpr ViewReach(T offset) : offset_(offset), last_(offset) {}

  constexpr void Add(T dimension, T stride) {
    if (dimension == 0) {
      empty_ = true;
      return;
    }
    T step = static_cast<T>(dimension - 1);
    overflows_ |= MultiplyOverflows(step, stride) || __builtin_add_overflow(last_, step, &last_);
  }

  /// Every element is among the first `elements` of the storage; an empty view starts there or at
  /// their end.
  constexpr bool Inside(T elements) const {
    return empty_ ? offset_ <= elements : !overflows_ && last_ < elements;
  }

  /// The last element's index, or the largest number if it overflows; for an empty view, the
  /// offset.
  constexpr T last() const { return empty_ ? offset_ : overflows_ ? static_cast<T>(~T{0}) : last_; }

 private:
  T offset_;
  T last_;
  bool empty_ = false;
  bool overflows_ = false;
};

/// A forward-only ledger of claimed ranges: compares each range with those claimed before.
template <std::unsigned_integral T>
class Claims {
 public:
  enum class Result { kNext, kReversed, kOverlap, kHole };

  /// Claims [begin, end). A reversed range claims nothing; after a hole or an overlap, the larger
  /// end is kept.
  constexpr Result Claim(T begin, T end) {
    if (end < begin) return Result::kReversed;
    const T before = end_;
    if (end > end_) end_ = end;
    if (begin == before) return Result::kNext;
    return begin < before ? Result::kOverlap : Result::kHole;
  }
  constexpr T end() const { return end_; }

 private:
  T end_ = 0;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_CHECKED_H_
