// Element types: dtypes as blocks, and blocks without a dtype, in a Checkpoint.
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "lib/capi/handles.h"
#include "lib/checkpoint/checkpoint_data.h"
#include "lib/checkpoint/to_save.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/save.h"
#include "tests/lib/checkpoint/model.h"

namespace tensorgate {
namespace {

using testing::AsBytes;
using testing::ModelOf;

constexpr ElementType kQ4K("Q4_K", 256, 144);

TEST(ElementTypeTest, EachDTypeIsABlock) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const ElementType type = dtype;
    EXPECT_EQ(type.name, Name(dtype));
    EXPECT_EQ(type.dtype, dtype);
    EXPECT_EQ(type.block_bytes * 8, type.block_elements * Bits(dtype)) << type.name;
    EXPECT_EQ(type.alignment(), std::max(1u, Bits(dtype) / 8)) << type.name;
    EXPECT_EQ(type.block_elements == 1, Bits(dtype) >= 8) << type.name;
  }
  EXPECT_EQ(kQ4K.alignment(), 1u);
  EXPECT_EQ(ElementType("complex128", 1, 16).alignment(), 16u);
  EXPECT_EQ(ElementType("three bytes", 1, 3).alignment(), 1u);
  EXPECT_NE(kQ4K, ElementType(DType::kU8));
}

