// The oracle against files with known verdicts, and the library against the oracle: without the
// crate, so that 32-bit and sanitizer builds run it, too. side_by_side_test.cc adds the crate.
#include "oracle.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "crafted.h"
#include "json_tree.h"
#include "lib/second_readings/second_readings.h"
#include "mutator.h"
#include "natural.h"
#include "options.h"
#include "tensorgate/safetensors.h"

namespace tensorgate::side_by_side {
namespace {

using oracle::Examine;
using oracle::IsFiniteInSerdeJson;
using oracle::IsUtf8;
using oracle::Natural;

TEST(Oracle, CraftedFiles) {
  for (const Crafted& each : CraftedFiles()) {
    SCOPED_TRACE(each.what);
    const auto reference = Examine(each.file, Profile::kReference);
    EXPECT_EQ(reference.accepted, each.reference_error.empty());
    if (!each.reference_error.empty()) {
      EXPECT_TRUE(reference.reference_errors.contains(std::string(each.reference_error)));
    }
    const auto strict = Examine(each.file, Profile::kStrict);
    EXPECT_EQ(strict.accepted, !each.reason.has_value());
    if (strict.reason) {
      EXPECT_EQ(Info(*strict.reason).id, Info(*each.reason).id);
    }
  }
}

TEST(Library, CraftedFiles) {
  for (const Crafted& each : CraftedFiles()) {
    SCOPED_TRACE(each.what);
    const Report reference = safetensors::CheckBytes(each.file, kByReference);
    EXPECT_EQ(reference.reference_error(), each.reference_error);
    EXPECT_EQ(Name(reference.verdict()), each.reference_error.empty() ? "accepted" : "rejected");
    const Report strict = safetensors::CheckBytes(each.file);
    if (each.reason) {
      ASSERT_FALSE(strict.findings().empty());
      EXPECT_EQ(Info(strict.findings()[0].rule).id, Info(*each.reason).id);
    }
    EXPECT_EQ(Name(strict.verdict()), each.reason ? "rejected" : "accepted");
  }
}

TEST(Library, GeneratedFilesAgainstOracle) {
  const char* text = std::getenv("TENSORGATE_MUTATIONS");
  const std::uint64_t count = text != nullptr ? std::strtoull(text, nullptr, 10) : 20'000;
  int reported = 0;
  for (std::uint64_t seed = 0; seed < count && reported < 8; ++seed) {
    const auto file = mutator::GenerateHeader(seed ^ 0x5EED000000000000);
    const auto expected = Examine(file, Profile::kReference);
    const Report reference = safetensors::CheckBytes(file, kByReference);
    const bool same_kind =
        expected.accepted
            ? reference.reference_error().empty()
            : expected.reference_errors.contains(std::string(reference.reference_error()));
    const auto strict = Examine(file, Profile::kStrict);
    const auto opened = safetensors::File::OpenBytes(file);
    const bool proven = opened || internal::IsProvenButAmbiguous(opened.error());
    const bool same =
        same_kind && expected.accepted == (reference.verdict() == Verdict::kAccepted) &&
        strict.accepted == proven && (!opened || opened->tensors().size() == strict.tensors.size());
    EXPECT_TRUE(same)
        << "seed " << seed << ", header: "
        << mutator::Split(reinterpret_cast<const std::uint8_t*>(file.data()), file.size()).header;
    reported += same ? 0 : 1;
  }
}

TEST(Oracle, Numbers) {
  for (const char* finite :
       {"0", "-0", "1e308", "1.7976931348623157e308", "17976931348623157e292", "0e99999999999",
        "1e-99999999999", "0.01e-2147483647", "18446744073709551616", "0.1e309", "10e307",
        "1844674407370955161.5e289"}) {
    EXPECT_TRUE(IsFiniteInSerdeJson(finite)) << finite;
  }
  for (const char* infinite :
       {"1e309", "-1e309", "1.7976931348623158e308", "17976931348623159e292", "1e2147483648",
        "1e99999999999", "18446744073709551615e290", "100e307"}) {
    EXPECT_FALSE(IsFiniteInSerdeJson(infinite)) << infinite;
  }
  EXPECT_TRUE(IsFiniteInSerdeJson(std::string(300, '9')));
  EXPECT_FALSE(IsFiniteInSerdeJson(std::string(310, '9')));
}

TEST(Oracle, Utf8) {
  for (const char* good :
       {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(Oracle, Naturals) {
  const Natural largest(~std::uint64_t{0});
  EXPECT_TRUE(largest.Fits64());
  EXPECT_FALSE((largest + 1).Fits64());
  EXPECT_FALSE((largest * 2).Fits64());
  EXPECT_EQ((largest * largest).Low64(), 1u);
  EXPECT_LT(largest, largest + 1);
  EXPECT_EQ((largest + 1) * 0, Natural());
  for (std::uint64_t a = 0; a < 300; a += 7) {
    for (std::uint64_t b = 0; b < 300; b += 11) {
      EXPECT_EQ((Natural(a) * b + a).Low64(), a * b + a);
      EXPECT_EQ(Natural(a) < Natural(b), a < b);
    }
  }
}

// The same seed must give the same file on every machine; otherwise a seed in a bug report is
// useless.
TEST(Mutator, IsDeterministic) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    EXPECT_EQ(mutator::GenerateHeader(seed), mutator::GenerateHeader(seed));
  }
  mutator::Random random(1);
  EXPECT_EQ(random.Next(), 0x910A2DEC89025CC1u);
}

TEST(Mutator, KeepsWithinItsRoom) {
  for (unsigned seed = 0; seed < 20'000; ++seed) {
    std::uint8_t bytes[160] = {};
    const std::size_t room = seed % 161;
    const std::size_t size = mutator::MutateSafetensors(bytes, seed % (room + 1), room, seed);
    ASSERT_LE(size, room);
    for (std::size_t i = room; i < sizeof bytes; ++i) ASSERT_EQ(bytes[i], 0);
  }
}

}  // namespace
}  // namespace tensorgate::side_by_side
