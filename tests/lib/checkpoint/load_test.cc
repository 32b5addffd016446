// Many tensors at once, in parallel, with progress and cancellation; mappings; very large files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <mutex>
#include <set>
#include <thread>

#include "lib/checkpoint/checkpoint_data.h"
#include "lib/checkpoint/memory_layout.h"
#include "tests/lib/checkpoint/model.h"
#include "tests/oracle/slices.h"

namespace tensorgate {
namespace {

using testing::AsBytes;
using testing::BytesOf;
using testing::Counts;
using testing::Entry;
using testing::ModelOf;
using testing::Opened;
using testing::Same;

class LoadTest : public testing::FolderTest {
 protected:
  // Uneven sizes, 3 MB in total.
  static std::vector<Entry> Entries() {
    std::vector<Entry> entries;
    for (std::uint64_t i = 0; i < 60; ++i) {
      entries.push_back({"t" + std::to_string(i), DType::kF16, {i * i, 20 + i % 7}});
    }
    return entries;
  }
  LoadTest() : file_(ModelOf(Entries())) {}

  void ExpectWhole(const Checkpoint& checkpoint, const Loaded& loaded,
                   std::span<const std::size_t> which) {
    ASSERT_EQ(loaded.size(), which.size());
    for (std::size_t i = 0; i < which.size(); ++i) {
      ASSERT_TRUE(Same(loaded.bytes(i), BytesOf(file_, *checkpoint.tensor(which[i])))) << which[i];
    }
  }

  std::string file_;
};

TEST_F(LoadTest, AnyThreadsAndBlocksGiveTheSameBytes) {
  const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(Write("model", file_)));
  std::vector<std::size_t> all(checkpoint.tensor_count()), some = {59, 3, 4, 5, 0, 30, 30, 58};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  for (const unsigned threads : {0u, 1u, 2u, 7u}) {
    for (const std::size_t block : {std::size_t{0}, std::size_t{5000}, std::size_t{8} << 20}) {
      LoadOptions options;
      options.threads = threads;
      options.block = block;
      for (const auto& which : {all, some}) {
        const Result<Loaded> loaded = checkpoint.Load(which, options);
        ASSERT_TRUE(loaded);
        ExpectWhole(checkpoint, *loaded, which);
        std::vector<std::vector<std::byte>> own;
        for (const std::size_t index : which) own.emplace_back(checkpoint.tensor(index)->bytes());
        std::vector<Destination> destinations;
        for (std::size_t i = 0; i < which.size(); ++i) destinations.push_back({which[i], own[i]});
        ASSERT_TRUE(checkpoint.LoadInto(destinations, options));
        for (std::size_t i = 0; i < which.size(); ++i) {
          ASSERT_TRUE(Same(own[i], BytesOf(file_, *checkpoint.tensor(which[i]))));
        }
      }
    }
  }
  EXPECT_TRUE(checkpoint.Load({}));
}

TEST_F(LoadTest, NeighborsComeInOneReadAndNothingElseIsRead) {
  Counts counts;
  const Checkpoint checkpoint =
      Opened(Checkpoint::Open(std::make_unique<testing::CountingSource>(AsBytes(file_), &counts)));
  const std::vector<std::size_t> which = {12, 10, 11, 40, 12};
  counts.Clear();
  const Result<Loaded> loaded = checkpoint.Load(which);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(counts.reads, 2u);
  std::uint64_t bytes = 0;
  for (const std::size_t index : {10, 11, 12, 40}) bytes += checkpoint.tensor(index)->bytes();
  EXPECT_EQ(counts.bytes, bytes);
  EXPECT_LT(loaded->buffer().size(), bytes + 2 * 4096);
  // The same tensor is stored once.
  EXPECT_EQ(loaded->bytes(0).data(), loaded->bytes(4).data());
}

TEST_F(LoadTest, ProgressIsReportedInOrderAndEndsWithAll) {
  const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(Write("model", file_)));
  for (const unsigned threads : {1u, 3u}) {
    std::vector<std::uint64_t> done;
    LoadOptions options;
    options.threads = threads;
    options.block = 100'000;
    std::uint64_t whole = 0;
    const auto caller = std::this_thread::get_id();
    options.progress = [&](std::uint64_t so_far, std::uint64_t all) {
      EXPECT_EQ(std::this_thread::get_id(), caller);
      done.push_back(so_far);
      whole = all;
      return true;
    };
    ASSERT_TRUE(checkpoint.LoadAll(options));
    EXPECT_TRUE(std::ranges::is_sorted(done));
    EXPECT_EQ(done.back(), whole);
    EXPECT_EQ(std::ranges::count(done, whole), 1);
    if (threads == 1) EXPECT_GE(done.size(), 10u);
  }
}

