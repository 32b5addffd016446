// Sets of names against a slow second implementation, and the cost of names that were chosen to be
// expensive.
#include "lib/base/name_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tensorgate::internal {
namespace {

std::vector<NameFinding> Check(const std::vector<std::string>& names, const NameUse& use) {
  bool cases_met = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) cases_met |= DifferInCase(names[i], names[j]);
  }
  Interrupt never;
  return CheckNames(
      static_cast<std::uint32_t>(names.size()),
      [&](std::uint32_t i) { return std::string_view(names[i]); }, use, cases_met, never);
}

const NameFinding* Find(const std::vector<NameFinding>& findings, Rule rule) {
  const auto found = std::ranges::find(findings, rule, &NameFinding::rule);
  return found == findings.end() ? nullptr : &*found;
}

// The characters used in these names, and the characters that each of them equals.
struct Letter {
  std::string_view text, form, look;
};
constexpr Letter kLetters[] = {
    {"a", "a", "a"},
    {"A", "a", "a"},
    {"b", "b", "b"},
    {"/", "/", "/"},
    {"\xD0\xB0", "\xD0\xB0", "a"},          // Cyrillic a
    {"\xD0\x90", "\xD0\xB0", "a"},          // its capital
    {"\xEF\xBC\xA1", "a", "a"},             // wide A
    {"\xE2\x80\x8B", "", ""},               // zero width space
    {"\xE2\x81\x84", "\xE2\x81\x84", "/"},  // fraction slash
};

struct Name {
  std::string text, form, look;
};

std::vector<Name> NamesUpTo(std::size_t length) {
  std::vector<Name> names = {{}};
  for (std::size_t begin = 0; length > 0; --length) {
    const std::size_t end = names.size();
    for (; begin < end; ++begin) {
      for (const Letter& letter : kLetters) {
        const Name name = names[begin];
        names.push_back({name.text + std::string(letter.text), name.form + std::string(letter.form),
                         name.look + std::string(letter.look)});
      }
    }
  }
  return names;
}

// The second implementation, which compares every pair.
struct Opinion {
  std::set<std::size_t> collide, inside;
};

Opinion OpinionOf(const std::vector<Name>& names) {
  Opinion opinion;
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < names.size(); ++j) {
      if (j < i && names[i].text != names[j].text && names[i].look == names[j].look)
        opinion.collide.insert(i);
      if (names[i].form.starts_with(names[j].form + "/")) opinion.inside.insert(i);
    }
  }
  return opinion;
}

void ExpectOpinion(const std::vector<Name>& names) {
  std::vector<std::string> texts;
  std::string all;
  for (const Name& name : names) {
    texts.push_back(name.text);
    all += "'" + name.text + "' ";
  }
  const Opinion opinion = OpinionOf(names);
  const auto findings = Check(texts, kTensorNames);
  const NameFinding* collision = Find(findings, Rule::kNameCollision);
  ASSERT_EQ(collision != nullptr, !opinion.collide.empty()) << all;
  if (collision != nullptr) {
    EXPECT_EQ(collision->name, *opinion.collide.begin()) << all;
    EXPECT_GE(collision->count, 1u) << all;
  }
  const NameFinding* folder = Find(findings, Rule::kNameFolder);
  ASSERT_EQ(folder != nullptr, !opinion.inside.empty()) << all;
  if (folder == nullptr) return;
  EXPECT_EQ(folder->name, *opinion.inside.begin()) << all;
  EXPECT_EQ(folder->count, opinion.inside.size()) << all;
}

TEST(NameCheckTest, EveryPairAgreesWithTheSecondOpinion) {
  const std::vector<Name> names = NamesUpTo(3);
  ASSERT_EQ(names.size(), 820u);
  for (const Name& one : names) {
    for (const Name& other : names) ExpectOpinion({one, other});
  }
}

TEST(NameCheckTest, SetsAgreeWithTheSecondOpinion) {
  const std::vector<Name> names = NamesUpTo(4);
  std::mt19937_64 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<Name> some;
    for (std::size_t i = random() % 40; i > 0; --i) {
      // With ordinary names among them.
      const std::string plain = "layer." + std::to_string(random() % 100);
      some.push_back(random() % 3 == 0 ? Name{plain, plain, plain}
                                       : names[random() % names.size()]);
    }
    ExpectOpinion(some);
  }
}

// Chosen hashes lead to the other algorithm, which must find the same.
TEST(NameCheckTest, FoldersAreFoundWhateverTheHashes) {
  // More folders than are looked up by their hashes.
  std::vector<std::string> names = {"x/y"};
  for (int i = 0; i < 1000; ++i) {
    std::string name;
    for (int depth = 0; depth < 200; ++depth) name += std::to_string(i) + "/";
    names.push_back(name + "end");
  }
  names.push_back("x");
  names.push_back("999/999");
  const auto findings = Check(names, kTensorNames);
  const NameFinding* folder = Find(findings, Rule::kNameFolder);
  ASSERT_NE(folder, nullptr);
  EXPECT_EQ(folder->name, 0u);
  EXPECT_EQ(folder->count, 2u);
  EXPECT_TRUE(folder->text.ends_with("another tensor's name, x")) << folder->text;
}

