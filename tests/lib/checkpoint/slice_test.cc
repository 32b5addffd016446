// Slices: NumPy's semantics, and reads of only the bytes that are needed.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "lib/base/strided_copy.h"
#include "lib/tensor/gather.h"
#include "lib/tensor/select.h"
#include "tests/lib/checkpoint/model.h"
#include "tests/oracle/slices.h"

namespace tensorgate {
namespace {

using internal::Gather;
using internal::GatherLimits;
using testing::AsBytes;
using testing::Counts;
using testing::ModelOf;
using testing::Opened;
using testing::PatternAt;

std::vector<std::uint64_t> Enumerate(const internal::Positions& positions) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t i = 0; i < positions.count; ++i) {
    all.push_back(positions.first + i * static_cast<std::uint64_t>(positions.step));
  }
  return all;
}

std::vector<std::optional<std::int64_t>> Bounds(std::int64_t size) {
  std::vector<std::optional<std::int64_t>> bounds = {std::nullopt, INT64_MIN, INT64_MIN + 1,
                                                     INT64_MAX};
  for (std::int64_t i = -size - 2; i <= size + 2; ++i) bounds.emplace_back(i);
  return bounds;
}

TEST(SliceTest, RangesMeanWhatPythonMeans) {
  for (std::int64_t size = 0; size <= 6; ++size) {
    for (const auto start : Bounds(size)) {
      for (const auto stop : Bounds(size)) {
        for (const std::int64_t step :
             {std::int64_t{-7}, std::int64_t{-3}, std::int64_t{-2}, std::int64_t{-1},
              std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{7}, INT64_MIN,
              INT64_MIN + 1, INT64_MAX}) {
          const Subscript range = Subscript::Range(start, stop, step);
          ASSERT_EQ(Enumerate(internal::Resolve(range, static_cast<std::uint64_t>(size))),
                    oracle::Range(range, size))
              << size << ' ' << start.value_or(99) << ' ' << stop.value_or(99) << ' ' << step;
        }
      }
    }
  }
  // The largest possible dimension.
  const auto huge = internal::Resolve(Subscript::Range({}, {}, -1), INT64_MAX);
  EXPECT_EQ(huge.first, std::uint64_t{INT64_MAX} - 1);
  EXPECT_EQ(huge.count, std::uint64_t{INT64_MAX});
}

// Reads from memory, piece by piece.
std::vector<std::byte> ReadBy(const Gather& gather, std::span<const std::byte> file) {
  std::vector<std::byte> result(static_cast<std::size_t>(gather.selection().bytes));
  std::uint64_t bytes = 0, read = 0;
  for (std::uint64_t number = 0; number < gather.pieces(); ++number) {
    const Gather::Piece piece = gather.At(number);
    const auto from = file.subspan(static_cast<std::size_t>(piece.source.offset),
                                   static_cast<std::size_t>(piece.source.length));
    bytes += piece.bytes;
    read += from.size();
    if (gather.window() != 0) {
      EXPECT_LE(from.size(), gather.window());
      gather.Scatter(piece, from, result);
    } else {
      std::ranges::copy(from, result.begin() + static_cast<std::ptrdiff_t>(piece.target));
    }
  }
  EXPECT_EQ(bytes, result.size());
  EXPECT_EQ(read, gather.read_bytes());
  return result;
}

constexpr std::uint64_t kOffset = 11;  // offset of the tensor in its file

