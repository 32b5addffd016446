// The arithmetic that decides: with 8 bits against unbounded integers for every input, with 64 bits
// at its limits.
#include "lib/base/checked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

namespace tensorgate::internal {
namespace {

// The definition, in integers that cannot overflow here: three 8-bit factors and the bits fit 32
// bits.
struct Unbounded {
  std::uint64_t nonzero = 1;
  bool zero = false, in_order_overflows = false;
  std::uint64_t in_order = 1;
  void Multiply(std::uint64_t dimension, std::uint64_t max) {
    in_order *= dimension;
    if (in_order > max) in_order_overflows = true;
    if (in_order_overflows) in_order = max + 1;  // stays too large, unless there was a 0 before
    if (dimension == 0) zero = true;
    if (dimension != 0) nonzero *= dimension;
  }
};

void Compare8(std::vector<std::uint8_t> dimensions, unsigned bits) {
  ShapeSize<std::uint8_t> size;
  Unbounded truth;
  for (const std::uint8_t dimension : dimensions) {
    size.Multiply(dimension);
    truth.Multiply(dimension, 255);
  }
  const auto b = static_cast<std::uint8_t>(bits);
  ASSERT_EQ(size.zero, truth.zero);
  ASSERT_EQ(size.nonzero_overflows, truth.nonzero > 255);
  ASSERT_EQ(size.in_order_overflows, truth.in_order_overflows);
  ASSERT_EQ(size.HiddenOverflow(b), truth.nonzero * bits > 255);
  const bool overflow = truth.in_order_overflows || (!truth.zero && truth.nonzero * bits > 255);
  ASSERT_EQ(size.Overflow(b), overflow);
  if (!overflow) ASSERT_EQ(size.TotalBits(b), truth.zero ? 0 : truth.nonzero * bits);
  const unsigned last = dimensions.empty() ? 0 : dimensions.back();
  ASSERT_EQ(size.RowBitsModulo8(b), last * bits % 8);
}

TEST(SaturatingTest, EveryPairAtEightBits) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const auto x = static_cast<std::uint8_t>(a), y = static_cast<std::uint8_t>(b);
      ASSERT_EQ(SaturatingAdd(x, y), std::min(a + b, 255u));
      ASSERT_EQ(SaturatingMultiply(x, y), std::min(a * b, 255u));
    }
  }
}

TEST(ShapeSizeTest, EveryShapeOfUpToTwoDimensionsAtEightBits) {
  for (const unsigned bits : {1u, 4u, 6u, 8u, 16u, 32u, 64u}) {
    Compare8({}, bits);
    for (unsigned a = 0; a < 256; ++a) {
      Compare8({static_cast<std::uint8_t>(a)}, bits);
      for (unsigned b = 0; b < 256; ++b) {
        Compare8({static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)}, bits);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(ShapeSizeTest, EveryShapeOfThreeDimensionsAtEightBits) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      for (unsigned c = 0; c < 256; ++c) {
        Compare8({static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b),
                  static_cast<std::uint8_t>(c)},
                 6);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(ShapeSizeTest, BoundariesAtSixtyFourBits) {
  const auto size_of = [](std::initializer_list<std::uint64_t> dimensions) {
    ShapeSize<std::uint64_t> size;
    for (const std::uint64_t dimension : dimensions) size.Multiply(dimension);
    return size;
  };
  const std::uint64_t p32 = std::uint64_t{1} << 32, p62 = std::uint64_t{1} << 62;
  EXPECT_FALSE(size_of({p32, p32 - 1}).nonzero_overflows);
  EXPECT_TRUE(size_of({p32, p32}).nonzero_overflows);
  EXPECT_TRUE(size_of({p62, p62, 0}).Overflow(8));
  EXPECT_FALSE(size_of({0, p62, p62}).Overflow(8));
  EXPECT_TRUE(size_of({0, p62, p62}).HiddenOverflow(8));
  EXPECT_FALSE(size_of({p62 / 2 - 1}).Overflow(8));
  EXPECT_TRUE(size_of({p62 / 2}).Overflow(8));
  EXPECT_EQ(size_of({UINT64_MAX}).TotalBits(1), UINT64_MAX);
  EXPECT_FALSE(size_of({UINT64_MAX / 4}).Overflow(4));
  EXPECT_TRUE(size_of({UINT64_MAX / 4 + 1}).Overflow(4));
}

TEST(ShapeSizeTest, RandomProductsAgreeWith128Bits) {
#ifdef __SIZEOF_INT128__
  std::mt19937_64 random(7);
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t a = random() >> random() % 64, b = random() >> random() % 64;
    ShapeSize<std::uint64_t> size;
    size.Multiply(a);
    size.Multiply(b);
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{a == 0 ? 1 : a} * (b == 0 ? 1 : b);
    ASSERT_EQ(size.nonzero_overflows, product > UINT64_MAX) << a << " " << b;
    if (!size.nonzero_overflows) ASSERT_EQ(size.nonzero, static_cast<std::uint64_t>(product));
  }
#endif
}

// Plain shapes have as many elements as ShapeSize counts; the others are exactly those with a
// dimension of 0 or above the limit, and those that do not fit.
template <std::uint8_t kLarge>
void ComparePlain8(std::vector<std::uint8_t> dimensions) {
  PlainShape<std::uint8_t, kLarge> shape;
  unsigned product = 1;
  bool plain = true;
  for (const std::uint8_t dimension : dimensions) {
    shape.Multiply(dimension);
    plain &= dimension != 0 && dimension <= kLarge;
    if (plain) product *= dimension;
    plain &= product <= 255;
  }
  ASSERT_EQ(shape.plain, plain);
  if (plain) ASSERT_EQ(shape.elements, product);
}

TEST(PlainShapeTest, EveryShapeOfThreeDimensionsAtEightBits) {
  ComparePlain8<127>({});
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      for (unsigned c = 0; c < 256; ++c) {
        const std::vector<std::uint8_t> dimensions = {static_cast<std::uint8_t>(a),
                                                      static_cast<std::uint8_t>(b),
                                                      static_cast<std::uint8_t>(c)};
        ComparePlain8<127>(dimensions);
        ComparePlain8<255>(dimensions);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(AddOverflowsTest, EverySumAtEightBits) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      auto sum = static_cast<std::uint8_t>(a);
      ASSERT_EQ(AddOverflows(sum, static_cast<std::uint8_t>(b)), a + b > 255) << a << " " << b;
      if (a + b <= 255) ASSERT_EQ(sum, a + b);
    }
  }
}

TEST(SaturatingAddTest, EverySumAtEightBits) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      ASSERT_EQ(SaturatingAdd(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)),
                std::min(a + b, 255u));
    }
  }
}

