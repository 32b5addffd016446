// Replacing metadata: where the data start in the new file, and what is never written.
#include "lib/write/replace_metadata.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/lib/temp_folder.h"

namespace tensorgate {
namespace {

class ReplaceMetadataTest : public ::testing::Test {
 protected:
  // A file whose data start at a multiple of `alignment`.
  std::string Make(std::size_t bytes, std::uint64_t alignment, std::optional<Metadata> metadata) {
    data_.assign(bytes, 'x');
    for (std::size_t i = 0; i < bytes; ++i) data_[i] = static_cast<char>(i * 7);
    const std::vector<TensorData> tensors = {{.name = "a",
                                              .dtype = DType::kU8,
                                              .shape = {bytes},
                                              .data = std::as_bytes(std::span(data_))}};
    const std::string path = folder_.path() / "m.safetensors";
    SaveOptions options{.metadata = std::move(metadata), .alignment = alignment};
    EXPECT_TRUE(Save(path, tensors, options).has_value());
    return path;
  }

  Result<void> Replace(const std::string& path, const std::optional<Metadata>& metadata,
                       const SaveOptions& options = {}) {
    Result<FileSource> source = FileSource::Open(path);
    const auto file = safetensors::File::Open(*source);
    EXPECT_TRUE(file.has_value());
    return internal::ReplaceMetadata(path, *file, *source, metadata, options);
  }

  safetensors::File Open(const std::string& path) {
    auto file = safetensors::File::OpenPath(path);
    EXPECT_TRUE(file.has_value());
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_EQ(text.str().substr(file->data_offset()), data_);
    EXPECT_EQ(safetensors::CheckPath(path, {.profile = Profile::kReference}).verdict(),
              Verdict::kAccepted);
    return *std::move(file);
  }

  std::string data_;
  testing::TempFolder folder_;
};

TEST_F(ReplaceMetadataTest, ManyDataKeepTheirOffsetWithinAPage) {
  for (const std::uint64_t alignment : {8, 4096, 65536}) {
    const std::string path = Make(3 << 20, alignment, Metadata{{"k", "v"}});
    std::uint64_t before = Open(path).data_offset();
    for (const std::size_t length : {0, 1, 5000, 100'000}) {
      ASSERT_TRUE(Replace(path, Metadata{{"k", std::string(length, 'v')}}).has_value());
      const safetensors::File file = Open(path);
      EXPECT_EQ(file.data_offset() % 4096, before % 4096);
      EXPECT_EQ(file.data_offset() % alignment, 0u);
      // What was aligned by accident stays so.
      EXPECT_LT(file.padding(), std::max<std::uint64_t>(before, 4096));
      before = file.data_offset();
      EXPECT_EQ(file.FindMetadata("k")->size(), length);
    }
    ASSERT_TRUE(Replace(path, std::nullopt).has_value());
    EXPECT_EQ(Open(path).metadata_count(), 0u);
  }
}

TEST_F(ReplaceMetadataTest, FewDataDoNotPadTheHeaderToAPage) {
  const std::string path = Make(100, 8, std::nullopt);
  ASSERT_TRUE(Replace(path, Metadata{{"format", "pt"}}).has_value());
  EXPECT_LT(Open(path).padding(), 64u);
}

TEST_F(ReplaceMetadataTest, NothingIsWrittenInPlace) {
  const std::string path = Make(3 << 20, 8, Metadata{{"k", "1"}});
  const std::string other = folder_.path() / "hard link";
  ASSERT_EQ(::link(path.c_str(), other.c_str()), 0);
  ASSERT_TRUE(Replace(path, Metadata{{"k", "2"}}).has_value());
  EXPECT_EQ(Open(other).FindMetadata("k"), "1");
  EXPECT_EQ(Open(path).FindMetadata("k"), "2");
}

TEST_F(ReplaceMetadataTest, AfterAnErrorTheFileIsAsBefore) {
  const std::string path = Make(3 << 20, 8, Metadata{{"k", "1"}});
  EXPECT_EQ(Replace(path, Metadata{{"a", "1"}, {"a", "2"}}).error().rule,
            Rule::kSaveMetadataDuplicate);
  EXPECT_EQ(Replace(path, Metadata{{"\xff", "1"}}).error().rule, Rule::kSaveMetadataNotUtf8);
  const std::atomic<bool> cancel = true;
  EXPECT_EQ(Replace(path, Metadata{}, {.cancel = &cancel}).error().rule, Rule::kUseCancelled);
  EXPECT_EQ(Open(path).FindMetadata("k"), "1");
}

TEST_F(ReplaceMetadataTest, AFileThatChangedIsNotReplaced) {
  const std::string path = Make(3 << 20, 8, std::nullopt);
  Result<FileSource> source = FileSource::Open(path);
  const auto file = safetensors::File::Open(*source);
  ASSERT_TRUE(file.has_value());
  ASSERT_EQ(::truncate(path.c_str(), 1000), 0);
  EXPECT_FALSE(internal::ReplaceMetadata(path, *file, *source, Metadata{}).has_value());
  ASSERT_TRUE(std::ifstream(path).good());
}

}  // namespace
}  // namespace tensorgate