TEST_F(LoadTest, CancellationEndsIt) {
  Counts counts;
  const Checkpoint checkpoint =
      Opened(Checkpoint::Open(std::make_unique<testing::CountingSource>(AsBytes(file_), &counts)));
  LoadOptions options;
  options.block = 10'000;
  options.threads = 1;
  counts.Clear();
  options.progress = [&](std::uint64_t, std::uint64_t) { return counts.reads < 3; };
  EXPECT_EQ(checkpoint.LoadAll(options).error().rule, Rule::kUseCancelled);
  EXPECT_EQ(counts.reads, 3u);
  options.progress = [&](std::uint64_t, std::uint64_t) -> bool { throw 42; };
  EXPECT_EQ(checkpoint.LoadAll(options).error().rule, Rule::kUseCancelled);
  // At the end nothing is left to cancel.
  options.progress = [&](std::uint64_t done, std::uint64_t all) { return done < all; };
  EXPECT_TRUE(checkpoint.LoadAll(options));
  options.progress = nullptr;
  std::atomic<bool> cancel = true;
  options.cancel = &cancel;
  counts.Clear();
  EXPECT_EQ(checkpoint.LoadAll(options).error().rule, Rule::kUseCancelled);
  EXPECT_EQ(checkpoint.Read(59, options).error().rule, Rule::kUseCancelled);
  EXPECT_EQ(counts.reads, 0u);
  cancel = false;
  EXPECT_TRUE(checkpoint.LoadAll(options));
}

// 40 MB, so that threads are started; one of them fails, or another thread cancels.
TEST_F(LoadTest, ThreadsStopAtTheFirstFailure) {
  const std::string file = ModelOf({{"a", DType::kU8, {40'000'000}}});
  class Failing final : public Source {
   public:
    explicit Failing(std::span<const std::byte> bytes) : inner_(bytes) {}
    std::uint64_t size() const override { return inner_.size(); }
    bool concurrent() const override { return true; }
    Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
      const std::uint64_t failing = fails_at;
      if (failing - offset < into.size()) {
        return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = failing});
      }
      if (cancels != nullptr) *cancels = true;
      return inner_.Read(offset, into);
    }
    std::atomic<std::uint64_t> fails_at = UINT64_MAX;
    std::atomic<bool>* cancels = nullptr;

   private:
    MemorySource inner_;
  };
  auto owned = std::make_unique<Failing>(AsBytes(file));
  Failing& source = *owned;
  const Checkpoint checkpoint = Opened(Checkpoint::Open(std::move(owned)));
  LoadOptions options;
  options.threads = 4;
  options.block = 1 << 20;
  source.fails_at = 30'000'000;
  const Result<Loaded> failed = checkpoint.LoadAll(options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().rule, Rule::kIoReadFailed);
  EXPECT_EQ(failed.error().offset, 30'000'000u);
  source.fails_at = UINT64_MAX;
  std::atomic<bool> cancel = false;
  source.cancels = &cancel;
  options.cancel = &cancel;
  EXPECT_EQ(checkpoint.LoadAll(options).error().rule, Rule::kUseCancelled);
  options.cancel = nullptr;
  const Result<Loaded> loaded = checkpoint.LoadAll(options);
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(Same(loaded->bytes(0), BytesOf(file, *checkpoint.tensor(0))));
}