// All pairs of claims over 32 positions, against a map of claimed bytes.
TEST(ClaimsTest, EveryPairOfRangesAgainstAMapOfBytes) {
  using Claims8 = Claims<std::uint8_t>;
  constexpr unsigned kEnd = 24;
  for (unsigned a = 0; a <= kEnd; ++a) {
    for (unsigned b = 0; b <= kEnd; ++b) {
      for (unsigned c = 0; c <= kEnd; ++c) {
        for (unsigned d = 0; d <= kEnd; ++d) {
          Claims8 claims;
          unsigned end = 0;
          for (const auto& [begin, stop] : {std::pair(a, b), std::pair(c, d)}) {
            const auto result =
                claims.Claim(static_cast<std::uint8_t>(begin), static_cast<std::uint8_t>(stop));
            const auto expected = stop < begin   ? Claims8::Result::kReversed
                                  : begin == end ? Claims8::Result::kNext
                                  : begin < end  ? Claims8::Result::kOverlap
                                                 : Claims8::Result::kHole;
            ASSERT_EQ(result, expected);
            if (stop >= begin) end = std::max(end, stop);
            ASSERT_EQ(claims.end(), end);
          }
        }
      }
    }
  }
}

// The reach of a view by its definition, as a sum that cannot overflow here.
struct Extent {
  unsigned dimension, stride;
};

bool ReachAgrees(unsigned offset, std::initializer_list<Extent> extents, unsigned elements) {
  ViewReach<std::uint8_t> reach(static_cast<std::uint8_t>(offset));
  std::uint64_t last = offset;
  bool empty = false;
  for (const auto& [dimension, stride] : extents) {
    reach.Add(static_cast<std::uint8_t>(dimension), static_cast<std::uint8_t>(stride));
    if (dimension == 0) empty = true;
    if (dimension != 0) last += std::uint64_t{dimension - 1} * stride;
  }
  const bool inside = empty ? offset <= elements : last < elements;
  const std::uint64_t reported = empty ? offset : std::min<std::uint64_t>(last, 255);
  return reach.Inside(static_cast<std::uint8_t>(elements)) == inside && reach.last() == reported;
}

TEST(ViewReachTest, EveryViewOfOneDimensionAtEightBits) {
  for (unsigned offset = 0; offset < 256; ++offset) {
    ASSERT_TRUE(ReachAgrees(offset, {}, offset));
    for (unsigned dimension = 0; dimension < 256; ++dimension) {
      bool agrees = true;
      for (unsigned stride = 0; stride < 256; ++stride) {
        // Storages at the limit: one element too few, just enough.
        const unsigned last = dimension == 0 ? offset : offset + (dimension - 1) * stride;
        agrees &= ReachAgrees(offset, {{dimension, stride}}, std::min(last, 255u));
        agrees &= ReachAgrees(offset, {{dimension, stride}}, std::min(last + 1, 255u));
      }
      ASSERT_TRUE(agrees) << offset << " " << dimension;
    }
  }
}

TEST(ViewReachTest, ViewsOfTwoDimensionsAtEightBits) {
  std::mt19937 random(1);
  const auto number = [&] {
    return static_cast<unsigned>(random() % (random() % 2 == 0 ? 256u : 8u));
  };
  for (int i = 0; i < 2'000'000; ++i) {
    const unsigned offset = number(), elements = number();
    const Extent a = {number(), number()}, b = {number(), number()};
    ASSERT_TRUE(ReachAgrees(offset, {a, b}, elements))
        << offset << " " << a.dimension << " " << a.stride << " " << b.dimension << " " << b.stride
        << " " << elements;
  }
}

}  // namespace
}  // namespace tensorgate::internal
