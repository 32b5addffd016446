// Written files: accepted and read back, the canonical form, alignment, refusals.
#include "tensorgate/save.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "lib/write/file_layout.h"
#include "lib/write/shard_files.h"
#include "lib/write/write.h"
#include "tests/lib/checkpoint/made_tensors.h"
#include "tests/lib/formats/safetensors/build.h"
#include "tests/lib/temp_folder.h"

namespace tensorgate {
namespace {

using safetensors::File;
using testing::AsBytes;
using testing::BuildFile;
using testing::Holds;
using testing::MadeTensors;
using testing::MakeMetadata;
using testing::MakeTensors;

TensorData Zeros(std::string name, DType dtype, std::vector<std::uint64_t> shape) {
  static const std::vector<std::byte> zeros(1 << 20);
  const std::uint64_t bytes = testing::MadeBytes(dtype, shape);
  return {.name = std::move(name),
          .dtype = dtype,
          .shape = std::move(shape),
          .data = std::span(zeros).first(static_cast<std::size_t>(bytes))};
}

std::string Text(const std::vector<std::byte>& bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += static_cast<char>(byte);
  return text;
}

Status ErrorOf(std::span<const TensorData> tensors, const SaveOptions& options = {}) {
  const auto file = Serialize(tensors, options);
  return file ? Status{} : file.error();
}

// In memory as in a file: data that loaders would take for an archive are not written.
TEST(SaveTest, NothingThatIsAnotherFormatToo) {
  std::string archive = "PK\1\2" + std::string(42, '\0') + "PK\5\6" + std::string(18, '\0');
  archive[46 + 12] = 46;  // the size of the directory
  const TensorData tensor{
      .name = "a", .dtype = DType::kU8, .shape = {archive.size()}, .data = AsBytes(archive)};
  const std::uint64_t size = *SerializedSize(std::span(&tensor, 1), {});
  for (const bool into : {false, true}) {
    std::vector<std::byte> memory(size);
    const Status error = into ? SerializeInto(std::span(&tensor, 1), memory, {}).error()
                              : ErrorOf(std::span(&tensor, 1));
    EXPECT_EQ(error.rule, Rule::kSaveSecondFormat);
    EXPECT_EQ(error.offset, size - archive.size());
  }
  archive[0] = 'p';
  EXPECT_TRUE(Serialize(std::span(&tensor, 1), {}));
}

TEST(SaveTest, EveryFileIsAcceptedAndHoldsWhatWasGiven) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    mutator::Random random(seed);
    const MadeTensors made = MakeTensors(random);
    SaveOptions options;
    if (random.Percent(70)) options.metadata = MakeMetadata(random);
    options.alignment = std::uint64_t{8} << random.Below(10);
    if (random.Percent(30)) options.order = TensorOrder::kAsGiven;
    const auto bytes = Serialize(made.tensors, options);
    ASSERT_TRUE(bytes) << seed << Info(bytes.error().rule).id;
    const auto file = File::OpenBytes(*bytes);
    ASSERT_TRUE(file) << seed << Info(file.error().findings()[0].rule).id;
    EXPECT_TRUE(Holds(*file, *bytes, made.tensors, options.metadata.value_or(Metadata())));
    EXPECT_EQ(file->data_offset() % options.alignment, 0u);
    EXPECT_EQ(*SerializedSize(made.tensors, options), bytes->size());
    // The same tensors in another order.
    std::vector<TensorData> shuffled = made.tensors;
    std::ranges::reverse(shuffled);
    if (options.order == TensorOrder::kReference) {
      EXPECT_EQ(*Serialize(shuffled, options), *bytes);
    }
  }
}

TEST(SaveTest, WritesTheCanonicalForm) {
  EXPECT_EQ(Text(*Serialize({})), BuildFile("{}      "));
  SaveOptions options;
  options.metadata = Metadata();
  EXPECT_EQ(Text(*Serialize({}, options)), BuildFile("{\"__metadata__\":{}}     "));
  options.metadata = Metadata{{"z", "1"}, {"a\"\\", "\n\x1f/\x7f\u00e9"}};
  const std::vector<TensorData> tensors = {
      Zeros("b", DType::kU8, {3}), Zeros("a", DType::kU8, {}), Zeros("c", DType::kI64, {1, 2}),
      Zeros("d", DType::kF4, {2, 0}), Zeros("e", DType::kBool, {1})};
  std::string header = R"({"__metadata__":{"z":"1","a\"\\":"\n\u001f/)"
                       "\x7f\u00e9"
                       R"("},"c":{"dtype":"I64","shape":[1,2],"data_offsets":[0,16]},)"
                       R"("a":{"dtype":"U8","shape":[],"data_offsets":[16,17]},)"
                       R"("b":{"dtype":"U8","shape":[3],"data_offsets":[17,20]},)"
                       R"("d":{"dtype":"F4","shape":[2,0],"data_offsets":[20,20]},)"
                       R"("e":{"dtype":"BOOL","shape":[1],"data_offsets":[20,21]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(Text(*Serialize(tensors, options)), BuildFile(header, 21));
}