TEST(NameCheckTest, Texts) {
  const auto text_of = [](const std::vector<std::string>& names, Rule rule, const NameUse& use) {
    const auto findings = Check(names, use);
    const NameFinding* found = Find(findings, rule);
    return found == nullptr ? "" : found->text;
  };
  EXPECT_EQ(text_of({"b", "a.B", "A.b"}, Rule::kNameCollision, kTensorNames),
            "differs only in case from another tensor's name, a.B");
  EXPECT_EQ(text_of({"\xC3\x84", "\xC3\xA4"}, Rule::kNameCollision, kMetadataKeys),
            "differs only in case and Unicode form from another metadata key, \xC3\x84");
  EXPECT_EQ(text_of({"a", "\xD0\xB0"}, Rule::kNameCollision, kShardNames),
            "looks the same as another shard's name, a");
  EXPECT_EQ(text_of({"a/b", "a"}, Rule::kNameFolder, kTensorNames),
            "is in a folder that would also be the file of another tensor's name, a");
  EXPECT_EQ(text_of({"a/b", "a"}, Rule::kNameFolder, kMetadataKeys), "");
  EXPECT_EQ(text_of({"c:x", "con"}, Rule::kNameReserved, kTensorNames),
            "a tensor's name starts like a Windows drive");
  EXPECT_EQ(text_of({"x", "con", "c:x"}, Rule::kNameReserved, kRecordNames),
            "a record's name has a part that is a Windows device");
}

// A name with several traits of one rule counts once.
TEST(NameCheckTest, CountsNames) {
  const auto findings = Check({"a", "c:con./nul", "b", "con/__proto__", "__class__"}, kTensorNames);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].rule, Rule::kNameReserved);
  EXPECT_EQ(findings[0].name, 1u);
  EXPECT_EQ(findings[0].count, 2u);
  EXPECT_EQ(findings[1].rule, Rule::kNameMember);
  EXPECT_EQ(findings[1].name, 3u);
  EXPECT_EQ(findings[1].count, 2u);
}

TEST(NameCheckTest, NoNamesAndTheSameNameAgain) {
  EXPECT_TRUE(Check({}, kTensorNames).empty());
  Interrupt never;
  EXPECT_TRUE(CheckNames(
                  0, [](std::uint32_t) { return std::string_view(); }, kTensorNames, true, never)
                  .empty());
  EXPECT_TRUE(Check({"\xC3\xA4", "\xC3\xA4", "a/b", "a/b"}, kTensorNames).empty());
}

// Names after the limit are ignored, those before it are checked.
TEST(NameCheckTest, ABoundOnTheBytes) {
  const std::string large(1 << 20, 'n');
  Interrupt never;
  for (const std::uint32_t count : {127u, 128u}) {
    const auto at = [&](std::uint32_t i) {
      return i == 0 || i > count ? std::string_view(i == 0 ? "a" : "A/con")
                                 : std::string_view(large);
    };
    const auto findings = CheckNames(count + 2, at, kTensorNames, true, never);
    EXPECT_EQ(Find(findings, Rule::kNameReserved) != nullptr, count == 127);
    EXPECT_EQ(Find(findings, Rule::kNameFolder) != nullptr, count == 127);
  }
  // In one name, anything after a MiB is ignored.
  const std::string begin = "a/" + std::string(1 << 20, 'n');
  EXPECT_FALSE(Check({"c:" + begin}, kTensorNames).empty());
  EXPECT_TRUE(Check({begin + "/con"}, kTensorNames).empty());
  EXPECT_TRUE(Check({begin, begin + "b", begin + "/b"}, kTensorNames).empty());
  const std::string huge = "c:" + std::string(std::size_t{128} << 20, 'n');
  EXPECT_TRUE(
      CheckNames(
          2, [&](std::uint32_t) { return std::string_view(huge); }, kTensorNames, true, never)
          .empty());
}

