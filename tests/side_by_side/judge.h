// Shared by the side-by-side tests: files from parts, and the judge that counts and reports
// disagreements.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_JUDGE_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_JUDGE_H_

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compare.h"
#include "mutator.h"

namespace tensorgate::side_by_side {

/// A file whose length field fits its header.
inline std::vector<std::byte> Bytes(std::string header, std::string_view data = {}) {
  mutator::Parts parts;
  parts.announced = header.size();
  parts.header = std::move(header);
  parts.data = data;
  return mutator::Join(parts);
}

/// The number of files to generate.
inline std::uint64_t Mutations() {
  const char* text = std::getenv("TENSORGATE_MUTATIONS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 100'000;
}

/// Stops reporting after a few disagreements: one bug causes thousands.
class Judge {
 public:
  ~Judge() {
    EXPECT_EQ(disagreements_, 0u) << "of " << tally.files << " files";
    ::testing::Test::RecordProperty("files", std::to_string(tally.files));
    std::printf(
        "%llu files: %llu accepted by the crate, %llu by strict, %llu reasons compared, %llu "
        "undetermined\n",
        static_cast<unsigned long long>(tally.files),
        static_cast<unsigned long long>(tally.reference_accepted),
        static_cast<unsigned long long>(tally.strict_accepted),
        static_cast<unsigned long long>(tally.named_reasons),
        static_cast<unsigned long long>(tally.undetermined));
  }
  void operator()(std::span<const std::byte> file, const std::string& name) {
    if (!Disagreement(file, &tally)) return;
    if (++disagreements_ <= 8) ADD_FAILURE() << name << ": " << MinimizedStory(file);
  }
  Tally tally;

 private:
  std::uint64_t disagreements_ = 0;
};

}  // namespace tensorgate::side_by_side

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_JUDGE_H_
