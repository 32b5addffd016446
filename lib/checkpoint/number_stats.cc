#include "lib/checkpoint/number_stats.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

namespace tensorgate::internal {
namespace {

// Bytes that are read at a time; they stay in a core's own cache while they are looked at.
constexpr std::uint64_t kBlock = kStatsUnit << 14;

// ---- Floating-point numbers of 16 bits and more, as bits.

template <typename Bits>
using SignedOf = std::make_signed_t<Bits>;

template <typename FloatBits, int kExponentBits>
struct Layout {
  using Bits = FloatBits;
  static constexpr int kMantissaBits = std::numeric_limits<Bits>::digits - 1 - kExponentBits;
  static constexpr Bits kMagnitude = std::numeric_limits<Bits>::max() >> 1;
  static constexpr Bits kInfinity = ((Bits{1} << kExponentBits) - 1) << kMantissaBits;
};

struct Float16 : Layout<std::uint16_t, 5> {
  static float Value(Bits bits) {
    // Moves the exponent; the multiplication corrects its bias, of subnormal numbers as well.
    const auto sign = static_cast<std::uint32_t>(bits >> 15) << 31;
    const auto rest = static_cast<std::uint32_t>(bits & kMagnitude) << 13;
    return std::bit_cast<float>(sign | rest) * 0x1p112f;
  }
};
struct BFloat16 : Layout<std::uint16_t, 8> {
  static float Value(Bits bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};
struct Float32 : Layout<std::uint32_t, 8> {
  static float Value(Bits bits) { return std::bit_cast<float>(bits); }
};
struct Float64 : Layout<std::uint64_t, 11> {
  static double Value(Bits bits) { return std::bit_cast<double>(bits); }
};

// Integers in the order of the numbers.
template <typename Format>
SignedOf<typename Format::Bits> KeyOf(typename Format::Bits bits) {
  using Signed = SignedOf<typename Format::Bits>;
  const auto key = static_cast<Signed>(bits);
  const auto negative = static_cast<Signed>(key >> std::numeric_limits<Signed>::digits);  // 0, -1
  return static_cast<Signed>(key ^ (negative & static_cast<Signed>(Format::kMagnitude)));
}

// Independent sums, so that an addition need not wait for the one before it.
constexpr std::size_t kLanes = 16;

template <typename Format>
double SumOf(std::span<const typename Format::Bits> values) {
  std::array<double, kLanes> sums{};
  const auto add = [&](double& sum, typename Format::Bits bits) {
    // Without a branch: what is not finite becomes zero.
    const bool finite = (bits & Format::kMagnitude) < Format::kInfinity;
    const auto mask = static_cast<typename Format::Bits>(finite ? ~typename Format::Bits{0} : 0);
    sum += static_cast<double>(Format::Value(bits & mask));
  };
  std::size_t i = 0;
  for (; values.size() - i >= kLanes; i += kLanes) {
    const auto lanes = values.subspan(i).template first<kLanes>();
    for (std::size_t lane = 0; lane < kLanes; ++lane) add(sums[lane], lanes[lane]);
  }
  for (const auto bits : values.subspan(i)) add(sums[0], bits);
  double sum = 0;
  for (const double each : sums) sum += each;
  return sum;
}

// Of numbers whose sum is beyond a double.
template <typename Format>
long double LongSumOf(std::span<const typename Format::Bits> values) {
  long double sum = 0;
  for (const auto bits : values) {
    const bool finite = (bits & Format::kMagnitude) < Format::kInfinity;
    if (finite) sum += static_cast<long double>(Format::Value(bits));
  }
  return sum;
}

template <typename Format>
NumberStats FloatStats(std::span<const typename Format::Bits> values) {
  using Bits = typename Format::Bits;
  using Signed = SignedOf<Bits>;
  // Counters as wide as the elements make the loop fit for vectors; they cannot overflow within a
  // part of this size.
  constexpr std::size_t kPart = sizeof(Bits) == 2 ? 32'768 : kBlock;
  constexpr Signed kLowest = std::numeric_limits<Signed>::min();
  constexpr Signed kHighest = std::numeric_limits<Signed>::max();
  Signed low = kHighest, high = kLowest;
  NumberStats stats{.elements = values.size()};
  for (std::size_t begin = 0; begin < values.size(); begin += kPart) {
    Bits nan = 0, infinite = 0, zeros = 0;
    for (const Bits bits : values.subspan(begin, std::min(kPart, values.size() - begin))) {
      const Bits magnitude = bits & Format::kMagnitude;
      const bool finite = magnitude < Format::kInfinity;
      nan = static_cast<Bits>(nan + (magnitude > Format::kInfinity ? 1 : 0));
      infinite = static_cast<Bits>(infinite + (magnitude == Format::kInfinity ? 1 : 0));
      zeros = static_cast<Bits>(zeros + (magnitude == 0 ? 1 : 0));
      const Signed key = KeyOf<Format>(bits);
      low = std::min(low, finite ? key : kHighest);
      high = std::max(high, finite ? key : kLowest);
    }
    stats.nan += nan;
    stats.infinite += infinite;
    stats.zeros += zeros;
  }
  stats.finite = stats.elements - stats.nan - stats.infinite;
  if (stats.finite == 0) return stats;
  const auto value = [](Signed key) {
    // The mapping is its own inverse.
    const auto bits = static_cast<Bits>(KeyOf<Format>(static_cast<Bits>(key)));
    return static_cast<long double>(Format::Value(bits));
  };
  stats.low = value(low);
  stats.high = value(high);
  const double sum = SumOf<Format>(values);
  stats.sum = std::isfinite(sum) ? sum : LongSumOf<Format>(values);
  return stats;
}

NumberStats ComplexStats(std::span<const std::uint64_t> values) {
  NumberStats stats{.elements = values.size()};
  for (const std::uint64_t bits : values) {
    const std::uint32_t real = static_cast<std::uint32_t>(bits) & Float32::kMagnitude;
    const std::uint32_t imaginary = static_cast<std::uint32_t>(bits >> 32) & Float32::kMagnitude;
    const std::uint32_t larger = std::max(real, imaginary);
    stats.nan += larger > Float32::kInfinity ? 1 : 0;
    stats.infinite += larger == Float32::kInfinity ? 1 : 0;
    stats.zeros += larger == 0 ? 1 : 0;
  }
  return stats;
}

// ---- Integers.

template <std::integral T>
NumberStats IntegerStats(std::span<const T> values) {
  NumberStats stats{.elements = values.size(), .finite = values.size()};
  if (values.empty()) return stats;
  // A block's sum fits, unless the integers have 64 bits themselves.
  using Sum = std::conditional_t<sizeof(T) == 8, double, std::int64_t>;
  T low = std::numeric_limits<T>::max(), high = std::numeric_limits<T>::min();
  Sum sum = 0;
  std::uint32_t zeros = 0;
  for (const T value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
    zeros += value == 0 ? 1 : 0;
    sum += static_cast<Sum>(value);
  }
  stats.zeros = zeros;
  stats.low = static_cast<long double>(low);
  stats.high = static_cast<long double>(high);
  stats.sum = static_cast<long double>(sum);
  return stats;
}

// ---- Elements of at most 8 bits: how often each occurs says everything.

// A value of a small floating-point format; without infinities, unless `ieee`.
struct SmallFloat {
  int exponent_bits, mantissa_bits, bias;
  enum class Special { kNone, kIeee, kAllOnesAreNan, kNegativeZeroIsNan } special;

