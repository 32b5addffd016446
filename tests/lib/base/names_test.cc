#include "lib/base/names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tensorgate::internal {
namespace {

using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

struct Built {
  NameIndex index;
  Pairs duplicates;
};

Built Build(const std::vector<std::string>& names, bool collide) {
  PodBuffer<std::uint32_t> hashes;
  for (const std::string& name : names) hashes.PushBack(collide ? 42 : HashName(name));
  Built built;
  built.index.Build(
      hashes, [&](std::uint32_t i) { return std::string_view(names[i]); },
      [&](std::uint32_t later, std::uint32_t first) {
        built.duplicates.emplace_back(later, first);
      });
  return built;
}

// Names with duplicates; the result must be that of a map, whatever the hashes are.
void CompareWithMap(std::size_t count, std::size_t different, bool collide) {
  std::mt19937_64 random(count);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back("layer." + std::to_string(random() % different) +
                    std::string(random() % 2, '.'));
  }
  std::map<std::string, std::uint32_t> first;
  Pairs expected;
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    const auto [at, fresh] = first.emplace(names[i], i);
    if (!fresh) expected.emplace_back(i, at->second);
  }
  const Built built = Build(names, collide);
  EXPECT_EQ(built.duplicates, expected);
  const auto at = [&](std::uint32_t i) { return std::string_view(names[i]); };
  for (const auto& [name, index] : first) {
    const std::uint32_t hash = collide ? 42 : HashName(name);
    ASSERT_EQ(built.index.Find(name, hash, at), index);
    ASSERT_EQ(built.index.Find(name + "?", collide ? 42 : HashName(name + "?"), at), std::nullopt);
  }
}

TEST(NameIndexTest, HoldsNothing) {
  const auto at = [](std::uint32_t) { return std::string_view("a"); };
  EXPECT_EQ(NameIndex().Find("a", HashName("a"), at), std::nullopt);
  EXPECT_EQ(Build({}, false).index.Find("a", HashName("a"), at), std::nullopt);
}

TEST(NameIndexTest, AgreesWithAMap) {
  for (const std::size_t count : {1u, 2u, 3u, 10u, 100u, 5000u}) {
    CompareWithMap(count, count, false);
    CompareWithMap(count, count * 100, false);
    CompareWithMap(count, count, true);
  }
}

