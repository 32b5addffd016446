// PyTorch checkpoints through the common interface.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>
#include <iterator>

#include "lib/base/bytes.h"
#include "lib/checkpoint/torch_storages.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/torch.h"
#include "tests/lib/checkpoint/model.h"
#include "tests/lib/formats/torch/build.h"

namespace tensorgate {
namespace {

using testing::Opened;
using testing::Same;

constexpr const char* kViews[] = {"views.pt", "legacy-views.pt"};

std::string Content(const std::string& name) {
  std::ifstream file(TENSORGATE_CORPUS_DIR "/torch/accept/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The views' file with 0, 1, 2, … as the elements of its storage. The checksum is wrong then, but
// opening does not read the data.
std::string Counted(const std::string& name) {
  std::string file = Content(name);
  const auto opened = torch::File::OpenBytes(internal::AsBytes(file));
  EXPECT_TRUE(opened) << name;
  const ByteRange range = opened->storage(0).range;
  for (std::uint64_t i = 0; i < range.length / 4; ++i) {
    const auto number = static_cast<float>(i);
    std::memcpy(&file[range.offset + 4 * i], &number, 4);
  }
  return file;
}

std::vector<float> Numbers(std::span<const std::byte> bytes) {
  std::vector<float> numbers(bytes.size() / 4);
  if (!bytes.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

struct View {
  const char* name;
  std::vector<std::uint64_t> shape, stride;
  std::vector<float> numbers;
};

std::vector<float> UpTo(int end) {
  std::vector<float> numbers;
  for (int i = 0; i < end; ++i) numbers.push_back(static_cast<float>(i));
  return numbers;
}

const std::vector<View>& Expected() {
  static const std::vector<View> views = {
      {"all", {4, 4}, {}, UpTo(16)},
      {"again", {4, 4}, {}, UpTo(16)},
      {"none", {0, 4}, {}, {}},
      {"column", {4, 1}, {4, 1}, {1, 5, 9, 13}},
      {"repeated", {3, 4}, {0, 1}, {2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4, 5}},
      {"block", {2, 2}, {4, 1}, {5, 6, 9, 10}},
  };
  return views;
}

class TorchCheckpointTest : public testing::FolderTest {};

TEST_F(TorchCheckpointTest, ReadsEveryViewInEveryWay) {
  for (const char* name : kViews) {
    const std::string file = Counted(name);
    // The name suggests no format.
    const std::string path = Write("model.bin", file);
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::vector<Checkpoint> ways;
    ways.push_back(Opened(Checkpoint::OpenDescriptor(descriptor)));
    close(descriptor);
    ways.push_back(Opened(Checkpoint::OpenPath(path)));
    ways.push_back(Opened(Checkpoint::OpenBytes(internal::AsBytes(file))));
    ways.push_back(Opened(Checkpoint::Open(std::make_unique<CallbackSource>(
        file.size(), [&](std::uint64_t offset, std::span<std::byte> into) {
          return MemorySource(internal::AsBytes(file))
              .Read(offset, into.first(std::min<std::size_t>(7, into.size())));
        }))));
    for (const Checkpoint& checkpoint : ways) {
      ASSERT_EQ(checkpoint.tensor_count(), Expected().size());
      EXPECT_EQ(checkpoint.metadata_count(), 0u);
      EXPECT_EQ(checkpoint.part(0).file->As<safetensors::File>(), nullptr);
      ASSERT_NE(checkpoint.part(0).file->As<torch::File>(), nullptr);
      EXPECT_TRUE(checkpoint.report().format().starts_with("pytorch-"));
      const Result<Loaded> all = checkpoint.LoadAll();
      ASSERT_TRUE(all);
      std::uint64_t before = 0;
      for (const View& view : Expected()) {
        const auto index = checkpoint.Find(view.name);
        ASSERT_TRUE(index) << view.name;
        EXPECT_EQ(checkpoint.name(*index), view.name);
        const Result<TensorRef> tensor = checkpoint.tensor(*index);
        ASSERT_TRUE(tensor);
        EXPECT_EQ(tensor->type, DType::kF32);
        EXPECT_EQ(tensor->shape, view.shape);
        EXPECT_EQ(tensor->stride, view.stride) << view.name;
        EXPECT_EQ(tensor->bytes(), 4 * view.numbers.size());
        EXPECT_EQ(Numbers(all->bytes(*index)), view.numbers) << name << view.name;
        const Result<Buffer> read = checkpoint.Read(*index);
        ASSERT_TRUE(read);
        EXPECT_EQ(Numbers(read->bytes()), view.numbers) << name << view.name;
        const Subscript last = Subscript::Range(-1, std::nullopt, 1);
        const Result<Slice> slice = checkpoint.ReadSlice(*index, std::span(&last, 1));
        ASSERT_TRUE(slice);
        const std::size_t row = view.shape[0] == 0 ? 0 : view.numbers.size() / view.shape[0];
        EXPECT_TRUE(
            std::ranges::equal(Numbers(slice->buffer.bytes()), std::span(view.numbers).last(row)));
      }
      for (std::size_t i = 0; i < checkpoint.tensor_count(); ++i) {
        EXPECT_GE(checkpoint.tensor(i)->range.offset, before);
        before = checkpoint.tensor(i)->range.offset;
      }
      EXPECT_EQ(checkpoint.Find("nothing"), std::nullopt);
      EXPECT_TRUE(checkpoint.CheckUnchanged());
    }
    const Result<Mapping> mapping = ways[1].Map(0);
    ASSERT_TRUE(mapping);
    const ByteRange range = ways[1].tensor(*ways[1].Find("all"))->range;
    EXPECT_EQ(Numbers(mapping->bytes().subspan(static_cast<std::size_t>(range.offset),
                                               static_cast<std::size_t>(range.length))),
              UpTo(16));
    // Tied tensors share their place.
    const Result<Loaded> all = ways[1].LoadAll();
    EXPECT_EQ(all->bytes(*ways[1].Find("all")).data(), all->bytes(*ways[1].Find("again")).data());
  }
}

TEST_F(TorchCheckpointTest, EveryAcceptedFileOpensAndReads) {
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(TENSORGATE_CORPUS_DIR "/torch/accept")) {
    ++files;
    const auto file = torch::File::OpenPath(entry.path());
    ASSERT_TRUE(file) << entry;
    if (entry.path().stem() == "dtype-unnamed") continue;
    const Checkpoint checkpoint = Opened(Checkpoint::OpenPath(entry.path()));
    EXPECT_EQ(checkpoint.tensor_count(), file->tensor_count()) << entry;
    for (std::size_t i = 0; i < file->tensor_count(); ++i) {
      const auto index = checkpoint.Find(file->name(i));
      ASSERT_TRUE(index) << entry;
      const Result<Buffer> read = checkpoint.Read(*index);
      if (read) {
        EXPECT_EQ(read->bytes().size(), file->tensor(i).bytes()) << entry;
      } else {
        EXPECT_EQ(read.error().rule, Rule::kUseExpands) << entry;
        EXPECT_TRUE(file->tensor(i).expanded()) << entry;
      }
    }
  }
  EXPECT_GT(files, 20u);
}

TEST_F(TorchCheckpointTest, RejectedFilesDoNotOpen) {
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(TENSORGATE_CORPUS_DIR "/torch/reject")) {
    ++files;
    const auto checkpoint = Checkpoint::OpenPath(entry.path());
    ASSERT_FALSE(checkpoint) << entry;
    EXPECT_EQ(checkpoint.error().verdict(), Verdict::kRejected) << entry;
  }
  EXPECT_GT(files, 20u);
}

// 2^62 bytes are 2^65 bits.
TEST_F(TorchCheckpointTest, BytesWhoseBitsDoNotFit) {
  const Checkpoint checkpoint =
      Opened(Checkpoint::OpenPath(TENSORGATE_CORPUS_DIR
                                  "/torch-checkpoint/accept/"
                                  "total-size-past-64-bits/pytorch_model-00002-of-00002.bin"));
  ASSERT_EQ(checkpoint.tensor_count(), 4u);
  EXPECT_EQ(checkpoint.tensor(0)->bytes(), std::uint64_t{1} << 62);
  const auto expands = [](const auto& result) {
    return !result && result.error().rule == Rule::kUseExpands;
  };
  EXPECT_TRUE(expands(checkpoint.Read(0)));
  EXPECT_FALSE(checkpoint.ReadSlice(0, {}));
  EXPECT_TRUE(expands(checkpoint.LoadAll()));
  Buffer nothing;
  const Result<void> read = checkpoint.ReadInto(0, nothing.bytes());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().rule, Rule::kUseWrongSize);
}

TEST_F(TorchCheckpointTest, RepeatsUpToALimit) {
  constexpr std::uint64_t kClaimed = std::uint64_t{16} << 30;
  const std::string file = Content("view-expands-far.pt");
  const Checkpoint checkpoint = Opened(Checkpoint::OpenBytes(internal::AsBytes(file)));
  EXPECT_EQ(checkpoint.tensor(0)->bytes(), kClaimed);
  const auto rule_of = [](const auto& result) {
    EXPECT_FALSE(result);
    return result ? Rule{} : result.error().rule;
  };
  EXPECT_EQ(rule_of(checkpoint.Read(0)), Rule::kUseExpands);
  EXPECT_EQ(rule_of(checkpoint.LoadAll()), Rule::kUseExpands);
  EXPECT_EQ(checkpoint.LoadAll().error().found, kClaimed);
  EXPECT_EQ(rule_of(checkpoint.ReadSlice(0, {})), Rule::kUseExpands);
  // A part of it can be read.
  const Subscript rows = Subscript::Range(-1000, std::nullopt, 1);
  const Result<Slice> slice = checkpoint.ReadSlice(0, std::span(&rows, 1));
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->buffer.bytes().size(), 16'000u);
  // At the limit and one above it.
  const std::uint64_t most = 4 * file.size();
  ASSERT_LT(most, 16'000u);
  EXPECT_TRUE(checkpoint.ReadSlice(0, std::span(&rows, 1), {.repeated_bytes = 16'000 - most}));
  EXPECT_EQ(
      rule_of(checkpoint.ReadSlice(0, std::span(&rows, 1), {.repeated_bytes = 16'000 - most - 1})),
      Rule::kUseExpands);
  std::vector<std::byte> into(16'000);
  EXPECT_EQ(rule_of(checkpoint.ReadSliceInto(0, std::span(&rows, 1), into,
                                             {.repeated_bytes = 16'000 - most - 1})),
            Rule::kUseExpands);
  // The same tensor many times, each into its own memory.
  const std::string views = Counted("views.pt");
  const Checkpoint shared = Opened(Checkpoint::OpenBytes(internal::AsBytes(views)));
  std::vector<std::byte> all(1000 * 64);
  std::vector<Destination> destinations;
  for (std::size_t i = 0; i < 1000; ++i) {
    destinations.push_back({*shared.Find("all"), std::span(all).subspan(64 * i, 64)});
  }
  EXPECT_TRUE(shared.LoadInto(destinations));
  EXPECT_EQ(rule_of(shared.LoadInto(destinations, {.repeated_bytes = 0})), Rule::kUseExpands);
}

// A source that fails at its n-th call, or reports that it changed.
class Failing final : public Source {
 public:
  Failing(std::string_view bytes, const int* calls, const bool* changed, bool throws)
      : inner_(internal::AsBytes(bytes)), calls_(calls), changed_(changed), throws_(throws) {}
  std::uint64_t size() const override { return inner_.size(); }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override {
    if (count_++ < *calls_)
      return inner_.Read(offset, into.first(std::min<std::size_t>(into.size(), 400)));
    if (throws_) throw 1;
    return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
  }
  Result<void> CheckUnchanged() override {
    if (*changed_) return std::unexpected(Status{.rule = Rule::kIoChanged});
    return {};
  }

 private:
  MemorySource inner_;
  int count_ = 0;
  const int* calls_;
  const bool* changed_;
  bool throws_;
};

TEST_F(TorchCheckpointTest, SourcesThatFail) {
  const bool unchanged = false;
  for (const char* name : kViews) {
    const std::string file = Counted(name);
    for (const bool throws : {false, true}) {
      bool opened = false;
      int calls = 0;
      for (; !opened && calls < 100; ++calls) {
        const auto checkpoint =
            Checkpoint::Open(std::make_unique<Failing>(file, &calls, &unchanged, throws));
        opened = checkpoint.has_value();
        if (opened) {
          // The next call reads data.
          const Result<Buffer> read = checkpoint->Read(0);
          ASSERT_FALSE(read);
          EXPECT_EQ(read.error().rule, Rule::kIoReadFailed);
        } else {
          EXPECT_EQ(checkpoint.error().verdict(), Verdict::kUndecided) << name << calls;
          EXPECT_EQ(checkpoint.error().findings()[0].rule, Rule::kIoReadFailed) << name << calls;
        }
      }
      EXPECT_TRUE(opened);
      EXPECT_GT(calls, 3);
    }
  }
}

TEST_F(TorchCheckpointTest, AFileThatChanges) {
  const int forever = 1 << 30;
  for (const char* name : kViews) {
    const std::string file = Counted(name);
    bool changed = false;
    const Checkpoint checkpoint =
        Opened(Checkpoint::Open(std::make_unique<Failing>(file, &forever, &changed, false)));
    EXPECT_TRUE(checkpoint.LoadAll());
    changed = true;
    const Result<Loaded> all = checkpoint.LoadAll();
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().rule, Rule::kIoChanged);
    EXPECT_FALSE(checkpoint.CheckUnchanged());
    const auto refused =
        Checkpoint::Open(std::make_unique<Failing>(file, &forever, &changed, false));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().findings()[0].rule, Rule::kIoChanged);
    // Truncated while it is open.
    const std::string path = Write("cut.pt", file);
    const Checkpoint open = Opened(Checkpoint::OpenPath(path));
    std::filesystem::resize_file(path, 10);
    EXPECT_FALSE(open.LoadAll());
    EXPECT_FALSE(open.Map(0));
  }
}

TEST_F(TorchCheckpointTest, ADtypeWithoutAName) {
  const std::string file = Content("dtype-unnamed.pt");
  const auto refused = Checkpoint::OpenBytes(internal::AsBytes(file));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().verdict(), Verdict::kUndecided);
  EXPECT_EQ(refused.error().format(), "pytorch-zip");
  const Finding& finding = refused.error().findings()[0];
  EXPECT_EQ(finding.rule, Rule::kUseNoDtype);
  EXPECT_NE(Message(refused.error(), finding).find("complex128"), std::string::npos);
}

// In shards, too.
TEST_F(TorchCheckpointTest, AShardOfADtypeWithoutAName) {
  const testing::torch::View number{
      .shape = {1}, .stride = {1}, .elements = 1, .storage = "ComplexDoubleStorage"};
  Write("pytorch_model-1.bin",
        testing::torch::File(testing::torch::Dict({{"w", number.Code()}}), {std::string(16, 'x')}));
  Write("pytorch_model.bin.index.json",
        R"({"metadata":{},"weight_map":{"w":"pytorch_model-1.bin"}})");
  const auto refused = Checkpoint::OpenPath(folder_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().findings()[0].rule, Rule::kUseNoDtype);
}

// An archive whose first bytes look like a header's length and a brace.
TEST_F(TorchCheckpointTest, ACheckpointThatBeginsLikeSafetensors) {
  std::string file = Content("views.pt");
  file.replace(4, 5, std::string(4, '\0') + "{");
  const auto refused = Checkpoint::OpenBytes(internal::AsBytes(file));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().verdict(), Verdict::kRejected);
  EXPECT_EQ(refused.error().format(), "pytorch-zip");
  // A file that is not known for certain is not examined again.
  const int forever = 1 << 30;
  const bool changed = true;
  const auto undecided =
      Checkpoint::Open(std::make_unique<Failing>(file, &forever, &changed, false));
  ASSERT_FALSE(undecided);
  EXPECT_EQ(undecided.error().verdict(), Verdict::kUndecided);
  EXPECT_EQ(undecided.error().format(), "safetensors");
}

// Storages as tensors of integers, as wide as the tensors in them allow.
TEST_F(TorchCheckpointTest, StoragesAsInTheFile) {
  using testing::torch::View;
  const auto of = [](std::size_t record, std::uint64_t elements, const char* storage) {
    return View{.shape = {elements},
                .stride = {1},
                .record = record,
                .elements = elements,
                .storage = storage}
        .Code();
  };
  const std::vector<std::string> records = {"12345678", "1234", "12", "1", "1234567890123456"};
  const std::string file =
      testing::torch::File(testing::torch::Dict({{"f", of(0, 2, "FloatStorage")},
                                                 {"h", of(1, 2, "HalfStorage")},
                                                 {"b", of(2, 2, "ByteStorage")},
                                                 {"c", of(3, 1, "CharStorage")},
                                                 {"d", of(4, 1, "ComplexDoubleStorage")}}),
                           records);
  const DType expected[] = {DType::kU32, DType::kU16, DType::kU8, DType::kU8, DType::kU64};
  std::vector<Checkpoint> ways;
  ways.push_back(Opened(internal::OpenStorages(internal::AsBytes(file))));
  ways.push_back(Opened(internal::OpenStorages(Write("x.pt", file), {})));
  EXPECT_EQ(ways[1].path(), (folder_ / "x.pt").string());
  for (const Checkpoint& storages : ways) {
    ASSERT_EQ(storages.tensor_count(), records.size());
    EXPECT_EQ(storages.part(0).file->As<torch::File>()->tensor_count(), records.size());
    EXPECT_EQ(storages.part(0).file->As<safetensors::File>(), nullptr);
    EXPECT_EQ(storages.Find("f"), std::nullopt);
    for (std::size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(storages.name(i), "");
      const TensorRef tensor = *storages.tensor(i);
      EXPECT_EQ(tensor.type, expected[i]) << i;
      EXPECT_EQ(tensor.shape,
                (std::vector<std::uint64_t>{records[i].size() * 8 / Bits(expected[i])}));
      const Result<Buffer> read = storages.Read(i);
      ASSERT_TRUE(read);
      EXPECT_TRUE(Same(read->bytes(), internal::AsBytes(records[i]))) << i;
    }
  }
}

// A storage without a dtype is as wide as the tensors in it, if they fill it.
TEST_F(TorchCheckpointTest, AStorageWithoutADtype) {
  const std::string file = Content("tensor-untyped.pt");
  const Checkpoint storages = Opened(internal::OpenStorages(internal::AsBytes(file)));
  ASSERT_EQ(storages.tensor_count(), 1u);
  EXPECT_EQ(storages.tensor(0)->type, DType::kU16);
  EXPECT_EQ(storages.tensor(0)->shape, (std::vector<std::uint64_t>{4}));
}

TEST_F(TorchCheckpointTest, StoragesOfOtherFiles) {
  const auto refused = [&](const std::string& content) {
    const auto opened = internal::OpenStorages(internal::AsBytes(content), CheckOptions());
    EXPECT_FALSE(opened);
    return opened ? Report() : opened.error();
  };
  EXPECT_EQ(refused("GGUF" + std::string(100, '\0')).format(), "gguf");
  // Accepted, but without storages: a rule reports that.
  EXPECT_EQ(refused(testing::SmallFile()).format(), "safetensors");
  EXPECT_EQ(refused(testing::SmallFile()).findings()[0].rule, Rule::kUseNotPytorch);
  EXPECT_EQ(refused("\x80\x02N.").format(), "pickle");
  EXPECT_EQ(refused("\x80\x02N.").findings()[0].rule, Rule::kUseNoTensors);
  EXPECT_EQ(refused("text").verdict(), Verdict::kUnsupported);
  const auto none = internal::OpenStorages(folder_ / "none", CheckOptions());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().findings()[0].rule, Rule::kIoOpenFailed);
}

// A file with this suffix is judged as safetensors, whatever it contains.
TEST_F(TorchCheckpointTest, TheNameOfSafetensors) {
  for (const char* name : kViews) {
    const auto named = Checkpoint::OpenPath(Write("x.safetensors", Content(name)));
    ASSERT_FALSE(named);
    EXPECT_EQ(named.error().format(), "safetensors");
  }
}

}  // namespace
}  // namespace tensorgate
