// Traits of single names: every trait, its near misses, and a first look that misses none.
#include "lib/base/name_form.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tensorgate::internal {
namespace {

using enum NameTrait;

NameTraits Traits(std::initializer_list<NameTrait> traits) {
  NameTraits all = 0;
  for (const NameTrait trait : traits) all |= Bit(trait);
  return all;
}

struct Case {
  std::string_view name;
  NameTraits traits;
};

void ExpectTraits(const std::vector<Case>& cases, const NameUse& use) {
  for (const auto& [name, traits] : cases) EXPECT_EQ(TraitsOf(name, use), traits) << name;
}

// The table is created at compile time.
TEST(NameFormTest, HeadsHaveSlotsOfTheirOwn) {
  EXPECT_EQ(name_form::HeadWord("con"), 0x006E6F63u);
  EXPECT_EQ(name_form::HeadWord("lpt9"), 0x3974706Cu);
  for (const std::string_view head : name_form::kHeads) {
    const std::uint32_t word = name_form::HeadWord(head);
    EXPECT_EQ(name_form::kHeadTable.at(name_form::HeadSlot(word)), word) << head;
  }
}

// For formats that report an absolute name themselves.
TEST(NameFormTest, PathsWhoseRootHasARule) {
  ExpectTraits({{"", 0}, {"/", Bit(kDots)}, {"/a", 0}, {"//a", Bit(kDots)}, {"..", 0}},
               kSafetensorsNames);
}

TEST(NameFormTest, Paths) {
  ExpectTraits({{"", 0},
                {"c:x", Bit(kDrive)},
                {"Z:", Bit(kDrive)},
                {"1:x", 0},
                {"ab:c", 0},
                {"a/c:x", 0},
                {"con", Bit(kDevice)},
                {"Con.weight", Bit(kDevice)},
                {"a/NUL .x/b", Bit(kDevice)},
                {"aux:0", Bit(kDevice)},
                {"a\\prn", Traits({kDevice, kBackslash})},
                {"conin$", Bit(kDevice)},
                {"CONOUT$.x", Bit(kDevice)},
                {"conerr$", 0},
                {"com1", Bit(kDevice)},
                {"lpt9.x", Bit(kDevice)},
                {"com\xC2\xB3.x", Bit(kDevice)},
                {"com", 0},
                {"com10", 0},
                {"con1", 0},
                {"xcon", 0},
                {"a.con", 0},
                {"a.", Bit(kEnding)},
                {"a /b", Bit(kEnding)},
                {" ", Bit(kEnding)},
                {" a", 0},
                {".a", 0},
                {"a..b", 0},
                {".", Bit(kDots)},
                {"..", Bit(kDots)},
                {"a/.../b", Bit(kDots)},
                {"/a", Bit(kDots)},
                {"a/", Bit(kDots)},
                {"a//b", Bit(kDots)},
                {"a/b", 0},
                {"dense/kernel:0", 0}},
               kTensorNames);
}

// What the format's own rules report is not reported twice.
TEST(NameFormTest, OwnRules) {
  ExpectTraits({{"/a", 0},
                {"..", 0},
                {"a/../b", 0},
                {"//a", Bit(kDots)},
                {"a/./b", Bit(kDots)},
                {"\\a", Bit(kBackslash)},
                {"a\x01", 0},
                {"a\xE2\x80\x8B", 0},              // zero width space
                {"a\xEF\xB8\x8F", Bit(kUnseen)}},  // variation selector
               kSafetensorsNames);
  ExpectTraits({{"a\x01", Bit(kUnseen)}, {"a\x7f", Bit(kUnseen)}, {"a\xE2\x80\x8B", Bit(kUnseen)}},
               kTensorNames);
}

TEST(NameFormTest, KeysAreNoPaths) {
  ExpectTraits({{"con", 0},
                {"c:x", 0},
                {"a//b", 0},
                {"a.", 0},
                {"\\", 0},
                {"\xEF\xBC\xA3:x", 0},
                {"__proto__", Bit(kMember)},
                {"a\n", Bit(kUnseen)}},
               kMetadataKeys);
}

TEST(NameFormTest, Members) {
  ExpectTraits({{"__proto__", Bit(kMember)},
                {"a.__proto__.b", Bit(kMember)},
                {"a/__proto__", Bit(kMember)},
                {"a.constructor.prototype", Bit(kMember)},
                {"constructor", Bit(kMember)},
                {"x.__class__.y", Bit(kMember)},
                {"valueOf", Bit(kMember)},
                {"hasOwnProperty.x", Bit(kMember)},
                {"propertyIsEnumerable", Bit(kMember)},
                {"isPrototypeOf", Bit(kMember)},
                {"toLocaleString", Bit(kMember)},
                {"toString", Bit(kMember)},
                {"x.toString", 0},
                {"tostring", 0},
                {"prototype", 0},
                {"a__proto__", 0},
                {"__proto", 0},
                {"__x0__", 0},
                // With letters that normal form KC replaces.
                {"__pr\xEF\xBD\x8Fto__", Traits({kMember, kLooksLikeAscii})}},
               kTensorNames);
}

TEST(NameFormTest, Characters) {
  ExpectTraits({{"x\xCC\x84", 0},                   // x and a macron
                {"e\xCC\x81", Bit(kNotNormal)},     // e and an acute
                {"\xC3\xA9", 0},                    // e with an acute
                {"\xE2\x84\xAB", Bit(kNotNormal)},  // angstrom sign
                {"a\xC2\xA0"
                 "b",
                 Bit(kUnseen)},                                              // no-break space
                {"w\xD0\xB5ight", Bit(kLooksLikeAscii)},                     // Cyrillic e
                {"\xD1\x81\xD0\xBB\xD0\xBE\xD0\xB9", 0},                     // a Russian word
                {"\xD1\x81\xD0\xBE\xD1\x80", Bit(kLooksLikeAscii)},          // looks like "cop"
                {"layers.0.\xCE\xBD", 0},                                    // one Greek letter
                {"\xCF\x83\xC2\xB2", 0},                                     // sigma squared
                {"r\xC2\xB2", 0},                                            // r squared
                {"\xCE\xB1_s", 0},                                           // alpha, s
                {"\xE6\x9D\x83\xE9\x87\x8D.weight", 0},                      // a Chinese word
                {"\xEF\xBD\x81\xEF\xBD\x82", Bit(kLooksLikeAscii)},          // wide a, b
                {"\xF0\x9D\x90\x9A\xF0\x9D\x90\x9B", Bit(kLooksLikeAscii)},  // bold a, b
                {"stra\xC3\x9F"
                 "e",
                 0},                                          // sharp s
                {"\xEF\xAC\x81lter", Bit(kLooksLikeAscii)}},  // ligature fi
               kTensorNames);
}

TEST(NameFormTest, PathsOnceFolded) {
  ExpectTraits({{"\xE2\x80\xA5/x", Bit(kFoldedPath)},  // two dot leader
                {"\xEF\xBC\x8F"
                 "etc",
                 Bit(kFoldedPath) | Bit(kLooksLikeAscii)},                    // wide solidus
                {"\xEF\xBC\xA3:x", Bit(kFoldedPath)},                         // wide C
                {"c\xE2\x88\xB6x", Bit(kFoldedPath) | Bit(kLooksLikeAscii)},  // ratio
                {"c\xE2\x80\x8Bon", Bit(kFoldedPath) | Bit(kUnseen)},         // zero width space
                {"a/b.\xD1\x85", 0}},
               kTensorNames);
}

// The first look of the hot path, and the one that also sees control characters and backslashes.
bool SeenAtFirst(std::string_view name) {
  return ScanName(name).notable || NameEnds().Notable(name);
}

// A first look may report too much, never too little: every name of up to five of these characters.
TEST(NameFormTest, TheFirstLookMissesNothing) {
  constexpr std::string_view kPlain = "aA1_./: c";
  std::string name;
  std::size_t seen = 0;
  const auto look = [&](const auto& more) -> void {
    const bool notable = SeenAtFirst(name);
    if (TraitsOf(name, kTensorNames) != 0) EXPECT_TRUE(notable) << name;
    seen += notable ? 1 : 0;
    if (name.size() == 5) return;
    for (const char c : kPlain) {
      name += c;
      more(more);
      name.pop_back();
    }
  };
  look(look);
  EXPECT_GT(seen, 1000u);
}

TEST(NameFormTest, TheFirstLookMissesNoWord) {
  const std::vector<std::string> words = {"con",
                                          "PRN",
                                          "Aux",
                                          "nul",
                                          "CONIN$",
                                          "conout$",
                                          "com0",
                                          "LPT9",
                                          "__proto__",
                                          "constructor",
                                          "toString",
                                          "valueOf",
                                          "hasOwnProperty",
                                          "isPrototypeOf",
                                          "toLocaleString",
                                          "propertyIsEnumerable",
                                          "__class__",
                                          "__mro__",
                                          "__defineGetter__",
                                          "c:",
                                          "..."};
  for (const std::string& word : words) {
    for (const std::string before : {"", "layers.0/", "model.layers.10.self_attn.q_proj/", "a."}) {
      for (const std::string after :
           {"", ".weight", " .x", "/model.layers.10.self_attn.q_proj", ":0"}) {
        const std::string name = before + word + after;
        if (TraitsOf(name, kTensorNames) == 0) continue;
        EXPECT_TRUE(SeenAtFirst(name)) << name;
        EXPECT_TRUE(IsNotable(name)) << name;
      }
    }
  }
  // Several looks in a row: the start of the previous name does not matter.
  NameEnds ends;
  EXPECT_FALSE(ends.Notable("conv1.weight"));
  EXPECT_TRUE(ends.Notable("con.weight"));
  EXPECT_TRUE(ends.Notable("con.weight"));
  EXPECT_FALSE(ends.Notable("model.weight"));
  EXPECT_TRUE(ends.Notable("model."));
  EXPECT_FALSE(ends.Notable(""));
}

TEST(NameFormTest, EveryControlAndByteBeyondAsciiIsNotable) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string name = std::string("layers.0.") + static_cast<char>(byte) + ".weight";
    const bool plain = byte >= 0x20 && byte < 0x7F && byte != '/' && byte != '\\';
    EXPECT_EQ(IsNotable(name), !plain) << byte;
  }
}

// Names used by models need no closer look.
TEST(NameFormTest, NamesOfModelsArePlain) {
  for (const std::string_view name :
       {"model.layers.0.self_attn.q_proj.weight", "h.0.attn.c_attn.bias", "conv1.weight",
        "aux_head.0.weight", "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight",
        "value_proj.weight", "wte", "12", "w1",
        "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", "vocab.proto.0.h",
        "module.features[0]", "comb.x"}) {
    EXPECT_EQ(TraitsOf(name, kTensorNames), 0u) << name;
  }
  for (const std::string_view name :
       {"model.layers.0.self_attn.q_proj.weight", "h.0.attn.c_attn.bias", "conv1.weight", "12",
        "w1", "comb.x"}) {
    EXPECT_FALSE(IsNotable(name)) << name;
  }
}

TEST(NameFormTest, EachTraitHasItsRuleAndWords) {
  for (std::size_t i = 0; i < kNameTraitCount; ++i) {
    const NameTraitInfo& info = Info(static_cast<NameTrait>(i));
    EXPECT_TRUE(Info(info.rule).id.starts_with("name/")) << i;
    EXPECT_FALSE(info.words.empty()) << i;
  }
}

}  // namespace
}  // namespace tensorgate::internal