// Compares with the oracle under several limits. Returns true if the slice exists.
bool Compare(TensorRef tensor, const std::vector<Subscript>& subscripts) {
  const auto expected = oracle::Slice(tensor, subscripts);
  const Result<internal::Selection> selection = internal::Select(tensor, subscripts);
  EXPECT_EQ(selection.has_value(), expected.has_value());
  if (!selection || !expected) return false;
  EXPECT_EQ(selection->shape, expected->shape);
  std::vector<std::byte> file(static_cast<std::size_t>(kOffset + tensor.range.length));
  for (std::size_t i = 0; i < file.size(); ++i) file[i] = PatternAt(i);
  std::vector<std::byte> bytes;
  for (const std::uint64_t place : expected->places) bytes.push_back(PatternAt(kOffset + place));
  for (const GatherLimits& limits :
       {GatherLimits(), GatherLimits{.gap = 1, .window = 8, .long_run = 4, .block = 3},
        GatherLimits{.gap = 3, .window = 17, .long_run = 16, .block = 5},
        GatherLimits{.gap = 100, .window = 24, .long_run = 24, .block = 1000}}) {
    const Gather gather(*selection, limits);
    EXPECT_TRUE(ReadBy(gather, file) == bytes)
        << limits.gap << ' ' << ::testing::PrintToString(tensor.shape) << ' '
        << ::testing::PrintToString(tensor.stride) << ' ' << subscripts.size();
  }
  return true;
}

TensorRef TensorOf(DType dtype, std::vector<std::uint64_t> shape) {
  TensorRef tensor;
  tensor.type = dtype;
  tensor.shape = std::move(shape);
  tensor.range = {kOffset, tensor.elements() * Bits(dtype) / 8};
  return tensor;
}

// All subscripts for one dimension.
std::vector<Subscript> Choices() {
  return {Subscript::All(),
          Subscript::Index(0),
          Subscript::Index(-1),
          Subscript::Index(1),
          Subscript::Index(2),
          Subscript::Range(1, {}),
          Subscript::Range({}, -1),
          Subscript::Range({}, {}, 2),
          Subscript::Range({}, {}, -1),
          Subscript::Range(2, 0, -2),
          Subscript::Range(1, 1),
          Subscript::Range(0, 2),
          Subscript::Range({}, {}, 0),
          Subscript::Ellipsis(),
          Subscript::NewAxis()};
}

TEST(SliceTest, EverySliceOfSmallTensorsIsTheOraclesOne) {
  const std::vector<std::vector<std::uint64_t>> shapes = {
      {}, {1}, {3}, {0}, {2, 3}, {3, 4}, {3, 0}, {2, 3, 2}, {4, 1, 3}, {1, 2, 3, 2}};
  int exist = 0;
  for (const auto& shape : shapes) {
    const TensorRef tensor = TensorOf(DType::kU16, shape);
    exist += Compare(tensor, {});
    for (const Subscript& a : Choices()) {
      exist += Compare(tensor, {a});
      for (const Subscript& b : Choices()) {
        exist += Compare(tensor, {a, b});
        for (const Subscript& c : Choices()) exist += Compare(tensor, {a, b, c});
      }
    }
  }
  EXPECT_GT(exist, 8000);
}

TEST(SliceTest, EveryDtypeIsSlicedByItsSize) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const TensorRef tensor = TensorOf(static_cast<DType>(i), {3, 8});
    for (const Subscript& a : Choices()) {
      for (const Subscript& b : Choices()) Compare(tensor, {a, b});
    }
    for (std::int64_t begin = 0; begin < 8; ++begin) {
      for (std::int64_t end = 0; end <= 8; ++end) {
        Compare(tensor, {Subscript::Range({}, {}, -1), Subscript::Range(begin, end)});
      }
    }
  }
}

// As in PyTorch checkpoints: transposed, every second one, repeated, windows.
TEST(SliceTest, StridedTensorsAreGathered) {
  const std::vector<std::vector<std::uint64_t>> strides = {{1, 3}, {1, 4}, {8, 1}, {8, 2}, {0, 1},
                                                           {1, 0}, {0, 0}, {1, 1}, {2, 1}, {5, 7}};
  for (const DType dtype : {DType::kU8, DType::kBF16, DType::kF32, DType::kF64}) {
    for (const auto& stride : strides) {
      TensorRef tensor = TensorOf(dtype, {3, 4});
      tensor.stride = stride;
      tensor.range.length = (2 * stride[0] + 3 * stride[1] + 1) * Bits(dtype) / 8;
      EXPECT_TRUE(Compare(tensor, {}));
      for (const Subscript& a : Choices()) {
        for (const Subscript& b : Choices()) Compare(tensor, {a, b});
      }
      --tensor.range.length;
      EXPECT_EQ(PlanSlice(tensor, {}).error().rule, Rule::kUseNoSuchTensor);
    }
  }
}

