// A small archive truncated and changed at every byte, and malicious sources: no crash, and only
// the file itself is accepted.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "lib/base/bytes.h"
#include "tests/lib/containers/zip/check.h"

namespace tensorgate {
namespace {

std::string Plain() {
  std::ifstream file(TENSORGATE_CORPUS_DIR "/zip/accept/plain.pt", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Verdict VerdictOf(std::string_view bytes) {
  MemorySource source(internal::AsBytes(bytes));
  return testing::CheckZip(source).verdict();
}

TEST(ZipDamageTest, CutAtEveryByte) {
  const std::string file = Plain();
  ASSERT_EQ(VerdictOf(file), Verdict::kAccepted);
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_EQ(VerdictOf(std::string_view(file).substr(0, size)), Verdict::kRejected) << size;
}

// Each byte of structure is compared with another one, or has only one valid value: only changes in
// fields that the container ignores pass.
TEST(ZipDamageTest, EverySingleByteChange) {
  std::string file = Plain();
  const std::size_t data = file.find("\x80\x02}q"), version = file.find("3\nPK");
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < file.size(); ++at) {
    const bool contents = (at >= data && at < data + 6) || (at >= version && at < version + 2);
    const char before = file[at];
    for (int value = 0; value < 256; ++value) {
      if (static_cast<char>(value) == before) continue;
      file[at] = static_cast<char>(value);
      const bool passes = VerdictOf(file) == Verdict::kAccepted;
      if (contents) EXPECT_TRUE(passes) << at;
      accepted += passes && !contents;
    }
    file[at] = before;
  }
  // For each entry: "made by" (2 bytes), internal attributes (2) and external ones: the mode below
  // the type (2), the type (none or a regular file's), everything but DOS's folder bit. For the
  // ZIP64 record: its versions (4).
  EXPECT_EQ(accepted, 2u * (255 * (2 + 2 + 2) + 31 + 127) + 255 * 4);
}

TEST(ZipDamageTest, SourcesThatFail) {
  const std::string file = Plain();
  for (int failing = 0;; ++failing) {
    for (const bool ends : {false, true}) {
      int reads = 0;
      CallbackSource source(
          file.size(), [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
            if (reads++ == failing) {
              if (ends) return 0;
              return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
            }
            const auto bytes = internal::AsBytes(file);
            return internal::CopyBytes(bytes.subspan(static_cast<std::size_t>(offset)), into);
          });
      const Report report = testing::CheckZip(source);
      if (reads <= failing) {
        EXPECT_EQ(report.verdict(), Verdict::kAccepted);
        EXPECT_GT(failing, 3);
        return;
      }
      EXPECT_EQ(report.verdict(), Verdict::kUndecided);
      EXPECT_EQ(report.findings()[0].rule, ends ? Rule::kIoShortRead : Rule::kIoReadFailed);
    }
  }
}

// A source whose bytes differ between reads never leads outside its size.
TEST(ZipDamageTest, AMaliciousSource) {
  const std::string file = Plain();
  for (unsigned seed = 0; seed < 3000; ++seed) {
    unsigned state = seed * 2654435761u + 1;
    CallbackSource source(
        file.size(), [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
          EXPECT_LE(offset, file.size());
          EXPECT_LE(into.size(), file.size() - offset);
          const auto bytes = internal::AsBytes(file);
          const std::size_t count =
              internal::CopyBytes(bytes.subspan(static_cast<std::size_t>(offset)), into);
          state = state * 1103515245u + 12345u;
          if (count != 0) into[(state >> 8) % count] = static_cast<std::byte>(state >> 24);
          return count;
        });
    testing::CheckZip(source);
  }
}

}  // namespace
}  // namespace tensorgate
