// A safetensors file as a ModelFile: as the strict profile verifies it, and as its reference reads
// files that strict refuses.
#include "lib/formats/safetensors/model.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "tensorgate/model_file.h"
#include "tests/lib/formats/safetensors/build.h"

namespace tensorgate::safetensors::internal {
namespace {

using testing::AsBytes;
using testing::BuildFile;
using testing::TensorEntry;

std::unique_ptr<const ModelFile> Proven(const std::string& file) {
  auto opened = File::OpenBytes(AsBytes(file));
  EXPECT_TRUE(opened);
  return MakeModelFile(*std::move(opened));
}

TEST(SafetensorsModelTest, MetadataOfNoEntriesIsMetadata) {
  const std::string tensor = TensorEntry("a", "U8", "1", 0, 1) + "}";
  EXPECT_TRUE(Proven(BuildFile(R"({"__metadata__":{},)" + tensor, 1))->has_metadata());
  EXPECT_TRUE(Proven(BuildFile(R"({"__metadata__":{"k":"v"},)" + tensor, 1))->has_metadata());
  EXPECT_FALSE(Proven(BuildFile("{" + tensor, 1))->has_metadata());
}

// For equal names the reference keeps the last one.
TEST(SafetensorsModelTest, WhatTheReferenceReads) {
  const std::string file = BuildFile(
      R"({"__metadata__":{"k":"first","l":"w","k":"last"},)" + TensorEntry("b", "U8", "2", 1, 3) +
          "," + TensorEntry("a", "I8", "1", 0, 1) + "," + TensorEntry("a", "U8", "1", 0, 1) + "}",
      3);
  EXPECT_FALSE(File::OpenBytes(AsBytes(file)));
  MemorySource source(AsBytes(file));
  std::unique_ptr<const ModelFile> read;
  const Report report = ReadModelAsReference(source, {.profile = Profile::kReference}, &read);
  EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  ASSERT_NE(read, nullptr);
  ASSERT_EQ(read->tensor_count(), 2u);
  EXPECT_EQ(read->name(0), "a");
  EXPECT_EQ(read->tensor(0).type, ElementType(DType::kU8));
  EXPECT_EQ(read->Find("a"), 0u);
  EXPECT_EQ(read->Find("b"), 1u);
  EXPECT_EQ(read->Find("c"), std::nullopt);
  EXPECT_EQ(read->metadata_count(), 2u);
  EXPECT_EQ(read->FindMetadata("k"), MetadataValue(std::string_view("last")));
  EXPECT_EQ(read->FindMetadata("l"), MetadataValue(std::string_view("w")));
  EXPECT_EQ(read->FindMetadata("m"), std::nullopt);
  // It was not verified: it cannot be used as a File.
  EXPECT_EQ(read->As<File>(), nullptr);
}

}  // namespace
}  // namespace tensorgate::safetensors::internal
