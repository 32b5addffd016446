// How far bytes can be read as a pickle: names, calls, stack and marks as in CPython.
#include "lib/containers/pickle/reach.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace tensorgate::pickle {
namespace {

using namespace std::string_literals;

Reach Of(const std::string& bytes, const ReachLimits& limits = {}) {
  return ReachOf(internal::AsBytes(bytes), 0, limits);
}

// "n" names, "c" calls, "b" binary, "." stopped, "/" cut, and the end.
std::string Reported(const std::string& bytes, const ReachLimits& limits = {}) {
  const Reach reach = Of(bytes, limits);
  std::string reported;
  if (reach.names) reported += 'n';
  if (reach.calls) reported += 'c';
  if (reach.binary) reported += 'b';
  if (reach.stopped) reported += '.';
  if (reach.cut) reported += '/';
  return reported + std::to_string(reach.end);
}

TEST(ReachTest, NamesAndCalls) {
  const std::pair<std::string, const char*> rows[] = {
      {"N.", ".2"},
      {"cos\nsystem\n.", "n.12"},
      {"cos\nsystem\n)R.", "nc.14"},
      {"cos\nsystem\n)\x81.", "ncb.14"},
      {"(ios\nsystem\n.", "nc.13"},
      {"(cos\nsystem\no.", "nc.14"},
      {"cos\nsystem\nNb.", "nc.14"},
      {"\x80\2\x8C\2os\x8C\1a\x93)R.", "ncb.13"},
      // A call before any name does not count, and names consist of letters.
      {"NNR.", ".4"},
      {"NNRcos\nsystem\n0.", "n.16"},
      {"cos \nsystem\n)R.", ".15"},
      {"c1os\nsystem\n)R.", ".15"},
      {"c\nsystem\n)R.", ".12"},
      {"cos\n\n)R.", ".8"},
      {"\x8C\2osN\x93)R.", "b.9"},
  };
  for (const auto& [bytes, reported] : rows) EXPECT_EQ(Reported(bytes), reported) << bytes;
}

TEST(ReachTest, WhatCannotBeReadOrExecuted) {
  const std::pair<std::string, const char*> rows[] = {
      {"", "/0"},
      {"N", "/1"},
      {"\xFF", "0"},
      {"N\xFF", "1"},
      {".", "0"},
      {"N0.", "2"},
      {"NR.", "1"},
      {"(R", "1"},
      {"N(R", "2"},
      {"t", "0"},
      {"(o.", "1"},
      {"ios\na\n", "0"},
      {"(t.", ".3"},
      {"(N0t.", ".5"},
      {"(0N.", ".4"},
      {"(00", "2"},
      {"q\0"s, "0"},
      {"Nq\0."s, ".4"},
      {"\x94", "0"},
      {"N\x94.", "b.3"},
      {"2", "0"},
      {"]N", "/2"},
      {"](NNe.", ".6"},
      {"(NNe", "3"},
      {"}(NNu.", ".6"},
      {"Iz\n.", "0"},
      {"I5\n.", ".4"},
      {"F1e5\n.", ".6"},
      {"Finfinity\n.", ".11"},
      {"Sos\n.", "0"},
      {"S'os'\n.", ".7"},
      {"S'os\"\n.", "0"},
      {"S'\n.", "0"},
      {"I\n.", "0"},
      {"X\5\0\0\0abc"s, "/0"},
      {"\x95\xFF\0\0\0\0\0\0\0N."s, "/0"},
      {"T\xFF\xFF\xFF\xFF", "0"},
  };
  for (const auto& [bytes, reported] : rows) EXPECT_EQ(Reported(bytes), reported) << bytes;
}

// The walk may have started in the middle of a pickle, after the items it takes.
TEST(ReachTest, AfterACallTheStackDoesNotMatter) {
  EXPECT_EQ(Reported("cos\nsystem\n)Ra."), "nc.15");
  EXPECT_EQ(Reported("cos\nsystem\n)Ru0tee."), "nc.19");
  EXPECT_EQ(Reported("cos\nsystem\na."), "n11");
  // Quotes of either kind, if both are the same.
  EXPECT_EQ(Reported("S'a'\n."), ".6");
  EXPECT_EQ(Reported("S\"a\"\n."), ".6");
  EXPECT_EQ(Reported("S\"a'\n."), "0");
  EXPECT_EQ(Reported("Saa\n."), "0");
}

TEST(ReachTest, Limits) {
  const std::string many(100, 'N');
  EXPECT_EQ(Of(many, {.opcodes = 7}).opcodes, 7u);
  EXPECT_EQ(Of(many, {.opcodes = 7}).plain, 7u);
  EXPECT_EQ(Of("I1\nI2\nN", {}).plain, 1u);
  EXPECT_EQ(Of("I1\nI2\nN", {}).opcodes, 3u);
  EXPECT_EQ(Reported("I12345\n.", {.line = 5}), "/0");
  EXPECT_EQ(Reported("I12345\n.", {.line = 6}), ".8");
  EXPECT_EQ(Reported("cos\nsystem\n.", {.line = 6}), "/0");
  EXPECT_EQ(Reported("cos\nsystem\n.", {.line = 7}), "n.12");
}

TEST(ReachTest, NamesHaveLettersOfAnyLanguage) {
  for (const char* name : {"a", "_", "a1", "a.b", "\xC3\xA9", "A_1.b", ".a"})
    EXPECT_TRUE(IsName(name));
  for (const char* name : {"", "1a", "a b", "a-b", "a\n", "a/b", "a'"}) EXPECT_FALSE(IsName(name));
  EXPECT_TRUE(IsName(std::string(1000, 'a')));
  EXPECT_FALSE(IsName(std::string(1001, 'a')));
}

// Each position is visited once, whatever the bytes.
TEST(ReachTest, FromEveryPlaceInLinearTime) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    const std::string_view some = "(NtR.c\n0ab\x80\2q\1]e}uX\1\0\0\0";
    for (int i = 0; i < 500; ++i) bytes += some[random() % some.size()];
    std::vector<bool> passed(bytes.size());
    std::size_t opcodes = 0;
    for (std::size_t begin = 0; begin < bytes.size(); ++begin) {
      const Reach reach = ReachOf(internal::AsBytes(bytes), begin, {.passed = &passed});
      ASSERT_TRUE(reach.end >= begin && reach.end <= bytes.size());
      opcodes += reach.opcodes;
    }
    EXPECT_LE(opcodes, bytes.size());
    // Without marks the walk from the first position is the same.
    const Reach first = Of(bytes);
    std::vector<bool> none(bytes.size());
    EXPECT_EQ(ReachOf(internal::AsBytes(bytes), 0, {.passed = &none}).end, first.end);
  }
}

}  // namespace
}  // namespace tensorgate::pickle