  double operator()(unsigned code) const {
    const unsigned mantissa = code & ((1u << mantissa_bits) - 1);
    const unsigned exponents = 1u << exponent_bits;
    const unsigned exponent = (code >> mantissa_bits) & (exponents - 1);
    const bool negative = (code >> (mantissa_bits + exponent_bits)) != 0;
    const bool top = exponent == exponents - 1;
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    if (special == Special::kIeee && top) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      return mantissa != 0 ? kNan : negative ? -kInfinity : kInfinity;
    }
    if (special == Special::kAllOnesAreNan && top && mantissa + 1 == 1u << mantissa_bits) {
      return kNan;
    }
    if (special == Special::kNegativeZeroIsNan && negative && exponent == 0 && mantissa == 0) {
      return kNan;
    }
    const int scale = (exponent == 0 ? 1 : static_cast<int>(exponent)) - bias - mantissa_bits;
    const unsigned digits = exponent == 0 ? mantissa : mantissa | 1u << mantissa_bits;
    const double value = std::ldexp(digits, scale);
    return negative ? -value : value;
  }
};

double SmallValue(DType dtype, unsigned code) {
  using enum SmallFloat::Special;
  switch (dtype) {
    case DType::kF4:  // E2M1
      return SmallFloat{2, 1, 1, kNone}(code);
    case DType::kF6E2M3:
      return SmallFloat{2, 3, 1, kNone}(code);
    case DType::kF6E3M2:
      return SmallFloat{3, 2, 3, kNone}(code);
    case DType::kF8E5M2:
      return SmallFloat{5, 2, 15, kIeee}(code);
    case DType::kF8E4M3:
      return SmallFloat{4, 3, 7, kAllOnesAreNan}(code);
    case DType::kF8E4M3FNUZ:
      return SmallFloat{4, 3, 8, kNegativeZeroIsNan}(code);
    case DType::kF8E5M2FNUZ:
      return SmallFloat{5, 2, 16, kNegativeZeroIsNan}(code);
    case DType::kF8E8M0:  // a power of two, without a sign
      return code == 255 ? std::numeric_limits<double>::quiet_NaN()
                         : std::ldexp(1.0, static_cast<int>(code) - 127);
    case DType::kI8:
      return static_cast<std::int8_t>(code);
    case DType::kBool:
      return code != 0 ? 1 : 0;
    default:
      return code;
  }
}

using Occurrences = std::array<std::uint64_t, 256>;

// Neighbors are often equal: counting them in different tables avoids waiting for each other.
Occurrences CountBytes(std::span<const std::uint8_t> bytes) {
  std::array<std::array<std::uint32_t, 256>, 4> tables{};
  std::size_t i = 0;
  for (; bytes.size() - i >= 4; i += 4) {
    const auto four = bytes.subspan(i).first<4>();
    for (std::size_t k = 0; k < 4; ++k) ++tables[k][four[k]];
  }
  for (const std::uint8_t byte : bytes.subspan(i)) ++tables[0][byte];
  Occurrences counts{};
  for (const auto& table : tables) {
    for (std::size_t code = 0; code < counts.size(); ++code) counts[code] += table[code];
  }
  return counts;
}

Occurrences CountNibbles(std::span<const std::uint8_t> bytes) {
  const Occurrences pairs = CountBytes(bytes);
  Occurrences counts{};
  for (std::size_t code = 0; code < pairs.size(); ++code) {
    counts[code & 15] += pairs[code];
    counts[code >> 4] += pairs[code];
  }
  return counts;
}

// Four elements in three bytes, lowest bits first.
Occurrences CountSixBits(std::span<const std::uint8_t> bytes) {
  Occurrences counts{};
  for (; bytes.size() >= 3; bytes = bytes.subspan(3)) {
    const std::uint32_t four =
        bytes[0] | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16;
    for (unsigned shift = 0; shift < 24; shift += 6) ++counts[four >> shift & 63];
  }
  return counts;
}

NumberStats SmallStats(std::span<const std::uint8_t> bytes, DType dtype) {
  const Occurrences counts = Bits(dtype) == 4   ? CountNibbles(bytes)
                             : Bits(dtype) == 6 ? CountSixBits(bytes)
                                                : CountBytes(bytes);
  NumberStats stats;
  for (unsigned code = 0; code < counts.size(); ++code) {
    const std::uint64_t count = counts[code];
    if (count == 0) continue;
    const double value = SmallValue(dtype, code);
    stats.elements += count;
    if (std::isnan(value)) {
      stats.nan += count;
    } else if (std::isinf(value)) {
      stats.infinite += count;
    } else {
      stats.zeros += value == 0 ? count : 0;
      stats.Add({.finite = count,
                 .low = value,
                 .high = value,
                 .sum = static_cast<long double>(value) * static_cast<long double>(count)});
    }
  }
  return stats;
}

// ----

// Blocks of elements of type T, each given to `look`.
template <typename T, typename Look>
Result<NumberStats> ReadBlocks(Source& source, std::uint64_t offset, std::uint64_t length,
                               const Look& look) {
  const auto room = static_cast<std::size_t>(std::min(length, kBlock) / sizeof(T));
  std::vector<T> block(room);
  NumberStats stats;
  while (length >= sizeof(T)) {
    const std::span<T> part = std::span(block).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(length / sizeof(T), room)));
    TENSORGATE_TRY(ReadFully(source, offset, std::as_writable_bytes(part)));
    stats.Add(look(std::span<const T>(part)));
    offset += part.size_bytes();
    length -= part.size_bytes();
  }
  return stats;
}

}  // namespace

