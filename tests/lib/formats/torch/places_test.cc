// The offsets of records that PyTorch computes, against those of its own get_record_offset_no_read
// (2.8).
#include "lib/formats/torch/places.h"

#include <gtest/gtest.h>

#include <vector>

namespace tensorgate::torch::internal {
namespace {

struct Expected {
  std::string_view key;
  std::uint64_t bytes;
  std::uint64_t place;
};

std::vector<std::uint64_t> Computed(std::string_view root, std::uint64_t alignment,
                                    const zip::internal::Member& first,
                                    const std::vector<Expected>& records) {
  ComputedPlaces places(root, alignment);
  std::vector<std::uint64_t> computed;
  for (const Expected& record : records) {
    const StorageValue storage = {.key = record.key, .bytes = record.bytes};
    computed.push_back(places.Next(storage, first).value_or(0));
  }
  return computed;
}

TEST(ComputedPlacesTest, AsPyTorchComputesThem) {
  const struct {
    std::string_view root;
    std::uint64_t alignment;
    zip::internal::Member first;
    std::vector<Expected> records;
  } cases[] = {
      {"archive/",
       64,
       {.local_offset = 896, .data_offset = 960},
       {{"0", 16, 960},
        {"1", 0, 1088},
        {"2", 4, 1152},
        {"3", 100, 1280},
        {"94340341200128", 8, 1472},
        {"5", 0, 1600},
        {"6", 1, 1664}}},
      {"m/",
       4096,
       {.local_offset = 4000, .data_offset = 8192},
       {{"0", 4096, 8192}, {"1", 4095, 16384}, {"2", 1, 24576}}},
      {"archive/",
       64,
       {.local_offset = 4294967096, .data_offset = 4294967168},
       {{"0", 16, 4294967168}, {"1", 16, 4294967296}, {"2", 16, 4294967424}}},
      {"archive/",
       64,
       {.local_offset = 64, .data_offset = 128},
       {{"0", 4294967295, 128},
        {"1", 16, 4294967552},
        {"2", 4294967294, 4294967680},
        {"3", 4294967296, 8589935104}}},
      {"a.long.name/",
       128,
       {.local_offset = 0, .data_offset = 128},
       {{"0", 4294967301, 128}, {"1", 0, 4294967552}, {"2", 7, 4294967680}}},
  };
  for (const auto& each : cases) {
    const std::vector<std::uint64_t> computed =
        Computed(each.root, each.alignment, each.first, each.records);
    for (std::size_t i = 0; i < computed.size(); ++i) {
      EXPECT_EQ(computed[i], each.records[i].place) << each.root << " " << i;
    }
  }
}

TEST(ComputedPlacesTest, OfNoOtherFirstRecordThanZero) {
  for (const std::string_view key : {"1", "00", "a"}) {
    ComputedPlaces places("archive/", kUsualAlignment);
    EXPECT_FALSE(places.Next({.key = key, .bytes = 4}, {.local_offset = 64, .data_offset = 128}));
  }
}

}  // namespace
}  // namespace tensorgate::torch::internal
