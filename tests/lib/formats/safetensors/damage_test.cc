// A small file truncated and changed at every byte: never a crash, always the oracle's verdict.
#include <gtest/gtest.h>

#include "oracle.h"
#include "tensorgate/safetensors.h"
#include "tests/lib/formats/safetensors/build.h"

namespace tensorgate {
namespace {

using testing::AsBytes;

void Compare(std::string_view file, std::string_view what) {
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    CheckOptions options;
    options.profile = profile;
    const Report report = safetensors::CheckBytes(AsBytes(file), options);
    const oracle::OracleResult expected = oracle::Examine(AsBytes(file), profile);
    ASSERT_EQ(report.verdict() == Verdict::kAccepted, expected.accepted) << what;
    if (!expected.accepted) ASSERT_EQ(report.verdict(), Verdict::kRejected) << what;
    if (profile == Profile::kReference && !expected.accepted) {
      ASSERT_TRUE(expected.reference_errors.contains(std::string(report.reference_error())))
          << what;
    }
  }
  const auto opened = safetensors::File::OpenBytes(AsBytes(file));
  if (!opened) return;
  const oracle::OracleResult expected = oracle::Examine(AsBytes(file), Profile::kStrict);
  ASSERT_EQ(opened->tensors().size(), expected.tensors.size()) << what;
  for (const oracle::OracleTensor& wanted : expected.tensors) {
    const auto tensor = opened->Find(wanted.name);
    ASSERT_TRUE(tensor) << what;
    EXPECT_EQ(tensor->dtype(), wanted.dtype) << what;
    EXPECT_EQ(tensor->shape().ToVector(), wanted.shape) << what;
    EXPECT_EQ(tensor->range(), (safetensors::ByteRange{wanted.begin, wanted.end - wanted.begin}))
        << what;
  }
}

TEST(DamageTest, TheFileItselfIsAccepted) {
  EXPECT_EQ(safetensors::CheckBytes(AsBytes(testing::SmallFile())).verdict(), Verdict::kAccepted);
  Compare(testing::SmallFile(), "whole");
}

TEST(DamageTest, CutAtEveryByte) {
  const std::string file = testing::SmallFile();
  for (std::size_t size = 0; size < file.size(); ++size) {
    Compare(std::string_view(file).substr(0, size), "cut at " + std::to_string(size));
    if (HasFatalFailure()) return;
  }
}

TEST(DamageTest, EverySingleByteChange) {
  std::string file = testing::SmallFile();
  const std::size_t structure = file.size() - 20;
  for (std::size_t at = 0; at < structure; ++at) {
    const char before = file[at];
    for (int value = 0; value < 256; ++value) {
      file[at] = static_cast<char>(value);
      Compare(file, "byte " + std::to_string(at) + " = " + std::to_string(value));
      if (HasFatalFailure()) return;
    }
    file[at] = before;
  }
}

TEST(DamageTest, EveryByteRemovedAndEveryByteDoubled) {
  const std::string file = testing::SmallFile();
  for (std::size_t at = 8; at < file.size() - 20; ++at) {
    for (const bool remove : {true, false}) {
      std::string header = file.substr(8, file.size() - 28);
      if (remove) {
        header.erase(at - 8, 1);
      } else {
        header.insert(at - 8, 1, header[at - 8]);
      }
      Compare(testing::BuildFile(header, 20), std::to_string(at));
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace tensorgate
