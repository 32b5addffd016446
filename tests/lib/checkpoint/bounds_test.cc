// The cost of reading tensors with strides: at most a constant times the bytes of the file and of
// the result, whatever the strides, and however many tensors share bytes.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/checkpoint/reorder.h"
#include "lib/checkpoint/shelf.h"
#include "lib/checkpoint/strided.h"
#include "lib/checkpoint/sweep.h"
#include "lib/checkpoint/to_save.h"
#include "lib/tensor/elements.h"
#include "tensorgate/convert.h"
#include "tests/lib/checkpoint/model.h"
#include "tests/lib/formats/torch/build.h"
#include "tests/oracle/slices.h"

namespace tensorgate {
namespace {

using internal::CheckpointData;
using internal::ElementRow;
using internal::Elements;
using internal::Gather;
using internal::Sweep;
using testing::AsBytes;
using testing::Counts;
using testing::Opened;
using testing::PatternAt;
namespace made = testing::torch;

std::mt19937_64 random_number(7);

std::uint64_t Below(std::uint64_t end) { return random_number() % end; }

std::vector<std::byte> Pattern(std::uint64_t size) {
  std::vector<std::byte> bytes(size);
  for (std::uint64_t i = 0; i < size; ++i) bytes[i] = PatternAt(i);
  return bytes;
}

// A random shape with random strides that fits into a file of `size` bytes.
TensorRef AnyTensor(std::uint64_t size, std::uint64_t most) {
  constexpr DType kTypes[] = {DType::kU8, DType::kBF16, DType::kF32, DType::kF64};
  while (true) {
    TensorRef tensor{.type = kTypes[Below(4)]};
    const std::uint64_t element = Bits(*tensor.type.dtype) / 8;
    std::uint64_t last = 0, elements = 1;
    const std::uint64_t rank = 1 + Below(5);
    for (std::uint64_t i = 0; i < rank; ++i) {
      tensor.shape.push_back(1 + Below(Below(2) == 0 ? 4 : 40));
      constexpr std::uint64_t kFar[] = {1, 2, 9, 100, 5000};
      tensor.stride.push_back(Below(5) == 0 ? 0 : Below(kFar[Below(5)]) + 1);
      last += (tensor.shape.back() - 1) * tensor.stride.back();
      elements *= tensor.shape.back();
    }
    tensor.range.length = (last + 1) * element;
    if (tensor.range.length > size || elements * element > most) continue;
    tensor.range.offset = Below(size - tensor.range.length + 1);
    return tensor;
  }
}

std::vector<std::byte> Expected(const TensorRef& tensor, std::span<const std::byte> file) {
  const std::optional<oracle::Sliced> whole = oracle::Slice(tensor, {});
  std::vector<std::byte> bytes;
  for (const std::uint64_t place : whole->places) {
    bytes.push_back(file[tensor.range.offset + place]);
  }
  return bytes;
}

Gather GatherOf(const TensorRef& tensor) { return Gather(*internal::Select(tensor, {})); }

CheckpointData DataOf(std::unique_ptr<Source> source) {
  CheckpointData data;
  data.parts.emplace_back();
  data.parts[0].source = std::move(source);
  return data;
}

// Every element once, in the block that it starts in.
TEST(ElementsTest, AreEachInOneBlock) {
  using Places = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  for (int round = 0; round < 3000; ++round) {
    TensorRef tensor{.type = Below(2) == 0 ? DType::kU8 : DType::kU16};
    std::uint64_t last = 0;
    const std::uint64_t rank = Below(6), far = Below(3) == 0 ? 3000 : 30;
    for (std::uint64_t i = 0; i < rank; ++i) {
      tensor.shape.push_back(1 + Below(Below(4) == 0 ? 30 : 4));
      tensor.stride.push_back(Below(4) == 0 ? 0 : Below(far));
      last += (tensor.shape.back() - 1) * tensor.stride.back();
    }
    tensor.range = {100, (last + 1) * Bits(*tensor.type.dtype) / 8};
    const Gather gather = GatherOf(tensor);
    const std::uint64_t block = 1 + Below(Below(2) == 0 ? 4 : 2000);
    const Elements elements(gather, block);
    Places found, expected;
    for (std::uint64_t begin = 100; begin < 100 + tensor.range.length; begin += block) {
      elements.Visit(begin, begin + block, [&](const ElementRow& row) {
        for (std::uint64_t i = 0; i < row.count; ++i) {
          found.emplace_back(row.target.at + i * row.target.stride,
                             row.source.at + i * row.source.stride);
          ASSERT_TRUE(found.back().second >= begin && found.back().second < begin + block);
        }
      });
    }
    const std::optional<oracle::Sliced> whole = oracle::Slice(tensor, {});
    for (std::size_t i = 0; i < whole->places.size(); i += gather.run()) {
      expected.emplace_back(i, 100 + whole->places[i]);
    }
    std::ranges::sort(found);
    ASSERT_EQ(found, expected) << round;
  }
}

// Two overlapping axes with far more positions than are listed at once: no such file is read here.
TEST(ElementsTest, OfARangeOfManyTerabytes) {
  constexpr std::uint64_t kRows = 2, kColumns = 70'000, kRow = 1'000'000'000, kColumn = 900'000'000;
  const TensorRef tensor{.type = DType::kU8,
                         .shape = {kRows, kColumns},
                         .stride = {kRow, kColumn},
                         .range = {0, kRow + (kColumns - 1) * kColumn + 1}};
  const Gather gather = GatherOf(tensor);
  constexpr std::uint64_t kBlock = 1 << 20;
  const Elements elements(gather, kBlock);
  for (int round = 0; round < 100; ++round) {
    const std::uint64_t at = Below(kRows) * kRow + Below(kColumns) * kColumn;
    const std::uint64_t begin = at / kBlock * kBlock;
    std::vector<std::uint64_t> found, expected;
    elements.Visit(begin, begin + kBlock, [&](const ElementRow& row) {
      for (std::uint64_t i = 0; i < row.count; ++i) {
        found.push_back(row.target.at + i * row.target.stride);
      }
    });
    for (std::uint64_t i = 0; i < kRows * kColumns; ++i) {
      const std::uint64_t source = i / kColumns * kRow + i % kColumns * kColumn;
      if (source >= begin && source < begin + kBlock) expected.push_back(i);
    }
    std::ranges::sort(found);
    ASSERT_EQ(found, expected) << at;
  }
}

TEST(SweepTest, CostsNoMoreThanTheReads) {
  // Contiguous data are read directly, however much there is.
  const TensorRef tensor{
      .type = DType::kU8, .shape = {1 << 20}, .stride = {1}, .range = {5, 1 << 20}};
  const Gather gather = GatherOf(tensor);
  EXPECT_EQ(Sweep::Cost(gather), gather.cost());
  EXPECT_EQ(Sweep::Cost(gather), (1 << 20) + Gather::kReadCost);
}

// Each group has its own range.
TEST(SweepTest, GroupsOfWhatOverlaps) {
  std::vector<Gather> gathers;
  for (std::uint64_t i = 0; i < 200; ++i) {
    TensorRef column{.type = DType::kU8, .shape = {1000, 1}, .stride = {10'000, 1}};
    column.range = {i % 2 * 20'000'000 + i, 9'990'001};
    gathers.push_back(GatherOf(column));
  }
  std::vector<const Gather*> all;
  for (const Gather& gather : gathers) all.push_back(&gather);
  const std::vector<std::uint32_t> groups = Sweep::Choose(all);
  for (std::size_t i = 0; i < groups.size(); ++i) EXPECT_EQ(groups[i], 1 + i % 2) << i;
  EXPECT_EQ(Sweep::Choose(std::span(all).first(1)), std::vector<std::uint32_t>{0});
}

// Every plane of a tensor costs the same, even if it is larger than what is read at a time.
TEST(StridedReaderTest, CostsAsManyPlanesAsThereAre) {
  const CheckpointData data;
  TensorRef plane{.type = DType::kU8, .shape = {5000, 5000}, .stride = {1, 5000}};
  plane.range = {0, 25'000'000};
  TensorRef planes{.type = DType::kU8, .shape = {3, 5000, 5000}, .stride = {0, 1, 5000}};
  planes.range = plane.range;
  const std::uint64_t cost = internal::StridedReader(data, plane).Cost();
  EXPECT_GT(cost, 25'000'000u);
  EXPECT_EQ(internal::StridedReader(data, planes).Cost(), 3 * cost);
}

TEST(SweepTest, GivesWhatTheOracleGives) {
  const std::vector<std::byte> file = Pattern(60'000);
  for (int round = 0; round < 300; ++round) {
    std::vector<TensorRef> tensors;
    std::vector<Gather> gathers;
    for (std::uint64_t i = 1 + Below(4); i > 0; --i) {
      tensors.push_back(AnyTensor(file.size(), 3000));
      gathers.push_back(GatherOf(tensors.back()));
    }
    std::vector<std::vector<std::byte>> into;
    std::vector<Sweep::Item> items;
    into.reserve(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      into.emplace_back(tensors[i].bytes());
      items.push_back({&gathers[i], into.back()});
    }
    const std::uint64_t block = Below(2) == 0 ? 1 + Below(50) : 1 + Below(100'000);
    const Sweep sweep(items, block);
    std::uint64_t read = 0, done = 0, bytes = 0;
    for (std::uint64_t number = sweep.pass().blocks(); number-- > 0;) {
      const ByteRange range = sweep.pass().Read(number);
      EXPECT_LE(range.length, sweep.pass().window());
      read += range.length;
      done += sweep.Scatter(number, std::span(file).subspan(range.offset, range.length));
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      bytes += tensors[i].bytes();
      ASSERT_TRUE(into[i] == Expected(tensors[i], file)) << round;
    }
    EXPECT_EQ(read, sweep.pass().read_bytes());
    EXPECT_EQ(done, bytes);
  }
}

TEST(ReorderTest, GivesWhatTheOracleGives) {
  const std::vector<std::byte> file = Pattern(60'000);
  const CheckpointData data = DataOf(std::make_unique<MemorySource>(file));
  for (int round = 0; round < 300; ++round) {
    std::vector<TensorRef> tensors;
    std::vector<std::byte> expected;
    for (std::uint64_t i = 1 + Below(6); i > 0; --i) {
      tensors.push_back(AnyTensor(file.size(), 3000));
      std::ranges::copy(Expected(tensors.back(), file), std::back_inserter(expected));
    }
    const internal::ReorderLimits limits{.block = 1 + Below(Below(2) == 0 ? 100 : 100'000),
                                         .segment = 1 + Below(Below(2) == 0 ? 50 : 20'000),
                                         .buckets = 1 + Below(10'000),
                                         .bucket = 1 + Below(Below(2) == 0 ? 4 : 500)};
    const std::atomic<bool> cancel = false;
    internal::Shelf shelf(data, 0, tensors, round % 2 == 0 ? &cancel : nullptr, limits);
    EXPECT_EQ(shelf.Read(0, {}).value(), 0u);
    ASSERT_EQ(shelf.size(), expected.size());
    std::vector<std::byte> read(expected.size());
    ASSERT_TRUE(ReadFully(shelf, 0, read)) << round;
    ASSERT_TRUE(read == expected) << round;
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      EXPECT_EQ(shelf.offset(i), at);
      at += tensors[i].bytes();
    }
    EXPECT_EQ(shelf.Read(shelf.size(), read).value(), 0u);
  }
}

TEST(ReorderTest, EndsWhenItIsCancelledAndWhenThePartFails) {
  const std::vector<std::byte> file = Pattern(60'000);
  const std::atomic<bool> cancel = true;
  const TensorRef tensor{
      .type = DType::kU8, .shape = {200, 100}, .stride = {1, 300}, .range = {0, 29'900}};
  const CheckpointData data = DataOf(std::make_unique<MemorySource>(file));
  std::byte byte;
  for (int twice = 0; twice < 2; ++twice) {
    internal::Shelf shelf(data, 0, {tensor}, &cancel);
    EXPECT_EQ(shelf.Read(0, std::span(&byte, 1)).error().rule, Rule::kUseCancelled);
  }
  const CheckpointData cut = DataOf(std::make_unique<CallbackSource>(
      60'000, [](std::uint64_t, std::span<std::byte>) -> Result<std::size_t> { return 0; }));
  internal::Shelf shelf(cut, 0, {tensor});
  EXPECT_EQ(shelf.Read(0, std::span(&byte, 1)).error().rule, Rule::kIoShortRead);
}

// Overwrites the beginning of this process's temporary file.
void Spoil(std::string_view bytes, off_t at) {
  int spoiled = 0;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(each.path(), gone).string();
    if (gone || !target.ends_with("(deleted)")) continue;
    const int descriptor = std::stoi(each.path().filename().string());
    if (::pwrite(descriptor, bytes.data(), bytes.size(), at) ==
        static_cast<ssize_t>(bytes.size())) {
      ++spoiled;
    }
  }
  EXPECT_EQ(spoiled, 1);
}

// Changes of the temporary file by others are detected, and then each tensor is read by itself.
TEST(ReorderTest, ATemporaryFileThatIsChangedMeanwhile) {
  if (!std::filesystem::exists("/proc/self/fd")) GTEST_SKIP() << "no /proc";
  using namespace std::string_view_literals;
  const std::vector<std::byte> file = Pattern(60'000);
  const TensorRef tensor{
      .type = DType::kU8, .shape = {200, 100}, .stride = {1, 300}, .range = {0, 29'900}};
  const std::vector<std::byte> expected = Expected(tensor, file);
  const internal::ReorderLimits limits{
      .block = 1000, .segment = 30'000, .buckets = 500, .bucket = 500};
  // A heading: the position of its bytes, and their number.
  const std::pair<std::string_view, off_t> changes[] = {{"\xff\xff\xff\xff"sv, 4},
                                                        {"\xff\xff\xff\x7f"sv, 0},
                                                        {"\x20\x4e\0\0"sv, 0},
                                                        {"\x1f\x4e\0\0\2\0\0\0"sv, 0},
                                                        {"\xe0\1\0\0"sv, 4}};
  for (const auto& [bytes, at] : changes) {
    std::uint64_t reads = 0;
    const CheckpointData data = DataOf(std::make_unique<CallbackSource>(
        file.size(), [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
          if (++reads == 25) Spoil(bytes, at);
          return internal::CopyBytes(std::span(file).subspan(offset), into);
        }));
    internal::Shelf shelf(data, 0, {tensor}, nullptr, limits);
    std::vector<std::byte> read(expected.size());
    ASSERT_TRUE(ReadFully(shelf, 0, read));
    EXPECT_TRUE(read == expected);
    EXPECT_GT(reads, 30u);  // for the temporary file, and then directly
  }
}

// Slow, but complete.
TEST(ReorderTest, WithoutATemporaryFileEachIsReadByItself) {
  const std::vector<std::byte> file = Pattern(60'000);
  const CheckpointData data = DataOf(std::make_unique<MemorySource>(file));
  std::vector<TensorRef> tensors;
  std::vector<std::byte> expected;
  for (int i = 0; i < 10; ++i) {
    tensors.push_back(AnyTensor(file.size(), 3000));
    std::ranges::copy(Expected(tensors.back(), file), std::back_inserter(expected));
  }
  internal::Shelf shelf(data, 0, tensors);
  rlimit usual;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &usual), 0);
  const rlimit none{0, usual.rlim_max};
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  std::vector<std::byte> read(expected.size());
  const Result<void> done = ReadFully(shelf, 0, read);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &usual), 0);
  std::signal(SIGXFSZ, before);
  ASSERT_TRUE(done);
  EXPECT_TRUE(read == expected);
  // From any position.
  for (std::size_t at = 0; at < expected.size(); at += 97) {
    std::byte byte;
    ASSERT_TRUE(ReadFully(shelf, at, std::span(&byte, 1)));
    ASSERT_EQ(byte, expected[at]);
  }
}

// ---- Costs.

constexpr std::uint64_t kPage = 4096;

struct Case {
  const char* name;
  std::uint64_t storage;  // bytes
  std::vector<made::View> views;
};

made::View ViewOf(std::vector<std::uint64_t> shape, std::vector<std::uint64_t> stride,
                  std::uint64_t offset = 0) {
  return {.shape = std::move(shape), .stride = std::move(stride), .offset = offset};
}

std::vector<Case> Cases() {
  constexpr std::uint64_t kSize = 16 << 20, kElements = kSize / 4;
  std::vector<Case> cases;
  // A thousand columns: each strides through the whole file.
  Case columns{"columns", kSize, {}};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    columns.views.push_back(ViewOf({kElements / 4000, 1}, {4000, 1}, i * 3));
  }
  cases.push_back(columns);
  Case close{"close columns", kSize, {}};
  for (std::uint64_t i = 0; i < 200; ++i) {
    close.views.push_back(ViewOf({kElements / 500}, {500}, i));
  }
  cases.push_back(close);
  cases.push_back({"transposed", kSize, {ViewOf({2048, 2048}, {1, 2048})}});
  cases.push_back({"transposed, of long rows", kSize, {ViewOf({16, kElements / 16}, {1, 16})}});
  cases.push_back(
      {"transposed, of short rows", kSize, {ViewOf({kElements / 16, 16}, {1, kElements / 16})}});
  // Two axes with the same distance and many steps: each position occurs many times.
  cases.push_back({"overlapping", kSize, {ViewOf({2000, 2000}, {1031, 1031})}});
  std::vector<std::uint64_t> twos(22, 2), far;
  for (std::uint64_t i = 0; i < 22; ++i) far.push_back(kElements / 23 - i);
  cases.push_back({"overlapping in many dimensions", kSize, {ViewOf(twos, far)}});
  std::vector<std::uint64_t> powers;
  for (std::uint64_t i = 0; i < 22; ++i) powers.push_back(std::uint64_t{1} << i);
  cases.push_back({"reversed bits", kSize, {ViewOf(twos, powers)}});
  Case windows{"windows", kSize, {}};
  for (std::uint64_t i = 0; i < 10; ++i) {
    windows.views.push_back(ViewOf({3000, 7, 50}, {1300, 5, 1}, i * 1000));
  }
  cases.push_back(windows);
  return cases;
}

struct Built {
  std::string file;
  std::uint64_t result = 0;
  std::vector<std::vector<std::uint64_t>> shapes;
};

Built Build(const Case& each) {
  std::string storage(each.storage, '\0');
  for (std::uint64_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<char>(PatternAt(i));
  made::Items items;
  Built built;
  for (made::View view : each.views) {
    view.elements = each.storage / 4;
    std::uint64_t elements = 1;
    for (const std::uint64_t size : view.shape) elements *= size;
    built.result += elements * 4;
    items.emplace_back("t" + std::to_string(items.size()), view.Code());
  }
  built.file = made::File(made::Dict(items), {storage});
  return built;
}

// Compares some of the elements, one by one.
void ExpectView(const made::View& view, const TensorRef& tensor, std::span<const std::byte> bytes,
                std::span<const std::byte> file) {
  std::uint64_t elements = 1;
  for (const std::uint64_t size : view.shape) elements *= size;
  ASSERT_EQ(bytes.size(), elements * 4);
  const std::uint64_t begin = tensor.range.offset;
  for (std::uint64_t at = 0; at < elements; at += 1 + elements / 5000) {
    std::uint64_t place = 0, left = at;
    for (std::size_t i = view.shape.size(); i-- > 0;) {
      place += left % view.shape[i] * view.stride[i];
      left /= view.shape[i];
    }
    ASSERT_TRUE(std::ranges::equal(bytes.subspan(at * 4, 4), file.subspan(begin + place * 4, 4)))
        << at;
  }
}

class BoundsTest : public testing::FolderTest {};

TEST_F(BoundsTest, LoadingIntoMemory) {
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    const Built built = Build(each);
    Counts counts;
    const Checkpoint checkpoint = Opened(
        Checkpoint::Open(std::make_unique<testing::CountingSource>(AsBytes(built.file), &counts)));
    const std::uint64_t file = built.file.size();
    for (const unsigned threads : {1u, 3u}) {
      counts.Clear();
      const Result<Loaded> all = checkpoint.LoadAll({.threads = threads});
      ASSERT_TRUE(all);
      EXPECT_LE(counts.bytes, 3 * file + built.result);
      EXPECT_LE(counts.reads, (3 * file + built.result) / kPage + 2 * each.views.size());
      for (std::size_t i = 0; i < each.views.size(); ++i) {
        const std::size_t index = *checkpoint.Find("t" + std::to_string(i));
        ExpectView(each.views[i], *checkpoint.tensor(index), all->bytes(index),
                   AsBytes(built.file));
      }
    }
    // One by one: each separately.
    for (std::size_t i = 0; i < checkpoint.tensor_count(); i += 1 + checkpoint.tensor_count() / 5) {
      counts.Clear();
      const Result<Buffer> read = checkpoint.Read(i);
      ASSERT_TRUE(read);
      EXPECT_LE(counts.bytes, 3 * file + read->bytes().size());
      EXPECT_LE(counts.reads, (3 * file + read->bytes().size()) / kPage + 4);
      const Result<SlicePlan> plan = checkpoint.PlanSlice(i, {});
      ASSERT_TRUE(plan);
      EXPECT_EQ(plan->reads, counts.reads);
      EXPECT_EQ(plan->read_bytes, counts.bytes);
    }
  }
}

std::size_t HashOf(std::span<const std::byte> bytes) {
  return std::hash<std::string_view>()(internal::AsText(bytes));
}

// As a command reads them: one after the other, in blocks.
std::vector<std::size_t> HashesOf(const internal::ToSave& contents) {
  std::vector<std::size_t> hashes;
  for (const TensorData& tensor : contents.tensors) {
    std::uint64_t size = Bits(tensor.dtype) / 8;
    for (const std::uint64_t dimension : tensor.shape) size *= dimension;
    std::vector<std::byte> bytes(size);
    const auto& from = std::get<SourceData>(tensor.data);
    for (std::uint64_t at = 0; at < size; at += 1 << 20) {
      const auto block = std::span(bytes).subspan(at, std::min<std::uint64_t>(size - at, 1 << 20));
      EXPECT_TRUE(ReadFully(*from.source, from.offset + at, block));
    }
    hashes.push_back(HashOf(bytes));
  }
  return hashes;
}

// Tensor by tensor in C order, as for hashing, comparing and saving.
TEST_F(BoundsTest, ReadingInOrder) {
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    const Built built = Build(each);
    Counts counts;
    const Checkpoint checkpoint = Opened(
        Checkpoint::Open(std::make_unique<testing::CountingSource>(AsBytes(built.file), &counts)));
    const Result<internal::ToSave> contents = internal::ToSaveOf(checkpoint);
    ASSERT_TRUE(contents);
    counts.Clear();
    const std::vector<std::size_t> hashes = HashesOf(*contents);
    const std::uint64_t file = built.file.size();
    EXPECT_LE(counts.bytes, 3 * file + 16 * built.result);
    EXPECT_LE(counts.reads, (3 * file + 16 * built.result) / kPage + 2 * each.views.size());
    // The same again, and as it is in memory.
    EXPECT_EQ(HashesOf(*contents), hashes);
    const Result<Loaded> all = checkpoint.LoadAll();
    ASSERT_TRUE(all);
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      EXPECT_EQ(HashOf(all->bytes(i)), hashes[i]) << i;
    }
  }
}

// Bytes that this process has read and written with system calls, as counted by the system.
struct Calls {
  std::uint64_t read_bytes = 0, reads = 0;
};

Calls Counted() {
  std::ifstream file("/proc/self/io");
  Calls calls;
  std::string name;
  for (std::uint64_t value; file >> name >> value;) {
    if (name == "rchar:") calls.read_bytes = value;
    if (name == "syscr:") calls.reads = value;
  }
  return calls;
}

TEST_F(BoundsTest, Converting) {
  if (Counted().reads == 0) GTEST_SKIP() << "no /proc/self/io";
  int done = 0;
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    const Built built = Build(each);
    const std::string from = Write("model.pt", built.file), to = folder_ / "model.safetensors";
    const Calls before = Counted();
    const auto converted = Convert(from, to, {.verify = true, .sync = false});
    if (!converted) {
      EXPECT_EQ(converted.error().status.rule, Rule::kConvertExpanded);
      continue;
    }
    ++done;
    const Calls after = Counted();
    const std::uint64_t file = built.file.size();
    EXPECT_LE(after.read_bytes - before.read_bytes, 4 * file + 36 * built.result);
    EXPECT_LE(after.reads - before.reads, (6 * file + 36 * built.result) / kPage + 4000);
    const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(to));
    for (std::size_t i = 0; i < each.views.size(); ++i) {
      const auto index = checkpoint.Find("t" + std::to_string(i));
      ASSERT_TRUE(index);
      const Checkpoint source = Opened(Checkpoint::OpenBytes(AsBytes(built.file)));
      if (i % 97 != 0) continue;
      ExpectView(each.views[i], *source.tensor(*source.Find("t" + std::to_string(i))),
                 checkpoint.Read(*index)->bytes(), AsBytes(built.file));
    }
  }
  EXPECT_GE(done, 6);
}

// The same for a file in which every tensor strides through the whole file: only what is needed is
// read.
TEST_F(BoundsTest, Slices) {
  const std::string file = testing::ModelOf({{"m", DType::kF32, {1000, 8000}}});
  Counts counts;
  const Checkpoint checkpoint =
      Opened(Checkpoint::Open(std::make_unique<testing::CountingSource>(AsBytes(file), &counts)));
  for (const std::int64_t step : {2, 3, 100, 1000, 1023, 1024, 1025, 2000, 7999, 8000}) {
    const std::vector<Subscript> every = {Subscript::All(), Subscript::Range({}, {}, step)};
    const Result<SlicePlan> plan = checkpoint.PlanSlice(0, every);
    ASSERT_TRUE(plan);
    counts.Clear();
    const Result<Slice> slice = checkpoint.ReadSlice(0, every);
    ASSERT_TRUE(slice);
    EXPECT_EQ(plan->reads, counts.reads) << step;
    EXPECT_EQ(plan->read_bytes, counts.bytes) << step;
    EXPECT_LE(counts.bytes, file.size() + kPage) << step;
    EXPECT_LE(counts.reads, 2 * file.size() / kPage) << step;
  }
}

// Random tensors, many of them in one storage.
TEST_F(BoundsTest, AnyTensors) {
  const std::vector<std::byte> file = Pattern(1 << 20);
  for (int round = 0; round < 60; ++round) {
    Counts counts;
    const CheckpointData data = DataOf(std::make_unique<testing::CountingSource>(file, &counts));
    std::vector<TensorRef> tensors;
    std::uint64_t result = 0;
    for (std::uint64_t i = 1 + Below(60); i > 0; --i) {
      tensors.push_back(AnyTensor(file.size(), 100'000));
      result += tensors.back().bytes();
    }
    const internal::Views views(data, tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      std::vector<std::byte> read(tensors[i].bytes());
      const SourceData& place = views.places()[i];
      ASSERT_TRUE(ReadFully(*place.source, place.offset, read));
      if (i % 8 == 0) ASSERT_TRUE(read == Expected(tensors[i], file)) << round;
    }
    EXPECT_LE(counts.bytes, 3 * file.size() + 16 * result) << round;
    EXPECT_LE(counts.reads, (3 * file.size() + 16 * result) / kPage + 2 * tensors.size()) << round;
  }
}

}  // namespace
}  // namespace tensorgate