double SecondsFor(const std::vector<std::string>& names) {
  const auto start = std::chrono::steady_clock::now();
  Interrupt never;
  CheckNames(
      static_cast<std::uint32_t>(names.size()),
      [&](std::uint32_t i) { return std::string_view(names[i]); }, kTensorNames, true, never);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Every loop ends when it must: over the names, in the table, over the folders, and over sorted
// folders.
TEST(NameCheckTest, AsksAgainAndAgain) {
  std::vector<std::string> plain, wide, folders, cases, huge;
  for (int i = 0; i < 40; ++i) huge.push_back("a/" + std::string(1 << 20, 'n'));
  for (std::size_t i = 0; i < 50'000; ++i) {
    plain.push_back("a/" + std::to_string(i));
    wide.push_back("\xC3\xA9" + std::to_string(i));
    folders.push_back(std::to_string(i) + "/a/b/c/d/e/f");
    cases.emplace_back("a/abcdefghijklmnopqrstuvw");
    for (std::size_t bit = 0; bit < 20; ++bit)
      cases.back()[bit + 2] -= (i >> bit & 1) != 0 ? 32 : 0;
  }
  for (const auto& names : {plain, wide, folders, cases, huge}) {
    const auto check = [&](int most) {
      int asked = 0;
      CheckOptions options;
      options.keep_going = [&] { return ++asked < most; };
      Interrupt interrupt(options);
      const auto findings = CheckNames(
          static_cast<std::uint32_t>(names.size()),
          [&](std::uint32_t i) { return std::string_view(names[i]); }, kTensorNames, true,
          interrupt);
      EXPECT_TRUE(most == INT_MAX || findings.empty());
      return asked;
    };
    const int asked = check(INT_MAX);
    EXPECT_GE(asked, 60) << names[0].substr(0, 10);
    for (int most = 1; most < asked; most += 1 + asked / 12) {
      EXPECT_EQ(check(most), most) << names[0].substr(0, 10);
    }
  }
}

// Whatever the names, twice as many bytes take about twice as long. The limits are wide: quadratic
// time would take minutes.
TEST(NameCheckTest, TimeIsBoundedByTheBytes) {
  constexpr std::size_t kBytes = 4'000'000;
  std::vector<std::string> nested(1), prefixes, cases, wide;
  for (std::size_t i = 0; i < kBytes / 2; ++i) nested[0] += "a/";
  nested.push_back(nested[0] + "b");
  std::string shared(kBytes / 200, 'a');
  for (int i = 0; i < 200; ++i) prefixes.push_back(shared + "/" + std::to_string(i));
  for (std::size_t i = 0; i < kBytes / 24; ++i) {
    cases.emplace_back("abcdefghijklmnopqrstuvwx");
    for (std::size_t bit = 0; bit < 20; ++bit) cases.back()[bit] -= (i >> bit & 1) != 0 ? 32 : 0;
  }
  for (std::size_t i = 0; i < kBytes / 30; ++i) {
    wide.emplace_back();
    for (std::size_t bit = 0; bit < 10; ++bit)
      wide.back() += (i >> bit & 1) != 0 ? "\xEF\xBD\x81" : "\xEF\xBC\xA1";
  }
  for (const auto* names : {&nested, &prefixes, &cases, &wide}) EXPECT_LT(SecondsFor(*names), 20);
}

// Names that are not UTF-8, as in archives: when truncated within a character, they are different
// names.
TEST(FoldedTest, NamesThatEndWithinACharacter) {
  for (const Folding folding : {Folding::kForms, Folding::kLooks}) {
    Characters characters(folding);
    for (const auto& [a, b] : {std::pair("x\xC3", "x\xC3\xA9"), {"x\xE2\x80", "x\xE2\x80\x8B"}}) {
      EXPECT_NE(CompareFolded(a, b, characters), 0);
      EXPECT_EQ(CompareFolded(a, b, characters) < 0, CompareFolded(b, a, characters) > 0);
    }
    EXPECT_EQ(CompareFolded("x\xC3\xA9", "x\xC3\x89", characters), 0);
  }
}

// FNV-1a, the hash of names.
std::uint32_t HashOf(std::string_view name) {
  std::uint64_t state = 0xCBF29CE484222325;
  for (const char c : name) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return static_cast<std::uint32_t>(state * 0x9E3779B97F4A7C15 >> 32);
}

// This number of names, whose hashes collide in a table with `capacity` slots.
std::vector<std::string> Meeting(std::string_view begin, std::size_t count,
                                 std::uint32_t capacity) {
  std::vector<std::string> names;
  for (int i = 0; names.size() < count; ++i) {
    std::string name = std::string(begin) + std::to_string(i);
    if ((HashOf(name) & (capacity - 1)) == 0) names.push_back(std::move(name));
  }
  return names;
}

TEST(NameCheckTest, ChosenHashesChangeNothing) {
  std::vector<std::string> names = Meeting("n", 150, 256);
  EXPECT_TRUE(Check(names, kTensorNames).empty());
  names.insert(names.end(), {"dir", "dir/x", "Some", "sOme"});
  const std::vector<NameFinding> found = Check(names, kTensorNames);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(Find(found, Rule::kNameCollision)->name, 153u);
  EXPECT_EQ(Find(found, Rule::kNameFolder)->name, 151u);
}

TEST(NameCheckTest, ChosenHashesOfFoldersChangeNothing) {
  std::vector<std::string> names = Meeting("n", 90, 512);
  for (const std::string& folder : Meeting("f", 90, 512)) names.push_back(folder + "/x");
  EXPECT_TRUE(Check(names, kTensorNames).empty());
  names.insert(names.end(), {"dir", "dir/x"});
  const std::vector<NameFinding> found = Check(names, kTensorNames);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(Find(found, Rule::kNameFolder)->name, 181u);
}

}  // namespace
}  // namespace tensorgate::internal
