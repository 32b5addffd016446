// Files written by the crate and by the library, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "reference.h"
#include "tests/lib/checkpoint/made_tensors.h"

namespace tensorgate {
namespace {

const std::uint8_t* Data(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

std::vector<std::byte> ByReference(std::span<const TensorData> tensors,
                                   const std::optional<Metadata>& metadata) {
  std::vector<tg_reference_named_tensor> named;
  for (const TensorData& tensor : tensors) {
    const auto& bytes = std::get<std::span<const std::byte>>(tensor.data);
    named.push_back({Data(tensor.name), tensor.name.size(), static_cast<std::size_t>(tensor.dtype),
                     tensor.shape.data(), tensor.shape.size(),
                     reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
  // Never empty, so that its pointer distinguishes an empty map from none.
  std::vector<tg_reference_metadata_entry> entries(1);
  if (metadata) {
    for (const auto& [key, value] : *metadata) {
      entries.insert(entries.end() - 1, {Data(key), key.size(), Data(value), value.size()});
    }
  }
  std::size_t size = 0;
  std::uint8_t* file =
      tg_reference_serialize(named.data(), named.size(), metadata ? entries.data() : nullptr,
                             metadata ? metadata->size() : 0, &size);
  if (file == nullptr) return {};
  const auto bytes = std::as_bytes(std::span(file, size));
  std::vector<std::byte> copy(bytes.begin(), bytes.end());
  tg_reference_free(file, size);
  return copy;
}

TEST(WriteTest, TheLibraryWritesTheReferencesBytes) {
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    mutator::Random random(seed);
    testing::MadeTensors made = testing::MakeTensors(random, seed % 100 == 0 ? 300 : 12);
    SaveOptions options;
    if (random.Percent(60)) options.metadata = testing::MakeMetadata(random);
    // For no tensors and an empty map the crate writes `{},"__metadata__":{}}`, which no reader
    // accepts.
    if (made.tensors.empty() && options.metadata && options.metadata->empty()) continue;
    const std::vector<std::byte> reference = ByReference(made.tensors, options.metadata);
    ASSERT_FALSE(reference.empty()) << seed;
    // The crate's metadata are in random order: use the order that it chose.
    const auto file = safetensors::File::OpenBytes(reference);
    ASSERT_TRUE(file) << seed << " " << Message(file.error(), file.error().findings()[0]);
    if (options.metadata) {
      ASSERT_EQ(file->metadata_count(), options.metadata->size());
      options.metadata->clear();
      for (std::size_t i = 0; i < file->metadata_count(); ++i) {
        options.metadata->emplace_back(file->metadata(i).key, file->metadata(i).value);
      }
    }
    const auto ours = Serialize(made.tensors, options);
    ASSERT_TRUE(ours);
    ASSERT_EQ(*ours, reference) << seed;
  }
}

// Every character below U+0500 by itself, and the ends of the other ranges.
TEST(WriteTest, NamesAreEscapedAsTheReferenceDoes) {
  std::vector<std::string> names;
  const auto add = [&](std::uint32_t c) {
    std::string name;
    if (c < 0x80) {
      name += static_cast<char>(c);
    } else if (c < 0x800) {
      name += static_cast<char>(0xC0 | c >> 6);
      name += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      name += static_cast<char>(0xE0 | c >> 12);
      name += static_cast<char>(0x80 | (c >> 6 & 0x3F));
      name += static_cast<char>(0x80 | (c & 0x3F));
    } else {
      name += static_cast<char>(0xF0 | c >> 18);
      name += static_cast<char>(0x80 | (c >> 12 & 0x3F));
      name += static_cast<char>(0x80 | (c >> 6 & 0x3F));
      name += static_cast<char>(0x80 | (c & 0x3F));
    }
    names.push_back(name);
  };
  for (std::uint32_t c = 0; c < 0x500; ++c) add(c);
  for (const std::uint32_t c : {0x7FFu, 0x800u, 0x2028u, 0x2029u, 0x202Eu, 0xD7FFu, 0xE000u,
                                0xFEFFu, 0xFFFDu, 0xFFFFu, 0x10000u, 0x1F600u, 0x10FFFFu}) {
    add(c);
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  std::vector<TensorData> tensors;
  for (const std::string& name : names) tensors.push_back({.name = name, .shape = {0}});
  EXPECT_EQ(*Serialize(tensors), ByReference(tensors, {}));
}

// With every option, the reference accepts the written file.
TEST(WriteTest, TheReferenceAcceptsEveryOption) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    mutator::Random random(seed);
    const testing::MadeTensors made = testing::MakeTensors(random);
    SaveOptions options;
    options.metadata = testing::MakeMetadata(random);
    options.alignment = std::uint64_t{8} << random.Below(12);
    options.order = random.Percent(50) ? TensorOrder::kAsGiven : TensorOrder::kReference;
    const auto file = Serialize(made.tensors, options);
    ASSERT_TRUE(file);
    char kind[64];
    EXPECT_EQ(tg_reference_check(reinterpret_cast<const std::uint8_t*>(file->data()), file->size(),
                                 kind, sizeof kind),
              TG_REFERENCE_ACCEPTED)
        << seed << kind;
  }
}

}  // namespace
}  // namespace tensorgate