// A source that does not say that it is concurrent is never read by two threads at once.
TEST_F(LoadTest, ASourceThatIsNotConcurrentIsReadByOneAtATime) {
  const std::string file = ModelOf({{"a", DType::kU8, {20'000'000}}});
  std::atomic<int> inside = 0;
  std::atomic<bool> overlapped = false;
  const Checkpoint checkpoint = Opened(Checkpoint::Open(std::make_unique<CallbackSource>(
      file.size(), [&](std::uint64_t offset, std::span<std::byte> into) {
        if (++inside > 1) overlapped = true;
        const auto read = MemorySource(AsBytes(file)).Read(offset, into);
        --inside;
        return read;
      })));
  LoadOptions options;
  options.threads = 4;
  options.block = 100'000;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const Result<Loaded> loaded = checkpoint.LoadAll(options);
      EXPECT_TRUE(loaded && Same(loaded->bytes(0), BytesOf(file, *checkpoint.tensor(0))));
    });
  }
  threads.clear();
  EXPECT_FALSE(overlapped);
}

TEST_F(LoadTest, ManyThreadsUseOneCheckpoint) {
  const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(Write("model", file_)));
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < checkpoint.tensor_count(); i += 3) {
        const Result<Buffer> read = checkpoint.Read(i, {.threads = 2, .block = 4096});
        EXPECT_TRUE(read && Same(read->bytes(), BytesOf(file_, *checkpoint.tensor(i))));
        const std::vector<Subscript> last = {Subscript::Range(-1, {})};
        EXPECT_TRUE(checkpoint.ReadSlice(i, last));
        EXPECT_EQ(checkpoint.Find("t" + std::to_string(i)), i);
      }
    });
  }
}

