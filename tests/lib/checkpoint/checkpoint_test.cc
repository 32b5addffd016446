// Opening a checkpoint and reading whole tensors.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <bit>
#include <set>
#include <thread>

#include "lib/checkpoint/checkpoint_data.h"
#include "tests/lib/checkpoint/model.h"

namespace tensorgate {
namespace {

using testing::AsBytes;
using testing::BytesOf;
using testing::Entry;
using testing::ModelOf;
using testing::Opened;
using testing::Same;

// All dtypes, a scalar and tensors without elements.
std::vector<Entry> Everything() {
  std::vector<Entry> entries = {
      {"scalar", DType::kF64, {}}, {"none", DType::kF32, {0}}, {"no rows", DType::kI64, {0, 3, 5}}};
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    entries.push_back({"all " + std::string(Name(dtype)), dtype, {3, 8}});
  }
  return entries;
}

Rule RuleOf(const Result<void>& result) {
  EXPECT_FALSE(result);
  return result ? Rule{} : result.error().rule;
}

class CheckpointTest : public testing::FolderTest {};

TEST_F(CheckpointTest, ReadsEveryTensorInEveryWay) {
  for (const std::size_t padding : {0, 1, 4}) {
    const std::string file = ModelOf(Everything(), padding);
    const std::string path = Write("model.safetensors", file);
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    Checkpoint by_descriptor = Opened(Checkpoint::OpenDescriptor(descriptor));
    close(descriptor);
    std::vector<Checkpoint> ways;
    ways.push_back(std::move(by_descriptor));
    ways.push_back(Opened(Checkpoint::OpenPath(path)));
    ways.push_back(Opened(Checkpoint::OpenBytes(AsBytes(file))));
    ways.push_back(Opened(Checkpoint::Open(std::make_unique<CallbackSource>(
        file.size(), [&](std::uint64_t offset, std::span<std::byte> into) {
          return MemorySource(AsBytes(file))
              .Read(offset, into.first(std::min<std::size_t>(7, into.size())));
        }))));
    for (const Checkpoint& checkpoint : ways) {
      ASSERT_EQ(checkpoint.tensor_count(), Everything().size());
      const Result<Loaded> all = checkpoint.LoadAll();
      ASSERT_TRUE(all);
      static_assert(std::ranges::forward_range<decltype(checkpoint.tensors())>);
      EXPECT_EQ(checkpoint.tensors().size(), checkpoint.tensor_count());
      auto in_turn = checkpoint.tensors().begin();
      for (std::size_t i = 0; i < checkpoint.tensor_count(); ++i) {
        const Result<TensorRef> tensor = checkpoint.tensor(i);
        ASSERT_TRUE(tensor);
        const TensorRef same = *in_turn++;
        EXPECT_EQ(same.name, tensor->name);
        EXPECT_EQ(same.range, tensor->range);
        EXPECT_EQ(same.part, tensor->part);
        EXPECT_EQ(tensor->name, checkpoint.name(i));
        EXPECT_EQ(checkpoint.Find(tensor->name), i);
        const auto expected = BytesOf(file, *tensor);
        EXPECT_EQ(tensor->bytes(), expected.size());
        const Result<Buffer> read = checkpoint.Read(i);
        ASSERT_TRUE(read);
        EXPECT_TRUE(Same(read->bytes(), expected)) << tensor->name;
        std::vector<std::byte> into(expected.size());
        EXPECT_TRUE(checkpoint.ReadInto(i, into));
        EXPECT_TRUE(Same(into, expected));
        EXPECT_TRUE(Same(all->bytes(i), expected));
        const std::size_t align = std::max(1u, Bits(*tensor->type.dtype) / 8);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all->bytes(i).data()) % align, 0u);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read->bytes().data()) % align, 0u);
      }
      EXPECT_TRUE(checkpoint.CheckUnchanged());
    }
  }
}

TEST_F(CheckpointTest, ShowsPartsAndMetadata) {
  const std::string file = testing::SmallFile();
  const std::string path = Write("model.safetensors", file);
  Checkpoint checkpoint = Opened(Checkpoint::OpenPath(path));
  const std::string_view name = checkpoint.name(0);
  const Checkpoint moved = std::move(checkpoint);
  EXPECT_EQ(moved.name(0).data(), name.data());
  ASSERT_EQ(moved.part_count(), 1u);
  const Part part = moved.part(0);
  EXPECT_EQ(part.path, path);
  EXPECT_EQ(part.size, file.size());
  EXPECT_GE(part.source->descriptor(), 0);
  EXPECT_EQ(part.file->As<safetensors::File>()->tensors().size(), moved.tensor_count());
  EXPECT_EQ(&moved.report(), part.report);
  EXPECT_EQ(moved.report().verdict(), Verdict::kAccepted);
  ASSERT_EQ(moved.metadata_count(), 1u);
  EXPECT_EQ(moved.metadata(0).key, "k");
  EXPECT_EQ(moved.FindMetadata("k"), MetadataValue("v"));
  EXPECT_EQ(moved.Find("none"), std::nullopt);
  std::vector<std::byte> bytes(file.size());
  EXPECT_TRUE(moved.ReadRange(0, 0, bytes));
  EXPECT_TRUE(Same(bytes, AsBytes(file)));
}