TEST(ElementTypeTest, BytesOfViews) {
  const auto bytes = [](const ElementType& type, std::uint64_t count) {
    return TensorRef{.type = type, .shape = {count}, .stride = {0}}.bytes();
  };
  EXPECT_EQ(bytes(DType::kF32, 3), 12u);
  EXPECT_EQ(bytes(DType::kF4, 4), 2u);
  EXPECT_EQ(bytes(DType::kF6E2M3, 8), 6u);
  EXPECT_EQ(bytes(kQ4K, 512), 288u);
  EXPECT_EQ(bytes(DType::kC64, UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(bytes(DType::kF4, UINT64_MAX), UINT64_MAX / 2);
}

// A format with blocks: they are read as bytes, and not taken for numbers.
class Blocks final : public ModelFile {
 public:
  std::size_t tensor_count() const override { return 1; }
  std::string_view name(std::size_t) const override { return "q"; }
  TensorRef tensor(std::size_t) const override {
    return {.name = "q", .type = kQ4K, .shape = {2, 256}, .range = {8, 288}};
  }
  std::optional<std::size_t> Find(std::string_view name) const override {
    return name == "q" ? std::optional<std::size_t>(0) : std::nullopt;
  }
  std::size_t metadata_count() const override { return 2; }
  MetadataEntry metadata(std::size_t index) const override {
    return index == 0 ? MetadataEntry{"text", "v"} : MetadataEntry{"count", std::uint64_t{7}};
  }

 private:
  const void* Concrete(const std::type_info&) const override { return nullptr; }
};

// `file` with the bytes of a safetensors file.
Checkpoint CheckpointOf(std::unique_ptr<const ModelFile> file, std::string_view bytes) {
  std::vector<internal::PartData> parts(1);
  parts[0].source = std::make_unique<MemorySource>(AsBytes(bytes));
  parts[0].file = std::move(file);
  parts[0].report = std::make_unique<const Report>(safetensors::CheckBytes(AsBytes(bytes)));
  return internal::CheckpointData::Make(std::move(parts));
}

TEST(ElementTypeTest, BlocksComeAsBytes) {
  const std::string bytes = ModelOf({{"a", DType::kU8, {400}}});
  const Checkpoint checkpoint = CheckpointOf(std::make_unique<const Blocks>(), bytes);
  const Result<Buffer> read = checkpoint.Read(0);
  ASSERT_TRUE(read);
  EXPECT_TRUE(std::ranges::equal(read->bytes(), AsBytes(bytes).subspan(8, 288)));
  EXPECT_TRUE(checkpoint.LoadAll());
  const Subscript first{.kind = Subscript::Kind::kIndex, .start = 0};
  const Result<Slice> slice = checkpoint.ReadSlice(0, std::span(&first, 1));
  ASSERT_FALSE(slice);
  EXPECT_EQ(slice.error().rule, Rule::kUseNoDtype);
  const Result<internal::ToSave> saved = internal::ToSaveOf(checkpoint);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().rule, Rule::kUseNoDtype);
  // Metadata of any type; without entries, none is found by name.
  ASSERT_EQ(checkpoint.metadata_count(), 2u);
  EXPECT_EQ(checkpoint.metadata(1).value, MetadataValue(std::uint64_t{7}));
  EXPECT_EQ(checkpoint.FindMetadata("text"), std::nullopt);
  const ModelFile& file = *checkpoint.part(0).file;
  EXPECT_TRUE(file.has_metadata());
  EXPECT_TRUE(file.is_named(0));
  EXPECT_FALSE(file.structure());
  EXPECT_FALSE(file.FindWithoutDType());
  EXPECT_EQ(file.As<safetensors::File>(), nullptr);
  for (const TensorRef tensor : file.tensors()) EXPECT_EQ(tensor.type, kQ4K);
  EXPECT_EQ(file.tensors().size(), 1u);
}

tensorgate_text TextOf(std::string_view text) { return {text.data(), text.size()}; }

// C has no value for them, and copies none of their bytes as numbers.
TEST(ElementTypeTest, BlocksInC) {
  const std::string bytes = ModelOf({{"a", DType::kU8, {400}}});
  const tensorgate_checkpoint checkpoint{CheckpointOf(std::make_unique<const Blocks>(), bytes)};
  tensorgate_error* error = nullptr;
  tensorgate_tensor tensor{.struct_size = sizeof tensor};
  ASSERT_EQ(tensorgate_tensor_at(&checkpoint, 0, &tensor, &error), 1);
  EXPECT_EQ(tensor.dtype, TENSORGATE_NO_DTYPE);
  EXPECT_EQ(std::string_view(tensor.type_name.bytes, tensor.type_name.length), "Q4_K");
  EXPECT_EQ(tensor.block_elements, 256u);
  EXPECT_EQ(tensor.bytes, 288u);
  // Of a number in the metadata there is no text.
  tensorgate_text key = TextOf("x"), value = TextOf("x");
  ASSERT_EQ(tensorgate_metadata_at(&checkpoint, 1, &key, &value), 1);
  EXPECT_EQ(std::string_view(key.bytes, key.length), "count");
  EXPECT_EQ(value.bytes, nullptr);
  EXPECT_EQ(value.length, 0u);
  const std::string path = ::testing::TempDir() + "tensorgate-blocks.safetensors";
  tensorgate_writer* writer = tensorgate_writer_create(path.c_str(), nullptr, &error);
  ASSERT_NE(writer, nullptr);
  EXPECT_EQ(tensorgate_writer_add_from(writer, TextOf("q"), &checkpoint, 0, &error), 0);
  ASSERT_NE(error, nullptr);
  EXPECT_STREQ(tensorgate_error_rule(error), "use/no-dtype");
  tensorgate_error_free(error);
  tensorgate_writer_free(writer);
}

// Only texts are saved: no format that is written has other metadata.
class Counted final : public ModelFile {
 public:
  std::size_t tensor_count() const override { return 0; }
  std::string_view name(std::size_t) const override { return {}; }
  TensorRef tensor(std::size_t) const override { return {}; }
  std::optional<std::size_t> Find(std::string_view) const override { return std::nullopt; }
  std::size_t metadata_count() const override { return 2; }
  MetadataEntry metadata(std::size_t index) const override {
    return index == 0 ? MetadataEntry{"count", std::uint64_t{7}} : MetadataEntry{"text", "v"};
  }

 private:
  const void* Concrete(const std::type_info&) const override { return nullptr; }
};

TEST(ElementTypeTest, MetadataOfOtherTypesIsNotSaved) {
  const std::string bytes = ModelOf({{"a", DType::kU8, {4}}});
  const Checkpoint checkpoint = CheckpointOf(std::make_unique<const Counted>(), bytes);
  const Result<internal::ToSave> saved = internal::ToSaveOf(checkpoint);
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->metadata(), (Metadata{{"text", "v"}}));
}

}  // namespace
}  // namespace tensorgate
