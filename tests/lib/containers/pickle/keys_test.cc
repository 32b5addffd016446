// Which keys may occur in a mapping or set, and which two of them are equal.
#include "lib/containers/pickle/keys.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/lib/containers/pickle/ran.h"

namespace tensorgate::pickle {
namespace {

using namespace std::string_literals;

std::string Text(const std::string& text) { return "U"s + static_cast<char>(text.size()) + text; }
std::string Bytes(const std::string& text) {
  return "c_codecs\nencode\n" + Text(text) + Text("latin1") + "\x86R";
}
std::string Set(const std::string& items) { return "c__builtin__\nset\n](" + items + "e\x85R"; }
const std::string kBig = "\x8A\x09\0\0\0\0\0\0\0\0\1"s, kLow = "\x8A\x08\0\0\0\0\0\0\0\x80"s;
// With BINFLOAT: 1, 1.5, 2^63, -2^63, 10^300, -10^300, not a number.
const std::string kOne = "G\x3F\xF0\0\0\0\0\0\0"s, kOneAndAHalf = "G\x3F\xF8\0\0\0\0\0\0"s,
                  kEnd = "G\x43\xE0\0\0\0\0\0\0"s, kMinusEnd = "G\xC3\xE0\0\0\0\0\0\0"s,
                  kLarge = "G\x7E\x37\xE4\x3C\x88\x00\x75\x9C"s,
                  kMinusLarge = "G\xFE\x37\xE4\x3C\x88\x00\x75\x9C"s,
                  kNan = "G\x7F\xF8\0\0\0\0\0\0"s;

TEST(KeysTest, WhichMayBeOne) {
  const struct {
    std::string key;
    std::optional<Rule> refused;
  } cases[] = {
      {Text("a"), std::nullopt},
      {"J\xFF\xFF\xFF\xFF"s, std::nullopt},
      {kOne, std::nullopt},
      {kNan, Rule::kPickleKeyKind},
      {kBig, Rule::kPickleKeyKind},
      {Bytes("a"), std::nullopt},
      {"ctorch\nfloat32\n", std::nullopt},
      {"ctorch.serialization\n_get_layout\n" + Text("torch.strided") + "\x85R", std::nullopt},
      {"ctorch\nper_tensor_affine\n", std::nullopt},
      {")", std::nullopt},
      {"N\x85", std::nullopt},
      {"K\1" + kBig + "\x86", Rule::kPickleKeyKind},
      {kNan + "\x85", Rule::kPickleKeyKind},
      {"ctorch\nper_tensor_affine\n\x85", std::nullopt},
      {"N\x85\x85", Rule::kPickleKeyKind},
      {"ctorch\nSize\n)\x85R", Rule::kPickleKeyKind},
      {"ctorch\ndevice\n" + Text("cpu") + "\x85R", Rule::kPickleKeyKind},
      {"]", Rule::kPickleKeyUnhashable},
      {"}", Rule::kPickleKeyUnhashable},
      {"]\x85", Rule::kPickleKeyUnhashable},
      {"c__builtin__\nbytearray\n)R", Rule::kPickleKeyUnhashable},
  };
  for (const auto& [key, refused] : cases) {
    const testing::Ran ran("\x80\2}" + key + "Ns.");
    EXPECT_EQ(ran.outcome.complete, !refused) << key;
    if (refused) EXPECT_EQ(Info(ran.rule()).id, Info(*refused).id) << key;
  }
}

TEST(KeysTest, WhichTwoAreOne) {
  const struct {
    std::string a, b;
    bool equal;
  } cases[] = {
      {"K\1", "K\2", false},
      {"K\1", "M\1\1", false},
      {"K\1", "\x88", true},
      {"K\0"s, "\x89", true},
      {"K\0"s, "N", false},
      {"K\1", kOne, true},
      {"K\1", kOneAndAHalf, false},
      {kOneAndAHalf, kOneAndAHalf, true},
      {"\x88", kOne, true},
      {kLow, kMinusEnd, true},
      {kLow, kEnd, false},
      {kLow, kLarge, false},
      {kLow, kMinusLarge, false},
      {kLarge, kMinusLarge, false},
      {"K\0"s, "G\x80\0\0\0\0\0\0\0"s, true},
      {"", "", true},
      {"K\1", Text(""), false},
      {Text(""), "K\1", false},
      {Text(""), Text(""), true},
      {Text("a"), Text("b"), false},
      {Text("a"), Bytes("a"), false},
      {Bytes("a"), Bytes("a"), true},
      {Bytes("a"), Bytes("b"), false},
      {Text("a"), Text("a") + "\x85", false},
      {Text("a") + "\x85", Text("a") + "\x85", true},
      {Text("a") + "\x85", Text("b") + "\x85", false},
      {Text("a") + "\x85", Bytes("a") + "\x85", false},
      {"K\1", "K\1\x85", false},
      {"K\1\x85", kOne + "\x85", true},
      {"K\1K\2\x86", "K\1\x85", false},
      {")", ")", true},
      {"ctorch\nfloat32\n", "ctorch\nfloat32\n", true},
      {"ctorch\nfloat32\n", "ctorch\nfloat64\n", false},
  };
  for (const auto& [a, b, equal] : cases) {
    if (a.empty()) continue;
    for (const std::string& object :
         {"}" + a + "Ns" + b + "Ns", "ccollections\nOrderedDict\n)R(" + a + "N" + b + "Nu",
          "ccollections\nCounter\n)R" + a + "Ns" + b + "Ns", Set(a + b)}) {
      const testing::Ran ran("\x80\2" + object + ".");
      EXPECT_EQ(ran.outcome.complete, !equal) << a << " " << b << " " << object;
      if (!ran.outcome.complete) EXPECT_EQ(ran.rule(), Rule::kPickleDuplicateKey);
    }
  }
}

// A text's own offset; for other keys only that of the opcode that caused the check.
TEST(KeysTest, ThePlaceIsTheSecond) {
  const auto place = [](const std::string& key) {
    const testing::Ran ran("\x80\2}" + key + "Ns" + key + "Ns.");
    return ran.outcome.facts.at(0).offset;
  };
  EXPECT_EQ(place(Text("abc")), 12u);
  EXPECT_EQ(place("K\1"), 11u);
}

// A dict with this many keys, the last of which equals the first.
std::string Dict(int count, bool twice) {
  std::string dict = "}(";
  for (int i = 0; i < count; ++i) {
    const int key = twice && i == count - 1 ? 0 : i;
    dict += "M"s + static_cast<char>(key % 256) + static_cast<char>(key / 256) + "N";
  }
  return dict + "u";
}

TEST(KeysTest, AsManyAsThereAre) {
  for (int count = 0; count < 30; ++count) {
    EXPECT_TRUE(testing::Ran("\x80\2" + Dict(count, false) + ".").outcome.complete) << count;
    if (count < 2) continue;
    EXPECT_FALSE(testing::Ran("\x80\2" + Dict(count, true) + ".").outcome.complete) << count;
    // Results about earlier dicts do not matter.
    for (int before = 0; before < 30; ++before) {
      const std::string pair = "\x80\2" + Dict(before, false) + Dict(count, true) + "\x86.";
      EXPECT_FALSE(testing::Ran(pair).outcome.complete) << before << " " << count;
    }
  }
}

}  // namespace
}  // namespace tensorgate::pickle