TEST_F(CheckpointTest, FindsTensorsWithDataInAnotherOrder) {
  // Three empty tensors share a position.
  const std::string file =
      testing::BuildFile("{" + testing::TensorEntry("z", "U8", "2", 4, 6) + "," +
                             testing::TensorEntry("e1", "U8", "0", 4, 4) + "," +
                             testing::TensorEntry("y", "U8", "4", 0, 4) + "," +
                             testing::TensorEntry("e2", "U8", "0", 4, 4) + "," +
                             testing::TensorEntry("e3", "U8", "0", 6, 6) + "}",
                         6);
  const Checkpoint checkpoint = Opened(Checkpoint::OpenBytes(AsBytes(file)));
  const std::vector<std::string_view> order = {"y", "e1", "e2", "z", "e3"};
  for (std::size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(checkpoint.name(i), order[i]);
    EXPECT_EQ(checkpoint.Find(order[i]), i);
  }
}

TEST_F(CheckpointTest, MisuseIsAStatus) {
  const std::string file = ModelOf({{"a", DType::kF32, {4}}, {"b", DType::kF32, {4}}});
  const Checkpoint checkpoint = Opened(Checkpoint::OpenBytes(AsBytes(file)));
  std::vector<std::byte> bytes(17);
  for (const std::size_t size : {0, 15, 17}) {
    EXPECT_EQ(RuleOf(checkpoint.ReadInto(0, std::span(bytes).first(size))), Rule::kUseWrongSize);
  }
  EXPECT_EQ(RuleOf(checkpoint.ReadInto(2, std::span(bytes).first(16))), Rule::kUseNoSuchTensor);
  EXPECT_EQ(checkpoint.tensor(2).error().rule, Rule::kUseNoSuchTensor);
  EXPECT_EQ(checkpoint.Read(2).error().rule, Rule::kUseNoSuchTensor);
  const std::size_t which[] = {0, 1, 2};
  EXPECT_EQ(checkpoint.Load(which).error().rule, Rule::kUseNoSuchTensor);
  EXPECT_EQ(RuleOf(checkpoint.ReadRange(1, 0, bytes)), Rule::kUseNoSuchTensor);
  EXPECT_EQ(RuleOf(checkpoint.ReadRange(0, file.size() - 16, bytes)), Rule::kUseNoSuchTensor);
  EXPECT_EQ(RuleOf(checkpoint.ReadRange(0, UINT64_MAX, bytes)), Rule::kUseNoSuchTensor);
  EXPECT_EQ(Message(checkpoint.tensor(2).error()), "index or offset 2 is out of range");
}

TEST_F(CheckpointTest, NumbersOutOfRangeEndTheProgram) {
  Checkpoint checkpoint = Opened(Checkpoint::OpenBytes(AsBytes(ModelOf({}))));
  const std::string file = testing::SmallFile();
  checkpoint = Opened(Checkpoint::OpenBytes(AsBytes(file)));
  EXPECT_EQ(checkpoint.name(2), "c");
  EXPECT_DEATH((void)checkpoint.name(3), "");
  EXPECT_DEATH((void)checkpoint.metadata(1), "");
  EXPECT_DEATH((void)checkpoint.part(1), "");
}

TEST_F(CheckpointTest, RefusedFilesDoNotOpen) {
  std::string file = testing::SmallFile();
  file[file.find("\"U8\"") + 1] = 'X';
  const auto refused = Checkpoint::OpenBytes(AsBytes(file));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().verdict(), Verdict::kRejected);
  EXPECT_EQ(Checkpoint::OpenPath(folder_ / "none").error().findings()[0].rule, Rule::kIoOpenFailed);
  EXPECT_EQ(Checkpoint::OpenPath(folder_).error().findings()[0].rule, Rule::kCpIndexMissing);
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(Checkpoint::OpenPath(folder_ / "pipe").error().findings()[0].rule, Rule::kIoNotRegular);
  EXPECT_EQ(Checkpoint::OpenDescriptor(-1).error().findings()[0].rule, Rule::kIoOpenFailed);
  // The reference profile does not open a file that the strict profile refuses.
  CheckOptions options;
  options.profile = Profile::kReference;
  const std::string padded = testing::BuildFile("{}\t");
  EXPECT_EQ(safetensors::CheckBytes(AsBytes(padded), options).verdict(), Verdict::kAccepted);
  EXPECT_FALSE(Checkpoint::OpenBytes(AsBytes(padded), options));
}