void NumberStats::Add(const NumberStats& other) {
  if (other.finite != 0) {
    low = finite == 0 ? other.low : std::min(low, other.low);
    high = finite == 0 ? other.high : std::max(high, other.high);
  }
  elements += other.elements;
  nan += other.nan;
  infinite += other.infinite;
  zeros += other.zeros;
  finite += other.finite;
  sum += other.sum;
}

bool IsWhole(DType dtype) {
  switch (dtype) {
    case DType::kBool:
    case DType::kU8:
    case DType::kI8:
    case DType::kU16:
    case DType::kI16:
    case DType::kU32:
    case DType::kI32:
    case DType::kU64:
    case DType::kI64:
      return true;
    default:
      return false;
  }
}

Result<NumberStats> ReadNumberStats(Source& source, std::uint64_t offset, std::uint64_t length,
                                    DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return ReadBlocks<std::uint16_t>(source, offset, length, FloatStats<Float16>);
    case DType::kBF16:
      return ReadBlocks<std::uint16_t>(source, offset, length, FloatStats<BFloat16>);
    case DType::kF32:
      return ReadBlocks<std::uint32_t>(source, offset, length, FloatStats<Float32>);
    case DType::kF64:
      return ReadBlocks<std::uint64_t>(source, offset, length, FloatStats<Float64>);
    case DType::kC64:
      return ReadBlocks<std::uint64_t>(source, offset, length, ComplexStats);
    case DType::kI16:
      return ReadBlocks<std::int16_t>(source, offset, length, IntegerStats<std::int16_t>);
    case DType::kU16:
      return ReadBlocks<std::uint16_t>(source, offset, length, IntegerStats<std::uint16_t>);
    case DType::kI32:
      return ReadBlocks<std::int32_t>(source, offset, length, IntegerStats<std::int32_t>);
    case DType::kU32:
      return ReadBlocks<std::uint32_t>(source, offset, length, IntegerStats<std::uint32_t>);
    case DType::kI64:
      return ReadBlocks<std::int64_t>(source, offset, length, IntegerStats<std::int64_t>);
    case DType::kU64:
      return ReadBlocks<std::uint64_t>(source, offset, length, IntegerStats<std::uint64_t>);
    default:
      return ReadBlocks<std::uint8_t>(
          source, offset, length,
          [dtype](std::span<const std::uint8_t> bytes) { return SmallStats(bytes, dtype); });
  }
}

}  // namespace tensorgate::internal