// Two axes with the same distance, and a gap in each box: reading piece by piece would need more
// bytes than fit into a number.
TEST(SliceTest, APlanOfMoreThanCanBeCounted) {
  TensorRef tensor = TensorOf(DType::kU8, {std::uint64_t{1} << 38, 1 << 20, 2});
  tensor.stride = {8192, 8192, 4000};
  tensor.range.length = ((std::uint64_t{1} << 38) - 1 + (1 << 20) - 1) * 8192 + 4001;
  const Result<SlicePlan> plan = PlanSlice(tensor, {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->bytes, std::uint64_t{1} << 59);
  const Gather gather(*internal::Select(tensor, {}));
  EXPECT_EQ(gather.pieces(), std::uint64_t{1} << 58);
  EXPECT_EQ(gather.read_bytes(), UINT64_MAX);
  // In one pass over the range it is read once.
  EXPECT_EQ(plan->read_bytes, tensor.range.length);
  EXPECT_EQ(plan->reads, (tensor.range.length - 1) / (32 << 20) + 1);
}

TEST(SliceTest, ATensorThatContradictsItselfIsRefused) {
  const auto rule = [](TensorRef tensor, std::vector<Subscript> subscripts = {}) {
    const Result<SlicePlan> plan = PlanSlice(tensor, subscripts);
    return plan ? Rule::kIoOpenFailed : plan.error().rule;
  };
  const std::uint64_t k63 = std::uint64_t{1} << 63;
  TensorRef tensor = TensorOf(DType::kU8, {4});
  tensor.range.length = 5;
  EXPECT_EQ(rule(tensor), Rule::kUseNoSuchTensor);
  tensor.range = {UINT64_MAX, 4};
  EXPECT_EQ(rule(tensor), Rule::kUseNoSuchTensor);
  tensor.range = {0, 4};
  tensor.shape = {k63, 2};
  EXPECT_EQ(rule(tensor), Rule::kUseNoSuchTensor);
  EXPECT_EQ(rule(tensor, {Subscript::Range(0, 1)}), Rule::kUseNoSuchTensor);
  tensor.shape = {2, 2};
  tensor.stride = {1};
  EXPECT_EQ(rule(tensor), Rule::kUseNoSuchTensor);
  for (const std::uint64_t far : {UINT64_MAX, k63}) {
    tensor.shape = {2, 3};
    tensor.stride = {1, far};
    EXPECT_EQ(rule(tensor), Rule::kUseNoSuchTensor);
  }
  tensor.shape = {2, 2};
  tensor.stride = {UINT64_MAX, 1};
  EXPECT_EQ(rule(tensor), Rule::kUseNoSuchTensor);
  tensor.type = DType::kU64;
  tensor.stride = {k63, 1};
  EXPECT_EQ(rule(tensor), Rule::kUseNoSuchTensor);
  // 2^64 + 64 bits, which would wrap to 64.
  tensor = TensorOf(DType::kF4, {16});
  tensor.shape = {k63 / 2 + 16};
  EXPECT_EQ(rule(tensor), Rule::kUseNoSuchTensor);
  EXPECT_EQ(rule(tensor, {Subscript::Range(1000, 1002)}), Rule::kUseNoSuchTensor);
}

TEST(SliceTest, RefusalsReportTheSubscript) {
  const TensorRef tensor = TensorOf(DType::kF32, {2, 3});
  const auto found = [&](std::vector<Subscript> subscripts) {
    const Result<SlicePlan> plan = PlanSlice(tensor, subscripts);
    EXPECT_FALSE(plan);
    EXPECT_EQ(plan.error().rule, Rule::kUseBadSlice);
    return plan.error().found;
  };
  EXPECT_EQ(found({Subscript::Index(2)}), 0u);
  EXPECT_EQ(found({Subscript::All(), Subscript::Index(-4)}), 1u);
  EXPECT_EQ(found({Subscript::All(), Subscript::Range({}, {}, 0)}), 1u);
  EXPECT_EQ(found({Subscript::All(), Subscript::NewAxis(), Subscript::All(), Subscript::All()}),
            3u);
  EXPECT_EQ(found({Subscript::Ellipsis(), Subscript::Ellipsis()}), 1u);
  EXPECT_EQ(found({{Subscript::Kind::kIndex, {}, {}, 1}}), 0u);
  const Result<SlicePlan> packed =
      PlanSlice(TensorOf(DType::kF6E2M3, {4}), std::vector{Subscript::Range(0, 3)});
  EXPECT_EQ(packed.error().rule, Rule::kUseSubByteSlice);
  EXPECT_EQ(packed.error().found, 6u);
  // Rows that end within a byte, no rows, rows that are not adjacent.
  TensorRef strided = TensorOf(DType::kF4, {4});
  strided.stride = {1};
  for (const TensorRef& odd : {TensorOf(DType::kF4, {3}), TensorOf(DType::kF4, {}), strided}) {
    EXPECT_EQ(PlanSlice(odd, {}).error().rule, Rule::kUseSubByteSlice);
  }
}

// The last line of defense: whatever went wrong before, nothing outside is read or written.
TEST(SliceTest, ACopyThatWouldLeaveItsMemoryEndsTheProgram) {
  std::vector<std::byte> from(20), into(20);
  using internal::Row;
  const auto copy = [&](Row source, Row target) {
    internal::CopyStrided(from, source, into, target, 3, 4);
  };
  copy({0, 8}, {16, ~std::uint64_t{0} - 7});
  EXPECT_TRUE((Row{16, ~std::uint64_t{0} - 7}).Fits(3, 4, 20));
  EXPECT_FALSE((Row{0, 1}).Fits(1, 21, 20));
  EXPECT_FALSE((Row{17, 0}).Fits(1, 4, 20));
  EXPECT_FALSE((Row{0, 9}).Fits(3, 4, 20));
  EXPECT_DEATH(copy({1, 8}, {0, 8}), "");
  EXPECT_DEATH(copy({0, 8}, {1, 8}), "");
  EXPECT_DEATH(copy({21, 0}, {0, 8}), "");
  EXPECT_DEATH(copy({0, 8}, {4, ~std::uint64_t{0} - 7}), "");
  EXPECT_DEATH(internal::CopyStrided(from, {0, 1}, into, {0, 1}, 1, 21), "");
}

// A matrix of 2,000 rows of 8,000 bytes, from a source that counts reads.
class CountedSliceTest : public ::testing::Test {
 protected:
  CountedSliceTest()
      : file_(ModelOf({{"before", DType::kU8, {1000}}, {"m", DType::kF32, {2000, 2000}}})),
        checkpoint_(Opened(Checkpoint::Open(
            std::make_unique<testing::CountingSource>(AsBytes(file_), &counts_)))) {}

  // Reads it, compares every byte, and returns the plan after checking the reads.
  SlicePlan Read(const std::vector<Subscript>& subscripts) {
    const Result<SlicePlan> plan = checkpoint_.PlanSlice(1, subscripts);
    EXPECT_TRUE(plan);
    for (const unsigned threads : {1u, 4u}) {
      std::vector<std::byte> into(static_cast<std::size_t>(plan->bytes));
      counts_.Clear();
      EXPECT_TRUE(checkpoint_.ReadSliceInto(1, subscripts, into, {.threads = threads}));
      EXPECT_EQ(counts_.reads, plan->reads);
      EXPECT_EQ(counts_.bytes, plan->read_bytes);
      Verify(subscripts, into);
    }
    const Result<Slice> slice = checkpoint_.ReadSlice(1, subscripts);
    EXPECT_TRUE(slice);
    EXPECT_EQ(slice->shape, plan->shape);
    Verify(subscripts, slice->buffer.bytes());
    return *plan;
  }

  void Verify(const std::vector<Subscript>& subscripts, std::span<const std::byte> bytes) {
    const auto rows = oracle::Range(subscripts[0], 2000),
               columns = oracle::Range(subscripts[1], 2000);
    ASSERT_EQ(bytes.size(), rows.size() * columns.size() * 4);
    std::size_t at = 0, wrong = 0;
    for (const std::uint64_t row : rows) {
      for (const std::uint64_t column : columns) {
        for (std::uint64_t i = 0; i < 4; ++i) {
          wrong += bytes[at++] != PatternAt(1000 + (row * 2000 + column) * 4 + i);
        }
      }
    }
    EXPECT_EQ(wrong, 0u);
  }

  Counts counts_;
  std::string file_;
  Checkpoint checkpoint_;
};

constexpr std::uint64_t kBlock = 4096;

TEST_F(CountedSliceTest, OnlyWhatIsNeededIsReadInFewLargeReads) {
  // Rows: one read, and not a byte more.
  SlicePlan plan = Read({Subscript::Range(100, 200), Subscript::All()});
  EXPECT_TRUE(plan.contiguous);
  EXPECT_EQ(plan.reads, 1u);
  EXPECT_EQ(plan.read_bytes, plan.bytes);
  // Half of each row, with gaps of 4,000 bytes, which are read, too; a MiB at a time.
  plan = Read({Subscript::All(), Subscript::Range(0, 1000)});
  EXPECT_FALSE(plan.contiguous);
  EXPECT_EQ(plan.reads, 16u);
  EXPECT_LE(plan.read_bytes, plan.bytes + 2000 * 2 * kBlock);
  // One column: one read for each row, of only its element.
  plan = Read({Subscript::All(), Subscript::Range(7, 8)});
  EXPECT_EQ(plan.reads, 2000u);
  EXPECT_EQ(plan.read_bytes, plan.bytes);
  // Every second column, descending in both directions.
  plan = Read({Subscript::Range({}, {}, -3), Subscript::Range({}, {}, -2)});
  EXPECT_EQ(plan.reads, 667u);
  EXPECT_LE(plan.read_bytes, 2 * plan.bytes);
  plan = Read({Subscript::Range({}, {}, -1), Subscript::All()});
  EXPECT_EQ(plan.reads, 16u);
  EXPECT_EQ(plan.read_bytes, plan.bytes);
  plan = Read({Subscript::Range(5, 5), Subscript::All()});
  EXPECT_EQ(plan.reads, 0u);
}

// Whatever the slice: at most its bytes and two blocks per run.
TEST_F(CountedSliceTest, TheBoundHoldsForAllWidths) {
  for (const std::int64_t width : {1, 2, 100, 900, 976, 977, 1000, 1999, 2000}) {
    for (const std::int64_t step : {1, 2, 5}) {
      const std::vector<Subscript> subscripts = {Subscript::Range(3, 1900, 7),
                                                 Subscript::Range(0, width, step)};
      const Result<SlicePlan> plan = checkpoint_.PlanSlice(1, subscripts);
      ASSERT_TRUE(plan);
      const std::uint64_t columns = plan->shape[1];
      const std::uint64_t runs = plan->shape[0] * (step == 1 ? 1 : columns);
      EXPECT_LE(plan->read_bytes, plan->bytes + 2 * kBlock * runs) << width << ' ' << step;
      EXPECT_LE(plan->reads, runs);
    }
  }
}

TEST_F(CountedSliceTest, WrongSizeAndFailuresAreErrors) {
  std::vector<std::byte> into(15);
  const std::vector<Subscript> four = {Subscript::Index(0), Subscript::Range(0, 4)};
  EXPECT_EQ(checkpoint_.ReadSliceInto(1, four, into).error().rule, Rule::kUseWrongSize);
  EXPECT_EQ(checkpoint_.ReadSliceInto(2, four, into).error().rule, Rule::kUseNoSuchTensor);
  EXPECT_EQ(checkpoint_.PlanSlice(2, four).error().rule, Rule::kUseNoSuchTensor);
  const std::vector<Subscript> three(3, Subscript::All());
  EXPECT_EQ(checkpoint_.ReadSliceInto(1, three, into).error().rule, Rule::kUseBadSlice);
  EXPECT_EQ(checkpoint_.ReadSlice(1, std::vector(3, Subscript::All())).error().rule,
            Rule::kUseBadSlice);
}

}  // namespace
}  // namespace tensorgate
