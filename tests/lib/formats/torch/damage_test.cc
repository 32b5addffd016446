// Small checkpoints of both layouts, truncated and changed at every byte, and sources that fail: no
// crash, and only whole files are accepted.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "lib/base/bytes.h"
#include "tensorgate/torch.h"

namespace tensorgate {
namespace {

constexpr const char* kFiles[] = {"zip-plain.pt", "legacy-plain.pt", "name-numbers.pt"};

std::string Content(std::string_view name) {
  std::ifstream file(TENSORGATE_CORPUS_DIR "/torch/accept/" + std::string(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Verdict VerdictOf(std::string_view bytes) {
  return torch::CheckBytes(internal::AsBytes(bytes)).verdict();
}

TEST(TorchDamageTest, CutAtEveryByte) {
  for (const char* name : kFiles) {
    const std::string file = Content(name);
    ASSERT_EQ(VerdictOf(file), Verdict::kAccepted) << name;
    for (std::size_t size = 0; size < file.size(); ++size)
      EXPECT_EQ(VerdictOf(std::string_view(file).substr(0, size)), Verdict::kRejected)
          << name << size;
    EXPECT_EQ(VerdictOf(file + "x"), Verdict::kRejected) << name;
  }
}

// If a change leaves the file accepted, it is still a plain checkpoint: its tensors are inside.
TEST(TorchDamageTest, EverySingleByteChange) {
  for (const char* name : kFiles) {
    std::string file = Content(name);
    for (std::size_t at = 0; at < file.size(); ++at) {
      const char before = file[at];
      for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
        file[at] = static_cast<char>(before ^ change);
        const auto opened = torch::File::OpenBytes(internal::AsBytes(file));
        if (!opened) {
          EXPECT_EQ(opened.error().verdict(), Verdict::kRejected) << name << at;
          continue;
        }
        for (std::size_t i = 0; i < opened->tensor_count(); ++i) {
          const torch::Tensor tensor = opened->tensor(i);
          EXPECT_LE(tensor.range.offset + tensor.range.length, file.size()) << name << at;
          EXPECT_GE(tensor.range.offset, tensor.storage_range.offset) << name << at;
        }
      }
      file[at] = before;
    }
  }
}

TEST(TorchDamageTest, FullScopeSeesEveryChangeOfData) {
  const CheckOptions options{.scope = Scope::kFull};
  for (const char* name : {"zip-plain.pt", "name-numbers.pt"}) {
    std::string file = Content(name);
    const auto opened = torch::File::OpenBytes(internal::AsBytes(file), options);
    ASSERT_TRUE(opened) << name;
    EXPECT_EQ(opened->report().scope(), Scope::kFull);
    const ByteRange range = opened->tensor(0).storage_range;
    for (std::uint64_t i = 0; i < range.length; ++i) {
      char& byte = file[static_cast<std::size_t>(range.offset + i)];
      ++byte;
      EXPECT_EQ(VerdictOf(file), Verdict::kAccepted) << i;
      const Report report = torch::CheckBytes(internal::AsBytes(file), options);
      EXPECT_EQ(report.verdict(), Verdict::kRejected) << i;
      EXPECT_EQ(report.findings()[0].rule, Rule::kZipCrcMismatch) << i;
      EXPECT_EQ(report.findings()[0].offset, range.offset) << i;
      --byte;
    }
  }
  // A layout without checksums, and a profile whose loader does not compare them.
  const std::string legacy = Content("legacy-plain.pt"), zip = Content("zip-plain.pt");
  EXPECT_EQ(torch::CheckBytes(internal::AsBytes(legacy), options).scope(), Scope::kStructure);
  const CheckOptions reference{.profile = Profile::kReference, .scope = Scope::kFull};
  EXPECT_EQ(torch::CheckBytes(internal::AsBytes(zip), reference).scope(), Scope::kStructure);
}

// Whatever part of a file exceeds the limit, a limit below the whole accepts nothing.
TEST(TorchDamageTest, EveryLimitOfTheHeader) {
  for (const char* name : kFiles) {
    const std::string file = Content(name);
    CheckOptions options;
    options.limits.header_bytes = 0;
    Verdict verdict{};
    do {
      verdict = torch::CheckBytes(internal::AsBytes(file), options).verdict();
      if (verdict == Verdict::kAccepted) break;
      EXPECT_EQ(verdict, Verdict::kUndecided) << name << options.limits.header_bytes;
    } while (++options.limits.header_bytes < file.size());
    EXPECT_EQ(verdict, Verdict::kAccepted) << name;
    EXPECT_GT(options.limits.header_bytes, 100u) << name;
    options.limits.header_bytes = file.size();
    EXPECT_EQ(torch::CheckBytes(internal::AsBytes(file), options).verdict(), Verdict::kAccepted);
  }
}

TEST(TorchDamageTest, SourcesThatFail) {
  for (const char* name : kFiles) {
    const std::string file = Content(name);
    bool failed = true;
    for (int failing = 0; failed; ++failing) {
      int reads = 0;
      CallbackSource source(
          file.size(), [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
            if (reads++ == failing) {
              return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
            }
            const auto bytes = internal::AsBytes(file);
            return internal::CopyBytes(bytes.subspan(static_cast<std::size_t>(offset)), into);
          });
      const Report report = torch::Check(source, {.scope = Scope::kFull});
      failed = reads > failing;
      EXPECT_EQ(report.verdict(), failed ? Verdict::kUndecided : Verdict::kAccepted) << name;
    }
  }
}

}  // namespace
}  // namespace tensorgate