TEST(SaveTest, AlignmentIsAsPromised) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    mutator::Random random(seed);
    std::vector<TensorData> tensors;
    for (std::size_t i = random.Below(12); i > 0; --i) {
      const std::uint64_t length = random.Between(0, 3) << random.Below(13);
      tensors.push_back(
          Zeros("t" + std::to_string(i), random.Percent(50) ? DType::kU8 : DType::kF64, {length}));
    }
    for (const std::uint64_t alignment : {8, 64, 256, 4096}) {
      const auto bytes = Serialize(tensors, {.alignment = alignment});
      const auto file = File::OpenBytes(*bytes);
      ASSERT_TRUE(file);
      EXPECT_EQ(file->data_offset() % alignment, 0u);
      EXPECT_LT(file->padding(), alignment);
      for (const safetensors::Tensor tensor : file->tensors()) {
        // The smaller of the alignment and the powers of two in the size; with 8, at least the
        // element's size.
        const std::uint64_t size = tensor.range().length;
        const std::uint64_t promised = alignment == 8 ? Bits(tensor.dtype()) / 8
                                       : size == 0    ? 1
                                                      : std::min(alignment, size & -size);
        EXPECT_EQ(tensor.range().offset % promised, 0u) << seed << " " << tensor.name();
      }
    }
  }
}

TEST(SaveTest, KeepsTheOrderGiven) {
  const std::vector<TensorData> tensors = {
      Zeros("z", DType::kBool, {1}), Zeros("a", DType::kU64, {1}), Zeros("m", DType::kU8, {})};
  const auto bytes = Serialize(tensors, {.order = TensorOrder::kAsGiven});
  const auto file = File::OpenBytes(*bytes);
  ASSERT_TRUE(file);
  std::string names;
  for (const safetensors::Tensor tensor : file->tensors()) names += tensor.name();
  EXPECT_EQ(names, "zam");
}

TEST(SaveTest, RefusesWhatWouldNotBeAccepted) {
  const auto refused = [](std::vector<TensorData> tensors, Rule rule, std::uint64_t number) {
    const Status status = ErrorOf(tensors);
    EXPECT_EQ(status.rule, rule) << Info(status.rule).id;
    EXPECT_EQ(status.found, number);
  };
  const TensorData good = Zeros("good", DType::kU8, {1});
  refused({good, Zeros("x", DType::kU8, {}), good}, Rule::kSaveNameDuplicate, 2);
  refused({good, Zeros("__metadata__", DType::kU8, {})}, Rule::kSaveNameReserved, 1);
  refused({Zeros("a\xff", DType::kU8, {})}, Rule::kSaveNameNotUtf8, 0);
  refused({Zeros("a\xed\xa0\x80", DType::kU8, {})}, Rule::kSaveNameNotUtf8, 0);
  const std::uint64_t half = std::uint64_t{1} << 32;
  const auto empty = [](DType dtype, std::vector<std::uint64_t> shape) {
    return TensorData{.name = "t", .dtype = dtype, .shape = std::move(shape)};
  };
  refused({good, empty(DType::kU8, {half, half})}, Rule::kSaveShapeOverflow, 1);
  refused({empty(DType::kU8, {half, half, 0})}, Rule::kSaveShapeOverflow, 0);
  refused({empty(DType::kF64, {half, half / 32})}, Rule::kSaveShapeOverflow, 0);
  refused({good, empty(DType::kU8, std::vector<std::uint64_t>(kMaxRank + 1, 0))}, Rule::kSaveRank,
          1);
  EXPECT_TRUE(
      SerializedSize(std::vector{empty(DType::kU8, std::vector<std::uint64_t>(kMaxRank, 0))}));
  refused({empty(DType::kF4, {3})}, Rule::kSaveSubByteRow, 0);
  refused({empty(DType::kF4, {2, 3})}, Rule::kSaveSubByteRow, 0);
  refused({empty(DType::kF4, {0, 3})}, Rule::kSaveSubByteRow, 0);
  refused({empty(DType::kF4, {})}, Rule::kSaveSubByteRow, 0);
  refused({good, empty(DType::kU8, {1})}, Rule::kSaveWrongSize, 1);
  TensorData pushed = Zeros("p", DType::kU8, {1});
  pushed.data = PushedData();
  refused({pushed}, Rule::kSaveMisuse, 0);

  const auto refused_options = [](const SaveOptions& options, Rule rule, std::uint64_t number) {
    const Status status = ErrorOf({}, options);
    EXPECT_EQ(status.rule, rule) << Info(status.rule).id;
    EXPECT_EQ(status.found, number);
  };
  refused_options({.metadata = Metadata{{"a", "1"}, {"b", ""}, {"a", "2"}}},
                  Rule::kSaveMetadataDuplicate, 2);
  refused_options({.metadata = Metadata{{"a", "1"}, {"\x80", ""}}}, Rule::kSaveMetadataNotUtf8, 1);
  refused_options({.metadata = Metadata{{"a", "\xc0\x80"}}}, Rule::kSaveMetadataNotUtf8, 0);
  for (const std::uint64_t alignment : {0, 1, 4, 12, 2 << 20}) {
    refused_options({.alignment = alignment}, Rule::kSaveMisuse, 0);
  }
}