TEST_F(LoadTest, MemoryIsPlacedLikeTheFile) {
  for (const std::size_t size :
       {1u, 1000u, 65'535u, 65'536u, 300'000u, 2u << 20, 3'000'000u, 33'500'000u}) {
    for (const std::size_t offset : {0u, 1u, 8u, 4095u, 4096u, 70'000u}) {
      Result<Buffer> buffer = Buffer::Allocate(size, offset);
      ASSERT_TRUE(buffer);
      EXPECT_EQ(buffer->size(), size);
      const std::size_t unit = size < 65'536 ? 64 : 4096;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->bytes().data()) % unit, offset % unit);
      std::ranges::fill(buffer->bytes(), std::byte{1});
      const std::byte* data = buffer->bytes().data();
      Buffer moved = std::move(*buffer);
      EXPECT_EQ(moved.bytes().data(), data);
      EXPECT_EQ(buffer->size(), 0u);
    }
  }
  for (const std::size_t size : {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 - 1000}) {
    EXPECT_EQ(Buffer::Allocate(size).error().rule, Rule::kIoOutOfMemory);
  }
  // No system has that much memory.
  if (sizeof(void*) == 8) {
    EXPECT_EQ(Buffer::Allocate(SIZE_MAX / 4).error().rule, Rule::kIoOutOfMemory);
  }
}

// Small extents in every order: aligned, inside, disjoint, neighbors together.
TEST_F(LoadTest, LayoutsAreValid) {
  using internal::Extent;
  const std::vector<Extent> pool = {{0, {8, 4}, 4},         {0, {12, 4}, 4},     {0, {16, 0}, 8},
                                    {0, {16, 8}, 8},        {1, {16, 8}, 8},     {0, {13, 2}, 2},
                                    {0, {17, 70'000}, 8},   {0, {25, 16}, 8},    {0, {8, 4}, 4},
                                    {1, {5000, 66'000}, 1}, {1, {71'000, 1}, 1}, {0, {8, 4}, 2},
                                    {0, {12, 8}, 8}};
  for (const Extent& a : pool) {
    for (const Extent& b : pool) {
      for (const Extent& c : pool) {
        const std::vector<Extent> extents = {a, b, c};
        const auto layout = internal::LayOut(extents);
        ASSERT_TRUE(layout);
        for (std::size_t i = 0; i < 3; ++i) {
          const Extent& extent = extents[i];
          const std::uint64_t begin = layout->positions[i], end = begin + extent.range.length;
          if (extent.range.length == 0) continue;
          EXPECT_LE(end, layout->size);
          EXPECT_EQ(begin % extent.alignment, 0u);
          int covering = 0;
          for (const internal::Stretch& stretch : layout->stretches) {
            covering += stretch.part == extent.part && stretch.position <= begin &&
                        begin - stretch.position == extent.range.offset - stretch.range.offset &&
                        end <= stretch.position + stretch.range.length;
          }
          EXPECT_EQ(covering, 1);
        }
        for (std::size_t i = 1; i < layout->stretches.size(); ++i) {
          const internal::Stretch& before = layout->stretches[i - 1];
          EXPECT_GE(layout->stretches[i].position, before.position + before.range.length);
        }
      }
    }
  }
  const std::vector<Extent> neighbours = {pool[3], pool[0], pool[1], pool[2]};
  EXPECT_EQ(internal::LayOut(neighbours)->stretches.size(), 1u);
  const std::vector<Extent> huge = {{0, {0, UINT64_MAX - 100}, 1}, {1, {0, 200}, 1}};
  EXPECT_FALSE(internal::LayOut(huge));
  // The end fits, but the next position with the same remainder does not.
  const std::vector<Extent> last = {{0, {0, UINT64_MAX - 5}, 1}, {1, {40, 1}, 1}};
  EXPECT_FALSE(internal::LayOut(last));
}

// Tensors with strides, as in other formats: a matrix, its transpose, a diagonal, one repeated
// element.
class StridedTensors final : public ModelFile {
 public:
  std::size_t tensor_count() const override { return 4; }
  std::string_view name(std::size_t index) const override { return tensor(index).name; }
  TensorRef tensor(std::size_t index) const override {
    const TensorRef tensors[] = {
        {"matrix", DType::kF32, {300, 500}, {}, 0, {3, 600'000}},
        {"transposed", DType::kF32, {500, 300}, {1, 500}, 0, {3, 600'000}},
        {"diagonal", DType::kF32, {300}, {501}, 0, {3, (299 * 501 + 1) * 4}},
        {"repeated", DType::kF32, {7, 3}, {0, 0}, 0, {15, 4}}};
    return tensors[index];
  }
  std::optional<std::size_t> Find(std::string_view) const override { return std::nullopt; }
  bool shares_bytes() const override { return true; }

 private:
  const void* Concrete(const std::type_info&) const override { return nullptr; }
};

TEST_F(LoadTest, StridedTensorsComeInCOrder) {
  const std::string bytes = ModelOf({{"a", DType::kU8, {700'000}}});
  const Report report = safetensors::CheckBytes(AsBytes(bytes));
  std::vector<internal::PartData> parts(2);
  for (internal::PartData& part : parts) {
    part.source = std::make_unique<MemorySource>(AsBytes(bytes));
    part.file = std::make_unique<const StridedTensors>();
    part.report = std::make_unique<const Report>(report);
  }
  const Checkpoint checkpoint = internal::CheckpointData::Make(std::move(parts));
  ASSERT_EQ(checkpoint.tensor_count(), 8u);
  const auto expected = [&](std::size_t index) {
    const TensorRef tensor = *checkpoint.tensor(index);
    EXPECT_EQ(tensor.part, index / 4);
    std::vector<std::byte> bytes_of;
    const auto slice = oracle::Slice(tensor, {});
    for (const std::uint64_t place : slice->places) {
      bytes_of.push_back(AsBytes(bytes)[static_cast<std::size_t>(tensor.range.offset + place)]);
    }
    return bytes_of;
  };
  std::uint64_t done = 0, all = 0;
  LoadOptions options;
  options.progress = [&](std::uint64_t so_far, std::uint64_t whole) {
    done = so_far;
    all = whole;
    return true;
  };
  const Result<Loaded> loaded = checkpoint.LoadAll(options);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(done, all);
  for (std::size_t i = 0; i < checkpoint.tensor_count(); ++i) {
    const std::vector<std::byte> bytes_of = expected(i);
    EXPECT_EQ(checkpoint.tensor(i)->bytes(), bytes_of.size());
    EXPECT_TRUE(Same(loaded->bytes(i), bytes_of)) << i;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(loaded->bytes(i).data()) % 4, 0u);
    const Result<Buffer> read = checkpoint.Read(i);
    EXPECT_TRUE(read && Same(read->bytes(), bytes_of)) << i;
  }
  EXPECT_EQ(checkpoint.metadata_count(), 0u);
  EXPECT_EQ(checkpoint.FindMetadata("k"), std::nullopt);
}

// Tensors that no verified file has: a view that leaves its range, and sizes larger than any
// memory.
class OddTensors final : public ModelFile {
 public:
  explicit OddTensors(std::vector<TensorRef> tensors) : tensors_(std::move(tensors)) {}
  std::size_t tensor_count() const override { return tensors_.size(); }
  std::string_view name(std::size_t) const override { return "odd"; }
  TensorRef tensor(std::size_t index) const override { return tensors_[index]; }
  std::optional<std::size_t> Find(std::string_view) const override { return std::nullopt; }

 private:
  const void* Concrete(const std::type_info&) const override { return nullptr; }
  std::vector<TensorRef> tensors_;
};

class FailingSource final : public Source {
 public:
  std::uint64_t size() const override { return UINT64_MAX; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte>) override {
    return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
  }
};

TEST_F(LoadTest, TensorsThatCannotBe) {
  const Report report = safetensors::CheckBytes(AsBytes(file_));
  const auto rule_of = [&](std::vector<TensorRef> tensors) {
    std::vector<internal::PartData> parts(1);
    parts[0].source = std::make_unique<FailingSource>();
    parts[0].file = std::make_unique<const OddTensors>(std::move(tensors));
    parts[0].report = std::make_unique<const Report>(report);
    const Checkpoint checkpoint = internal::CheckpointData::Make(std::move(parts));
    const Result<Loaded> loaded = checkpoint.LoadAll();
    EXPECT_FALSE(loaded);
    const Rule rule = loaded.error().rule;
    // A failure that is not about memory is the same with caller-owned memory.
    if (rule != Rule::kIoOutOfMemory) {
      std::vector<std::byte> into(static_cast<std::size_t>(checkpoint.tensor(0)->bytes()));
      const Result<void> read = checkpoint.ReadInto(0, into);
      EXPECT_TRUE(!read && read.error().rule == rule);
    }
    return rule;
  };
  EXPECT_EQ(rule_of({{"a", DType::kU8, {2, 2}, {1, 3}, 0, {0, 4}}}), Rule::kUseNoSuchTensor);
  const std::uint64_t huge = UINT64_MAX - 100;
  EXPECT_EQ(rule_of({{"a", DType::kU8, {huge}, {}, 0, {0, huge}},
                     {"b", DType::kU8, {200}, {}, 0, {huge + 1, 200}}}),
            Rule::kIoOutOfMemory);
  for (const std::uint64_t rows : {huge / 2, huge}) {
    EXPECT_EQ(rule_of({{"a", DType::kU8, {rows}, {0}, 0, {0, 1}},
                       {"b", DType::kU8, {rows}, {0}, 0, {0, 1}}}),
              Rule::kIoOutOfMemory);
  }
  // Long rows, which are read directly, and columns, which are scattered.
  EXPECT_EQ(rule_of({{"a", DType::kU8, {2, 100'000}, {200'000, 1}, 0, {0, 300'000}}}),
            Rule::kIoReadFailed);
  EXPECT_EQ(rule_of({{"a", DType::kU8, {2, 10}, {1, 2}, 0, {0, 20}}}), Rule::kIoReadFailed);
}

TEST(CheckpointDataTest, WhatMayBeCopiedIsCounted) {
  EXPECT_EQ(internal::MostCopied(10, 7), 47u);
  EXPECT_EQ(internal::MostCopied(UINT64_MAX / 4, 3), UINT64_MAX);
  EXPECT_EQ(internal::MostCopied(UINT64_MAX / 4 + 1, 0), UINT64_MAX);
}

TEST_F(LoadTest, MappingsShowTheFile) {
  const std::string path = Write("model", file_);
  const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(path));
  for (const bool populate : {false, true}) {
    const Result<Mapping> mapping = checkpoint.Map(0, {.writable = false, .populate = populate});
    ASSERT_TRUE(mapping);
    EXPECT_TRUE(Same(mapping->bytes(), AsBytes(file_)));
    const TensorRef tensor = *checkpoint.tensor(30);
    EXPECT_TRUE(Same(mapping->bytes(tensor.range), BytesOf(file_, tensor)));
  }
  EXPECT_EQ(checkpoint.Map(1).error().rule, Rule::kUseNoSuchTensor);
  // Writing to it creates a copy.
  Result<Mapping> copy = checkpoint.Map(0, {.writable = true});
  ASSERT_TRUE(copy);
  copy->writable_bytes()[100] = std::byte{0};
  Mapping moved = std::move(*copy);
  EXPECT_EQ(moved.bytes()[100], std::byte{0});
  EXPECT_TRUE(copy->bytes().empty());
  std::vector<std::byte> bytes(file_.size());
  ASSERT_TRUE(checkpoint.ReadRange(0, 0, bytes));
  EXPECT_TRUE(Same(bytes, AsBytes(file_)));
  EXPECT_TRUE(checkpoint.CheckUnchanged());

  const Checkpoint memory = Opened(Checkpoint::OpenBytes(AsBytes(file_)));
  EXPECT_EQ(memory.Map(0)->bytes().data(), AsBytes(file_).data());
  EXPECT_TRUE(memory.Map(0)->writable_bytes().empty());
  EXPECT_EQ(memory.Map(0, {.writable = true}).error().rule, Rule::kUseNotMappable);
  Counts counts;
  const Checkpoint other =
      Opened(Checkpoint::Open(std::make_unique<testing::CountingSource>(AsBytes(file_), &counts)));
  EXPECT_EQ(other.Map(0).error().rule, Rule::kUseNotMappable);
  // A source with an invalid descriptor.
  class Closed final : public Source {
   public:
    explicit Closed(std::span<const std::byte> bytes) : inner_(bytes) {}
    std::uint64_t size() const override { return inner_.size(); }
    Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
      return inner_.Read(offset, into);
    }
    int descriptor() const override { return 1 << 30; }

   private:
    MemorySource inner_;
  };
  const Checkpoint closed = Opened(Checkpoint::Open(std::make_unique<Closed>(AsBytes(file_))));
  EXPECT_EQ(closed.Map(0).error().rule, Rule::kIoReadFailed);

  // Descriptors that cannot be mapped: none, one that is not open for reading, a size larger than
  // the address space.
  EXPECT_EQ(Mapping::MapFile(-1, 1, {}).error().rule, Rule::kIoReadFailed);
  const int write_only = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(Mapping::MapFile(write_only, 1, {}).error().rule, Rule::kIoReadFailed);
  close(write_only);
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(Mapping::MapFile(descriptor, UINT64_MAX, {}).error().rule, Rule::kIoOutOfMemory);
  if (sizeof(void*) == 8) {
    EXPECT_EQ(Mapping::MapFile(descriptor, SIZE_MAX / 2, {}).error().rule, Rule::kIoOutOfMemory);
  }
  EXPECT_TRUE(Mapping::MapFile(descriptor, 0, {})->bytes().empty());
  Mapping other_one = Mapping::OfMemory(AsBytes(file_));
  other_one = *Mapping::MapFile(descriptor, 8, {});
  EXPECT_EQ(other_one.bytes().size(), 8u);
  EXPECT_DEATH((void)other_one.bytes({8, 1}), "");
  EXPECT_DEATH((void)other_one.bytes({9, 0}), "");
  close(descriptor);
  const int folder = open(folder_.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(Mapping::MapFile(folder, 1, {}).error().rule, Rule::kUseNotMappable);
  close(folder);

  // Truncated before it is mapped: an error, since accessing it would end the process.
  std::filesystem::resize_file(path, file_.size() - 1);
  EXPECT_EQ(checkpoint.Map(0).error().rule, Rule::kIoChanged);
}

// The risk that mapping.h describes.
TEST_F(LoadTest, AMappedFileThatIsCutEndsTheProcess) {
  const std::string path = Write("model", file_);
  EXPECT_EXIT(
      {
        std::signal(SIGBUS, SIG_DFL);
        const auto checkpoint = Checkpoint::OpenPath(path);
        const auto mapping = checkpoint->Map(0);
        std::filesystem::resize_file(path, 4096);
        volatile std::byte last = mapping->bytes().back();
        (void)last;
        std::exit(0);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

// Holes: a tensor above 4 GiB and a file above 1 TB.
TEST_F(LoadTest, GiantsAreReadWhereItIsAsked) {
  constexpr std::uint64_t kRow = 1 << 20, kRows = 1'200'000;  // 1.26 TB
  const std::vector<Entry> entries = {
      {"small", DType::kU8, {16}}, {"giant", DType::kU8, {kRows, kRow}}, {"last", DType::kU8, {4}}};
  const std::string header = testing::HeaderOf(entries);
  const std::string path = Write("giant", testing::BuildFile(header));
  const std::uint64_t begin = 8 + header.size() + 16, size = begin + kRows * kRow + 4;
  if (truncate64(path.c_str(), static_cast<off64_t>(size)) != 0) GTEST_SKIP() << "no large files";
  const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const std::uint64_t far = begin + 1'100'000 * kRow + 5;
  ASSERT_EQ(pwrite64(descriptor, "here", 4, static_cast<off64_t>(far)), 4);
  ASSERT_EQ(pwrite64(descriptor, "last", 4, static_cast<off64_t>(size - 4)), 4);
  close(descriptor);
  const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(path));
  EXPECT_EQ(checkpoint.tensor(1)->bytes(), kRows * kRow);
  const Result<Buffer> last = checkpoint.Read(2);
  ASSERT_TRUE(last);
  EXPECT_TRUE(Same(last->bytes(), AsBytes("last")));
  const std::vector<Subscript> row = {Subscript::Index(1'100'000), Subscript::Range(5, 9)};
  EXPECT_TRUE(Same(checkpoint.ReadSlice(1, row)->buffer.bytes(), AsBytes("here")));
  const std::vector<Subscript> up = {Subscript::Range(-1, {}, -100'000), Subscript::Range(5, 9)};
  const Result<Slice> upwards = checkpoint.ReadSlice(1, up);
  ASSERT_TRUE(upwards);
  EXPECT_EQ(upwards->shape, (std::vector<std::uint64_t>{12, 4}));
  if (sizeof(void*) == 8) {
    const Result<Mapping> mapping = checkpoint.Map(0);
    ASSERT_TRUE(mapping);
    EXPECT_TRUE(Same(mapping->bytes({far, 4}), AsBytes("here")));
  } else {
    // It does not fit into memory, which is reported.
    EXPECT_EQ(checkpoint.Read(1).error().rule, Rule::kIoOutOfMemory);
    EXPECT_EQ(checkpoint.Map(0).error().rule, Rule::kIoOutOfMemory);
  }
}

}  // namespace
}  // namespace tensorgate
