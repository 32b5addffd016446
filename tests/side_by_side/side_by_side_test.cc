// The crate and the library side by side: the built corpus, crafted files, every change of one
// byte, and TENSORGATE_MUTATIONS (100,000) generated files. `compare.h` lists what must agree.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "compare.h"
#include "crafted.h"
#include "judge.h"
#include "mutator.h"
#include "options.h"
#include "reference.h"
#include "spelling.h"
#include "tensorgate/safetensors.h"

namespace tensorgate::side_by_side {
namespace {

// A file mapped into memory: some files of the corpus are sparse and large.
class Mapped {
 public:
  explicit Mapped(const std::filesystem::path& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about{};
    if (descriptor < 0 || fstat(descriptor, &about) != 0) std::abort();
    size_ = static_cast<std::size_t>(about.st_size);
    if (size_ != 0) {
      memory_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
      if (memory_ == MAP_FAILED) std::abort();
    }
    close(descriptor);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() {
    if (size_ != 0) munmap(memory_, size_);
  }
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(memory_), size_};
  }

 private:
  void* memory_ = nullptr;
  std::size_t size_ = 0;
};

TEST(SideBySide, Corpus) {
  Judge judge;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(TENSORGATE_CORPUS_DIR)) {
    if (!entry.is_regular_file() || entry.path().filename() == "manifest.json") continue;
    judge(Mapped(entry.path()).bytes(), entry.path().string());
  }
  EXPECT_GE(judge.tally.files, 50u) << "the corpus was not built in " << TENSORGATE_CORPUS_DIR;
  EXPECT_GT(judge.tally.strict_accepted, 0u);
}

TEST(SideBySide, CraftedFiles) {
  Judge judge;
  for (const Crafted& each : CraftedFiles()) {
    char kind[64];
    tg_reference_check(reinterpret_cast<const std::uint8_t*>(each.file.data()), each.file.size(),
                       kind, sizeof kind);
    EXPECT_EQ(std::string_view(kind), each.reference_error) << each.what;
    judge(each.file, each.what);
  }
}

TEST(SideBySide, GeneratedFiles) {
  Judge judge;
  const std::uint64_t count = Mutations();
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    judge(mutator::GenerateHeader(seed), "seed " + std::to_string(seed));
  }
  // A generator that creates no valid files, or no invalid ones, would prove nothing.
  EXPECT_GE(judge.tally.reference_accepted * 100, count * 30);
  EXPECT_GE((count - judge.tally.reference_accepted) * 100, count * 20);
  EXPECT_LT(judge.tally.strict_accepted, judge.tally.reference_accepted);
}

// The other use of the mutator, as in libFuzzer: one file mutated repeatedly.
TEST(SideBySide, MutationChains) {
  Judge judge;
  constexpr std::size_t kRoom = 4096;
  const std::uint64_t count = std::max<std::uint64_t>(Mutations() / 4, 4);
  std::vector<std::uint8_t> bytes(kRoom);
  std::size_t size = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i % 4 == 0) size = 0;
    size = mutator::MutateSafetensors(bytes.data(), size, kRoom, static_cast<unsigned>(i));
    ASSERT_LE(size, kRoom);
    judge(std::as_bytes(std::span(bytes)).first(size), "step " + std::to_string(i));
  }
}

// Thousands of tensors and metadata keys, in the order of the data and shuffled, then with one
// error in the middle.
TEST(SideBySide, ManyTensors) {
  Judge judge;
  mutator::Random random(44);
  for (const std::size_t count : {100u, 1'000u, 5'000u, 40'000u}) {
    for (const bool shuffled : {false, true}) {
      std::vector<std::string> members;
      for (std::size_t i = 0; i < count; ++i) {
        members.push_back("\"model.layers." + std::to_string(i) +
                          ".weight\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[" +
                          std::to_string(4 * i) + "," + std::to_string(4 * i + 4) + "]}");
      }
      if (shuffled) {
        for (std::size_t i = count; i > 1; --i) std::swap(members[i - 1], members[random.Below(i)]);
      }
      const std::string data(4 * count, '\0');
      const auto write = [&] {
        std::string header = "{\"__metadata__\":{";
        for (std::size_t i = 0; i < count; ++i)
          header += (i != 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":\"\"";
        header += "}";
        for (const std::string& member : members) header += "," + member;
        return header + "}";
      };
      judge(Bytes(write(), data), "many tensors");
      judge(Bytes(write(), data + "x"), "a byte more");
      std::string& victim = members[count / 2];
      const std::string good = victim;
      for (const std::string bad : {"\"x\":1", "\"x\":{}", "\"x\":[\"U8\",[0],[0,0]]"}) {
        victim = bad;
        judge(Bytes(write(), data), bad);
      }
      victim = members[count / 3];  // the same twice
      judge(Bytes(write(), data), "duplicate");
      victim = good;
      victim.replace(victim.find("[2]"), 3, "[3]");
      judge(Bytes(write(), data), "wrong shape");
    }
  }
  EXPECT_GT(judge.tally.strict_accepted, 0u);
}

// ---- Cases in which the crate itself is not deterministic. Each entry is a reason why an exact
// comparison is impossible.

// For tensors with the same range, the crate's error depends on the order of a randomly seeded hash
// map: it may be any of the oracle's set, and the library names one of them.
TEST(KnownExceptions, ErrorKindOfTiedTensorsIsRandom) {
  const auto file = Bytes(
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,0]},"
      "\"b\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,0]}}");
  std::vector<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    char kind[64];
    ASSERT_EQ(tg_reference_check(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(),
                                 kind, sizeof kind),
              TG_REFERENCE_REJECTED);
    if (std::find(seen.begin(), seen.end(), kind) == seen.end()) seen.emplace_back(kind);
  }
  EXPECT_EQ(seen.size(), 2u) << "the crate has become one-valued: compare exactly";
  const Report report = safetensors::CheckBytes(file, kByReference);
  EXPECT_NE(std::find(seen.begin(), seen.end(), report.reference_error()), seen.end());
}

// The sum of the data's end and the header may wrap in a release build of the crate; it then cannot
// equal the file's size, so this is not an exception: only a debug build of the crate panics.
TEST(KnownExceptions, WrappingEndIsRefused) {
  std::string header = "{";
  const std::uint64_t step = (std::uint64_t{1} << 61) - 1;
  for (std::uint64_t i = 0; i < 8; ++i) {
    header += (i != 0 ? ",\"" : "\"") + std::to_string(i) + "\":{\"dtype\":\"U8\",\"shape\":[" +
              std::to_string(step) + "],\"data_offsets\":[" + std::to_string(i * step) + "," +
              std::to_string((i + 1) * step) + "]}";
  }
  for (std::size_t padding = 0; padding < 16; ++padding) {
    const auto file = Bytes(header + "}" + std::string(padding, ' '));
    EXPECT_EQ(Disagreement(file), std::nullopt);
  }
}

}  // namespace
}  // namespace tensorgate::side_by_side
