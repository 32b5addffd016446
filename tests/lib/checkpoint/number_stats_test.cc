// Statistics of numbers: every dtype against a slow, obvious computation.
#include "lib/checkpoint/number_stats.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "lib/checkpoint/tensor_stats.h"

namespace tensorgate::internal {
namespace {

std::vector<std::byte> Bytes(const std::vector<double>& values, DType dtype) {
  std::vector<std::byte> bytes;
  for (const double value : values) {
    const auto add = [&](auto number) {
      const auto* from = reinterpret_cast<const std::byte*>(&number);
      bytes.insert(bytes.end(), from, from + sizeof number);
    };
    switch (dtype) {
      case DType::kF64:
        add(value);
        break;
      case DType::kF32:
        add(static_cast<float>(value));
        break;
      case DType::kBF16:
        add(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >>
                                       16));
        break;
      case DType::kI16:
        add(static_cast<std::int16_t>(value));
        break;
      case DType::kI32:
        add(static_cast<std::int32_t>(value));
        break;
      default:
        ADD_FAILURE();
    }
  }
  return bytes;
}

NumberStats Of(const std::vector<std::byte>& bytes, DType dtype) {
  MemorySource source(bytes);
  Result<NumberStats> stats = ReadNumberStats(source, 0, bytes.size(), dtype);
  EXPECT_TRUE(stats.has_value());
  return stats.value_or(NumberStats{});
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(NumberStatsTest, FloatsOfEveryWidth) {
  const std::vector<double> values = {0.0, -0.0, 1.5, -2.0, kNan, kInfinity, -kInfinity, -kNan, 96};
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16}) {
    const NumberStats stats = Of(Bytes(values, dtype), dtype);
    EXPECT_EQ(stats.elements, 9u);
    EXPECT_EQ(stats.nan, 2u);
    EXPECT_EQ(stats.infinite, 2u);
    EXPECT_EQ(stats.zeros, 2u);
    EXPECT_EQ(stats.finite, 5u);
    EXPECT_EQ(stats.low, -2);
    EXPECT_EQ(stats.high, 96);
    EXPECT_EQ(stats.sum, 95.5);
  }
}