// Sizes that are possible only in a plan: 2^62 bytes twice do not fit a file.
TEST(SaveTest, RefusesMoreThanAFileHolds) {
  const std::vector<std::uint64_t> shape = {std::uint64_t{1} << 60}, twice = {shape[0], shape[0]},
                                   odd = {3};
  using safetensors::internal::LayOut;
  using safetensors::internal::TensorSpec;
  std::vector<TensorSpec> specs(8, TensorSpec{"t", DType::kU8, shape});
  const auto refused = LayOut(specs, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().rule, Rule::kSaveShapeOverflow);
  specs.resize(7);
  EXPECT_TRUE(LayOut(specs, {}));
  const auto error = [&] {
    const auto layout = LayOut(specs, {.as_given = true});
    return layout ? Status() : layout.error();
  };
  // Their sum does not fit 64 bits.
  specs.resize(17, specs.front());
  EXPECT_EQ(error().rule, Rule::kSaveShapeOverflow);
  EXPECT_EQ(error().found, 15u);
  // The size of one of them does not fit, or its number of bits.
  specs.resize(2);
  specs[1].dtype = DType::kU64;
  specs[1].shape = std::span(twice);
  EXPECT_EQ(error().rule, Rule::kSaveShapeOverflow);
  EXPECT_EQ(error().found, 1u);
  specs[1] = {"t", DType::kF4, std::span(odd)};
  EXPECT_EQ(error().rule, Rule::kSaveSubByteRow);
  EXPECT_EQ(error().found, 1u);
  // More tensors than a header has room for, whatever they are.
  specs.assign(100'000'000 / 40 + 1, TensorSpec{});
  EXPECT_EQ(error().rule, Rule::kSaveHeaderTooLarge);
  EXPECT_EQ(error().found, 100'000'040u);
}

TEST(SaveTest, TheHeaderMayBeAsLargeAsTheFormatAllows) {
  const std::string_view around = R"({"__metadata__":{"k":""}})";
  SaveOptions options;
  options.metadata = Metadata{{"k", std::string(100'000'000 - around.size(), 'x')}};
  const auto bytes = Serialize({}, options);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 100'000'008u);
  EXPECT_EQ(safetensors::CheckBytes(*bytes).verdict(), Verdict::kAccepted);
  options.metadata->front().second += 'x';
  EXPECT_EQ(ErrorOf({}, options).rule, Rule::kSaveHeaderTooLarge);
  // Refused as soon as it is too large, before later entries are looked at.
  options.metadata->front().second += "xxxxxxxx";
  options.metadata->emplace_back("\xff", "");
  EXPECT_EQ(ErrorOf({}, options).rule, Rule::kSaveHeaderTooLarge);
  options.metadata->pop_back();
  options.metadata->front().second.resize(50'000'000);
  const TensorData large = Zeros(std::string(50'000'000, 'n'), DType::kU8, {});
  EXPECT_EQ(ErrorOf(std::span(&large, 1), options).rule, Rule::kSaveHeaderTooLarge);
}