// Chosen collisions cost a sort, not quadratic time.
TEST(NameIndexTest, EqualHashesOfManyNamesEndSoon) {
  std::vector<std::string> names;
  for (int i = 0; i < 300'000; ++i) names.push_back("prefix" + std::to_string(i));
  const Built built = Build(names, true);
  EXPECT_TRUE(built.duplicates.empty());
  EXPECT_EQ(
      built.index.Find("prefix77", 42, [&](std::uint32_t i) { return std::string_view(names[i]); }),
      77u);
}

// Each pair of different names with the same hash that meet is reported, or that hashing was given
// up.
TEST(NameIndexTest, ReportsEqualHashesOfDifferentNames) {
  const auto alike = [](const std::vector<std::string>& names) {
    PodBuffer<std::uint32_t> hashes;
    for (const std::string& name : names) hashes.PushBack(HashName(name));
    Pairs pairs;
    NameIndex().Build(
        hashes, [&](std::uint32_t i) { return std::string_view(names[i]); },
        [](std::uint32_t, std::uint32_t) {},
        [&](std::uint32_t later, std::uint32_t earlier) { pairs.emplace_back(later, earlier); });
    return pairs;
  };
  EXPECT_EQ(alike({"a", "b", "c", "a"}), Pairs());
  EXPECT_EQ(alike({"a", "b", "A", "a", "c"}), (Pairs{{2, 0}}));
  EXPECT_EQ(alike({"layer.one", "Layer.One", "LAYER.ONE"}), (Pairs{{1, 0}, {2, 0}, {2, 1}}));
  std::vector<std::string> many;
  for (std::uint32_t bits = 0; bits < 1 << 12; ++bits) {
    many.emplace_back("abcdefghijkl");
    for (std::uint32_t i = 0; i < 12; ++i) many.back()[i] -= (bits >> i & 1) * 32;
  }
  const Pairs pairs = alike(many);
  EXPECT_LT(pairs.size(), many.size() * 17 + 4096);
  EXPECT_EQ(pairs.back().first, pairs.back().second);
}

// A text that is compared ignoring case and does not know its size.
struct Caseless {
  std::string text;

  static std::size_t size() { return 0; }
  int compare(const Caseless& other) const { return Folded().compare(other.Folded()); }
  bool operator==(const Caseless& other) const { return compare(other) == 0; }
  std::string Folded() const {
    std::string folded = text;
    for (char& c : folded) c = static_cast<char>(c | 0x20);
    return folded;
  }
};

TEST(NameIndexTest, NamesThatAreNotText) {
  for (const bool collide : {false, true}) {
    PodBuffer<std::uint32_t> hashes;
    std::vector<Caseless> names;
    Pairs expected, found;
    for (std::uint32_t i = 0; i < 600; ++i) {
      names.push_back({(i % 2 == 0 ? "name" : "NAME") + std::to_string(i / 2)});
      hashes.PushBack(collide ? 42 : HashName(names.back().text));
      if (i % 2 == 1) expected.emplace_back(i, i - 1);
    }
    NameIndex index;
    const auto at = [&](std::uint32_t i) { return names[i]; };
    index.Build(hashes, at, [&](std::uint32_t later, std::uint32_t first) {
      found.emplace_back(later, first);
    });
    EXPECT_EQ(found, expected);
    std::uint64_t probes = 0;
    EXPECT_EQ(index.Find<Caseless>({"Name7"}, hashes[14], at, probes), 14u);
    EXPECT_EQ(index.Find<Caseless>({"other"}, 42, at, probes), std::nullopt);
  }
}

// The name at which the probes run out may itself be a duplicate.
TEST(NameIndexTest, DuplicatesWhereTheHashesAreGivenUp) {
  std::vector<std::string> names;
  Pairs expected;
  for (std::uint32_t i = 0; i < 400; ++i) {
    names.push_back("name" + std::to_string(std::min(i, 99u)));
    if (i > 99) expected.emplace_back(i, 99);
  }
  EXPECT_EQ(Build(names, true).duplicates, expected);
}

TEST(NameIndexTest, OrdinaryNamesAreFoundByTheirHashes) {
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back("name" + std::to_string(i));
  Built built = Build(names, false);
  const auto at = [&](std::uint32_t i) { return std::string_view(names[i]); };
  std::uint64_t probes = 0;
  for (std::uint32_t i = 0; i < names.size(); ++i)
    EXPECT_EQ(built.index.Find(names[i], HashName(names[i]), at, probes), i);
  EXPECT_GE(probes, names.size());
  EXPECT_LT(probes, 3 * names.size());
  // And by comparing once they are sorted, without hashes.
  built.index.Sort(static_cast<std::uint32_t>(names.size()), at);
  probes = 0;
  for (std::uint32_t i = 0; i < names.size(); ++i)
    EXPECT_EQ(built.index.Find(names[i], 42, at, probes), i);
  EXPECT_EQ(built.index.Find("none", 42, at, probes), std::nullopt);
  EXPECT_EQ(probes, 0u);
}

TEST(ScanNameTest, DoesNotDependOnSurroundingBytes) {
  for (std::size_t length = 0; length < 70; ++length) {
    std::string name(length, '\0');
    for (std::size_t i = 0; i < length; ++i) name[i] = static_cast<char>('a' + i % 26);
    // In memory of exactly its size, so that a sanitizer detects reading past it.
    const std::vector<char> exact(name.begin(), name.end());
    const NameScan x = ScanName({exact.data(), length});
    EXPECT_FALSE(x.notable) << length;
    const std::string amid = "/\x7f" + name + "__\xff";
    const NameScan y = ScanName(std::string_view(amid).substr(2, length));
    EXPECT_EQ(x.hash, y.hash) << length;
    EXPECT_FALSE(y.notable) << length;
  }
}

// A first look may report too much, never too little.
TEST(ScanNameTest, SeesEveryByteAndPairThatIsNotPlain) {
  for (std::size_t length = 1; length < 50; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      std::string name(length, 'n');
      for (const char c : {'/', '\x7f', '\x80', '\xff'}) {
        name[at] = c;
        EXPECT_TRUE(ScanName(name).notable) << length << " " << at << " " << c;
      }
      if (at + 1 == length) continue;
      for (const std::string_view pair : {"__", "uc"}) {
        name.replace(at, 2, pair);
        EXPECT_TRUE(ScanName(name).notable) << length << " " << at << " " << pair;
      }
    }
  }
}

// Otherwise every name with such a character would cost a closer look.
TEST(ScanNameTest, TakesSingleCharactersAndTheLastPrintableOneForOrdinary) {
  for (std::size_t length = 4; length < 50; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (const char c : {'.', '~', '_', 'u', 'c', ':', ' '}) {
        std::string name(length, 'n');
        name[at] = c;
        name += c == 'u' ? 'c' : c;  // after the bytes that are looked at
        const std::string_view seen = std::string_view(name).substr(0, length);
        EXPECT_FALSE(ScanName(seen).notable) << length << " " << at << " " << c;
      }
    }
  }
}

TEST(ScanNameTest, HashesOfNamesThatDifferOnlyInCaseAreEqual) {
  for (std::size_t length = 1; length < 50; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      std::string name(length, 'n');
      const std::uint32_t hash = HashName(name);
      name[at] = 'N';
      EXPECT_EQ(HashName(name), hash) << length << " " << at;
    }
  }
}

// Every byte affects the hash.
TEST(ScanNameTest, HashesOfNamesThatDifferInOneByteDiffer) {
  for (std::size_t length = 1; length < 50; ++length) {
    std::set<std::uint32_t> seen;
    std::string name(length, 'n');
    seen.insert(HashName(name));
    for (char& c : name) {
      c = 'm';
      seen.insert(HashName(name));
      c = 'n';
    }
    EXPECT_EQ(seen.size(), length + 1);
  }
}

TEST(ScanNameTest, HashesOfSimilarNamesDiffer) {
  std::map<std::uint32_t, int> seen;
  constexpr int kNames = 200'000;
  for (int i = 0; i < kNames; ++i)
    ++seen[HashName("model.layers." + std::to_string(i) + ".weight")];
  // Random 32-bit values would have about 5 collisions.
  EXPECT_GT(seen.size(), static_cast<std::size_t>(kNames - 50));
}

}  // namespace
}  // namespace tensorgate::internal