TEST_F(CheckpointTest, BigEndianIsRefused) {
  EXPECT_TRUE(internal::CheckHost(std::endian::little));
  EXPECT_EQ(RuleOf(internal::CheckHost(std::endian::big)), Rule::kUseBigEndian);
}

TEST_F(CheckpointTest, AFileThatChangesIsAnErrorAndNotData) {
  const std::string file = ModelOf({{"a", DType::kU8, {100'000}}, {"b", DType::kU8, {10}}});
  std::vector<std::byte> a(100'000), b(10);
  {
    const std::string path = Write("touched", file);
    const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(path));
    const timespec times[2] = {{1, 0}, {1, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    EXPECT_EQ(RuleOf(checkpoint.ReadInto(0, a)), Rule::kIoChanged);
    EXPECT_EQ(checkpoint.Read(1).error().rule, Rule::kIoChanged);
    EXPECT_EQ(checkpoint.LoadAll().error().rule, Rule::kIoChanged);
    EXPECT_EQ(RuleOf(checkpoint.CheckUnchanged()), Rule::kIoChanged);
  }
  {
    const std::string path = Write("cut", file);
    const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(path));
    std::filesystem::resize_file(path, file.size() - 50'000);
    EXPECT_EQ(RuleOf(checkpoint.ReadInto(0, a)), Rule::kIoShortRead);
    EXPECT_EQ(RuleOf(checkpoint.ReadInto(1, b)), Rule::kIoShortRead);
    EXPECT_EQ(checkpoint.LoadAll().error().rule, Rule::kIoShortRead);
  }
  {
    const std::string path = Write("grown", file);
    const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(path));
    std::filesystem::resize_file(path, file.size() + 1);
    EXPECT_EQ(RuleOf(checkpoint.ReadInto(1, b)), Rule::kIoChanged);
  }
}

// Another program replaces the file, as careful writers do: the open file is still the old one.
TEST_F(CheckpointTest, AFileThatIsReplacedIsReadOn) {
  const std::string file = ModelOf({{"a", DType::kU8, {1000}}});
  const std::string path = Write("model", file);
  const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(path));
  std::filesystem::rename(Write("other", testing::SmallFile()), path);
  const Result<Buffer> read = checkpoint.Read(0);
  ASSERT_TRUE(read);
  EXPECT_TRUE(Same(read->bytes(), BytesOf(file, *checkpoint.tensor(0))));
}

// A source that fails, ends early, claims too much or throws, at every read.
TEST_F(CheckpointTest, ASourceThatFailsIsAnErrorAndNotData) {
  const std::string file = ModelOf({{"a", DType::kU8, {10'000}}, {"b", DType::kU8, {10}}});
  for (int way = 0; way < 5; ++way) {
    for (int failing = 0; failing < 3; ++failing) {
      int left = -1;
      const Checkpoint checkpoint = Opened(Checkpoint::Open(std::make_unique<CallbackSource>(
          file.size(), [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
            if (left >= 0 && left-- == 0) {
              if (way == 0)
                return std::unexpected(
                    Status{.rule = Rule::kIoReadFailed, .system_error = 5, .offset = offset});
              if (way == 1) return 0;
              if (way == 2) return into.size() + 1;
              if (way == 3) throw 42;
              throw std::bad_alloc();
            }
            return MemorySource(AsBytes(file))
                .Read(offset, into.first(std::min<std::size_t>(4096, into.size())));
          })));
      std::vector<std::byte> a(10'000);
      left = failing;
      const Rule rule = RuleOf(checkpoint.ReadInto(0, a));
      EXPECT_EQ(rule, way == 1   ? Rule::kIoShortRead
                      : way == 4 ? Rule::kIoOutOfMemory
                                 : Rule::kIoReadFailed)
          << way << failing;
      left = failing;
      EXPECT_FALSE(checkpoint.LoadAll()) << way << failing;
      left = -1;
      EXPECT_TRUE(checkpoint.LoadAll());
    }
  }
}

}  // namespace
}  // namespace tensorgate