TEST(SaveTest, TakesDataFromCallbacksAndSources) {
  std::vector<std::byte> bytes(3 << 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 >> 3);
  std::uint64_t next = 0;
  const DataCallback callback = [&](std::uint64_t offset,
                                    std::span<std::byte> into) -> Result<void> {
    EXPECT_EQ(offset, next);
    next = offset + into.size();
    std::ranges::copy(std::span(bytes).subspan(static_cast<std::size_t>(offset), into.size()),
                      into.begin());
    return {};
  };
  MemorySource source(bytes);
  const std::uint64_t size = bytes.size();
  const std::vector<TensorData> tensors = {
      {.name = "a", .shape = {size}, .data = callback},
      {.name = "b", .shape = {5}, .data = SourceData{&source, 3}},
      {.name = "c", .shape = {size - 8}, .data = SourceData{&source, 8}}};
  const auto file = Serialize(tensors);
  ASSERT_TRUE(file);
  EXPECT_EQ(next, size);
  std::vector<std::byte> expected = bytes;
  expected.insert(expected.end(), bytes.begin() + 3, bytes.end());
  EXPECT_TRUE(std::ranges::equal(std::span(*file).last(expected.size()), expected));

  const auto error = [&](TensorData tensor) { return ErrorOf(std::span(&tensor, 1)).rule; };
  EXPECT_EQ(error({.name = "x", .shape = {size}, .data = SourceData{&source, 1}}),
            Rule::kIoShortRead);
  EXPECT_EQ(error({.name = "x", .shape = {0}, .data = SourceData{&source, size + 1}}),
            Rule::kIoShortRead);
  EXPECT_EQ(error({.name = "x", .shape = {1}, .data = SourceData{}}), Rule::kSaveMisuse);
  EXPECT_EQ(error({.name = "x", .shape = {1}, .data = DataCallback()}), Rule::kSaveMisuse);
  EXPECT_EQ(error({.name = "x",
                   .shape = {1},
                   .data = DataCallback(
                       [](std::uint64_t, std::span<std::byte>) -> Result<void> { throw 1; })}),
            Rule::kIoReadFailed);
  EXPECT_EQ(error({.name = "x",
                   .shape = {1},
                   .data = DataCallback([](std::uint64_t, std::span<std::byte>) -> Result<void> {
                     return std::unexpected(Status{.rule = Rule::kIoChanged});
                   })}),
            Rule::kIoChanged);
}

// Saving to memory uses no kernel copies: an open file is read.
TEST(SaveTest, TakesDataFromAFile) {
  const testing::TempFolder temp;
  const std::string path = temp.path() / "x", content(20'000, 'x');
  std::ofstream(path) << content;
  auto source = FileSource::Open(path);
  ASSERT_TRUE(source);
  const TensorData tensor{.name = "a", .shape = {content.size()}, .data = SourceData{&*source, 0}};
  const auto file = Serialize(std::span(&tensor, 1), {.alignment = 4096});
  ASSERT_TRUE(file);
  EXPECT_EQ(Text(*file).substr(4096), content);
}

TEST(SaveTest, PushedDataAreSkipped) {
  const TensorData tensors[] = {
      {.data = AsBytes("abc")}, {.data = PushedData()}, {.data = AsBytes("de")}};
  internal::WritePiece pieces[] = {{&tensors[0], 3, 0}, {&tensors[1], 2, 1}, {&tensors[2], 2, 2}};
  std::string into = "-----------";
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(into));
  const SaveOptions options;
  internal::Meter meter(options, 5);
  internal::MemorySink sink(bytes);
  ASSERT_TRUE(internal::WriteFile("head", pieces, sink, meter));
  EXPECT_EQ(into, "headabc--de");
  EXPECT_EQ(sink.position(), 11u);
  // The number of bytes differs from the stated one.
  pieces[2].bytes = 1;
  internal::MemorySink again(bytes);
  const Result<void> wrong = internal::WriteFile("", pieces, again, meter);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().rule, Rule::kSaveWrongSize);
  EXPECT_EQ(wrong.error().found, 2u);
}