// The value of a float of these bits, in the words of IEEE 754.
double Decode(unsigned code, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(code >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const unsigned mantissa = code & ((1u << mantissa_bits) - 1);
  const double sign = code >> (exponent_bits + mantissa_bits) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa == 0 ? sign * kInfinity : kNan;
  const double fraction = static_cast<double>(mantissa) / (1 << mantissa_bits);
  return exponent == 0 ? sign * std::ldexp(fraction, 1 - bias)
                       : sign * std::ldexp(1 + fraction, exponent - bias);
}

TEST(NumberStatsTest, EveryHalf) {
  for (unsigned code = 0; code < 65536; ++code) {
    const std::vector<std::byte> bytes = {static_cast<std::byte>(code & 255),
                                          static_cast<std::byte>(code >> 8)};
    for (const DType dtype : {DType::kF16, DType::kBF16}) {
      const double value = dtype == DType::kF16 ? Decode(code, 5, 10) : Decode(code, 8, 7);
      const NumberStats stats = Of(bytes, dtype);
      ASSERT_EQ(stats.nan, std::isnan(value) ? 1u : 0u) << code;
      ASSERT_EQ(stats.infinite, std::isinf(value) ? 1u : 0u) << code;
      ASSERT_EQ(stats.zeros, value == 0 ? 1u : 0u) << code;
      if (!std::isfinite(value)) continue;
      ASSERT_EQ(stats.low, value) << code;
      ASSERT_EQ(stats.high, value) << code;
      ASSERT_EQ(stats.sum, value) << code;
    }
  }
}

struct Eight {
  DType dtype;
  unsigned code;
  double value;
};

TEST(NumberStatsTest, SmallFloats) {
  for (const Eight& each : std::vector<Eight>{{DType::kF8E4M3, 0x7e, 448},
                                              {DType::kF8E4M3, 0x7f, kNan},
                                              {DType::kF8E4M3, 0xff, kNan},
                                              {DType::kF8E4M3, 0x01, 0x1p-9},
                                              {DType::kF8E4M3, 0x80, -0.0},
                                              {DType::kF8E5M2, 0x7b, 57344},
                                              {DType::kF8E5M2, 0x7c, kInfinity},
                                              {DType::kF8E5M2, 0xfc, -kInfinity},
                                              {DType::kF8E5M2, 0x7d, kNan},
                                              {DType::kF8E5M2, 0x01, 0x1p-16},
                                              {DType::kF8E4M3FNUZ, 0x80, kNan},
                                              {DType::kF8E4M3FNUZ, 0x7f, 240},
                                              {DType::kF8E4M3FNUZ, 0x01, 0x1p-10},
                                              {DType::kF8E5M2FNUZ, 0x80, kNan},
                                              {DType::kF8E5M2FNUZ, 0x7f, 57344},
                                              {DType::kF8E5M2FNUZ, 0x01, 0x1p-17},
                                              {DType::kF8E8M0, 0, 0x1p-127},
                                              {DType::kF8E8M0, 127, 1},
                                              {DType::kF8E8M0, 254, 0x1p127},
                                              {DType::kF8E8M0, 255, kNan},
                                              {DType::kI8, 0x80, -128},
                                              {DType::kU8, 0xff, 255},
                                              {DType::kBool, 1, 1}}) {
    const NumberStats stats = Of({static_cast<std::byte>(each.code)}, each.dtype);
    EXPECT_EQ(stats.elements, 1u);
    EXPECT_EQ(stats.nan, std::isnan(each.value) ? 1u : 0u) << Name(each.dtype) << each.code;
    EXPECT_EQ(stats.infinite, std::isinf(each.value) ? 1u : 0u) << Name(each.dtype) << each.code;
    EXPECT_EQ(stats.zeros, each.value == 0 ? 1u : 0u);
    if (std::isfinite(each.value)) {
      EXPECT_EQ(stats.low, each.value) << Name(each.dtype) << each.code;
    }
  }
}

TEST(NumberStatsTest, PackedElements) {
  // Lowest bits first: 0.5 and -6.
  const NumberStats four = Of({std::byte{0xf1}}, DType::kF4);
  EXPECT_EQ(four.elements, 2u);
  EXPECT_EQ(four.low, -6);
  EXPECT_EQ(four.high, 0.5);
  // 000001, 011111, 100000, 000000.
  const NumberStats six = Of({std::byte{0xc1}, std::byte{0x07}, std::byte{0x02}}, DType::kF6E2M3);
  EXPECT_EQ(six.elements, 4u);
  EXPECT_EQ(six.zeros, 2u);
  EXPECT_EQ(six.low, 0);
  EXPECT_EQ(six.high, 7.5);
  const NumberStats wide = Of({std::byte{0xc1}, std::byte{0x07}, std::byte{0x02}}, DType::kF6E3M2);
  EXPECT_EQ(wide.high, 28);
  EXPECT_EQ(wide.sum, 28 + 0x1p-4);
}

TEST(NumberStatsTest, Integers) {
  const std::vector<std::byte> ones(8, std::byte{0xff});
  EXPECT_EQ(Of(ones, DType::kU64).high, 18446744073709551615.0L);
  EXPECT_EQ(Of(ones, DType::kI64).high, -1);
  EXPECT_EQ(Of(ones, DType::kU32).sum, 2 * 4294967295.0L);
  EXPECT_EQ(Of(ones, DType::kU16).low, 65535);
  EXPECT_EQ(Of(Bytes({-32768, 0, 5}, DType::kI16), DType::kI16).low, -32768);
  EXPECT_EQ(Of(Bytes({-7, 0, 0}, DType::kI32), DType::kI32).zeros, 2u);
}

TEST(NumberStatsTest, Complex) {
  std::vector<float> parts = {
      0, 0, 1, 2, static_cast<float>(kNan), 0, 1, static_cast<float>(kInfinity)};
  const auto bytes = std::as_bytes(std::span(parts));
  const NumberStats stats = Of({bytes.begin(), bytes.end()}, DType::kC64);
  EXPECT_EQ(stats.elements, 4u);
  EXPECT_EQ(stats.nan, 1u);
  EXPECT_EQ(stats.infinite, 1u);
  EXPECT_EQ(stats.zeros, 1u);
}

TEST(NumberStatsTest, SumsBeyondADouble) {
  const double most = std::numeric_limits<double>::max();
  const NumberStats stats = Of(Bytes({most, most, most, -most}, DType::kF64), DType::kF64);
  EXPECT_EQ(stats.sum / 4, static_cast<long double>(most) / 2);
}

TEST(NumberStatsTest, NothingFinite) {
  const NumberStats stats = Of(Bytes({kNan, kInfinity}, DType::kF32), DType::kF32);
  EXPECT_EQ(stats.finite, 0u);
  EXPECT_EQ(Of({}, DType::kF32).elements, 0u);
}

// The blocks and threads do not show.
TEST(TensorStatsTest, LargeTensorsInPieces) {
  std::mt19937 random(1);
  std::vector<float> values((std::size_t{20} << 20) / 4 + 3);
  double sum = 0;
  for (float& value : values) {
    value = static_cast<float>(static_cast<int>(random() % 1000)) - 400;
    sum += value;
  }
  values[3] = static_cast<float>(kNan);
  values.back() = 5000;
  MemorySource source(std::as_bytes(std::span(values)));
  const std::vector<TensorData> tensors = {
      {.name = "a", .dtype = DType::kF32, .shape = {2, 0}, .data = SourceData{&source, 0}},
      {.name = "b", .dtype = DType::kF32, .shape = {values.size()}, .data = SourceData{&source, 0}},
      {.name = "c", .dtype = DType::kF32, .shape = {}, .data = SourceData{&source, 12}}};
  std::vector<NumberStats> first;
  for (const unsigned threads : {1u, 2u, 7u}) {
    const auto stats = ReadTensorStats(tensors, {.threads = threads});
    ASSERT_TRUE(stats.has_value());
    EXPECT_EQ((*stats)[0].elements, 0u);
    EXPECT_EQ((*stats)[1].elements, values.size());
    EXPECT_EQ((*stats)[1].nan, 1u);
    EXPECT_EQ((*stats)[1].high, 5000);
    EXPECT_EQ((*stats)[1].low, -400);
    EXPECT_NEAR(static_cast<double>((*stats)[1].sum), sum, 10'000);
    EXPECT_EQ((*stats)[2].nan, 1u);
    if (first.empty()) first = *stats;
    EXPECT_EQ((*stats)[1].sum, first[1].sum);
  }
}

TEST(TensorStatsTest, AShortSourceIsAnError) {
  MemorySource source({});
  const std::vector<TensorData> tensors = {
      {.name = "a", .dtype = DType::kU8, .shape = {4}, .data = SourceData{&source, 0}}};
  const auto stats = ReadTensorStats(tensors);
  ASSERT_FALSE(stats.has_value());
  EXPECT_EQ(stats.error().rule, Rule::kIoShortRead);
  const std::vector<TensorData> pushed = {{.name = "a", .shape = {4}, .data = PushedData{}}};
  EXPECT_FALSE(ReadTensorStats(pushed).has_value());
}

}  // namespace
}  // namespace tensorgate::internal