TEST(SaveTest, ShardsOfEveryNumberHaveNames) {
  const tensorgate::ShardNames names("m.safetensors");
  EXPECT_EQ(names.Shard(0, 1), "m-00001-of-00001.safetensors");
  EXPECT_EQ(names.Shard(99'999, 123'456), "m-100000-of-123456.safetensors");
  for (const char* shard : {"m-00001-of-00001.safetensors", "m-123456-of-000001.safetensors"}) {
    EXPECT_TRUE(names.IsShard(shard)) << shard;
  }
  for (const char* other :
       {"m.safetensors", "n-00001-of-00001.safetensors", "m00001-of-00001.safetensors",
        "m-0001-of-00001.safetensors", "m-00001of-00001.safetensors", "m-00001-of-0001.safetensors",
        "m-00001-of-00001.safetensors.x", "m-00001-of-00001"}) {
    EXPECT_FALSE(names.IsShard(other)) << other;
  }
}

TEST(SaveTest, TensorsGoToShardsInOrder) {
  using Shards = std::vector<std::vector<std::uint32_t>>;
  const auto split = [](std::vector<std::uint64_t> bytes) {
    return tensorgate::SplitIntoShards(bytes, 10);
  };
  EXPECT_EQ(split({}), (Shards{{}}));
  EXPECT_EQ(split({11}), (Shards{{0}}));
  EXPECT_EQ(split({5, 5, 1, 11, 2}), (Shards{{0, 1}, {3}, {2, 4}}));
  EXPECT_EQ(internal::IndexText(0, {}),
            "{\n  \"metadata\": {\n    \"total_size\": 0\n  },\n  \"weight_map\": {}\n}\n");
}

TEST(SaveTest, ASourceThatChangedIsNotSaved) {
  class Changing final : public Source {
   public:
    std::uint64_t size() const override { return 4; }
    Result<std::size_t> Read(std::uint64_t, std::span<std::byte> into) override {
      return into.size();
    }
    Result<void> CheckUnchanged() override {
      return std::unexpected(Status{.rule = Rule::kIoChanged});
    }
  };
  Changing source;
  const TensorData tensor{.name = "x", .shape = {4}, .data = SourceData{&source, 0}};
  EXPECT_EQ(ErrorOf(std::span(&tensor, 1)).rule, Rule::kIoChanged);
}

TEST(SaveTest, IntoTheCallersMemory) {
  const TensorData tensor = Zeros("a", DType::kF32, {2});
  std::vector<std::byte> into(static_cast<std::size_t>(*SerializedSize(std::span(&tensor, 1))),
                              std::byte{1});
  ASSERT_TRUE(SerializeInto(std::span(&tensor, 1), into));
  EXPECT_EQ(into, *Serialize(std::span(&tensor, 1)));
  into.push_back({});
  EXPECT_EQ(SerializeInto(std::span(&tensor, 1), into).error().rule, Rule::kSaveWrongSize);
  const SaveOptions odd{.alignment = 3};
  EXPECT_EQ(SerializeInto(std::span(&tensor, 1), into, odd).error().rule, Rule::kSaveMisuse);
  EXPECT_EQ(SerializedSize(std::span(&tensor, 1), odd).error().rule, Rule::kSaveMisuse);
}

TEST(SaveTest, ProgressAndCancellation) {
  std::vector<std::byte> bytes(40 << 20);
  const std::vector<TensorData> tensors = {
      {.name = "a", .shape = {bytes.size()}, .data = std::span<const std::byte>(bytes)},
      Zeros("b", DType::kU8, {10})};
  std::vector<std::uint64_t> reported;
  SaveOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_EQ(all, bytes.size() + 10);
    reported.push_back(done);
    return true;
  };
  ASSERT_TRUE(Serialize(tensors, options));
  EXPECT_TRUE(std::ranges::is_sorted(reported));
  EXPECT_EQ(reported.back(), bytes.size() + 10);
  EXPECT_GE(reported.size(), 3u);
  options.progress = [](std::uint64_t done, std::uint64_t) { return done < 20u << 20; };
  EXPECT_EQ(ErrorOf(tensors, options).rule, Rule::kUseCancelled);
  std::atomic<bool> cancel = true;
  EXPECT_EQ(ErrorOf(tensors, {.cancel = &cancel}).rule, Rule::kUseCancelled);
  cancel = false;
  EXPECT_TRUE(Serialize(tensors, {.cancel = &cancel}));
}

}  // namespace
}  // namespace tensorgate
