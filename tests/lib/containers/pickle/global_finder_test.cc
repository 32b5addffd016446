// The survey: every name in a pickle, however it gets to STACK_GLOBAL, and the depth of the stack.
#include "lib/containers/pickle/global_finder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tensorgate::pickle {
namespace {

using namespace std::string_literals;

// "module name" of each global, "?" if it is unknown, and the depths at the end.
std::string Surveyed(const std::string& bytes) {
  Decoder decoder(internal::AsBytes(bytes));
  GlobalFinder survey;
  std::string reported;
  for (Event event; decoder.Next(event);) {
    if (!survey.Add(event)) continue;
    const NamedGlobal& global = survey.global();
    reported += global.known ? std::string(global.module) + " " + std::string(global.name) : "?";
    reported += ", ";
  }
  EXPECT_TRUE(decoder.at_end()) << decoder.offset();
  return reported + std::to_string(survey.depth()) + "/" + std::to_string(survey.marks());
}

struct Case {
  std::string bytes;
  const char* reported;
};

void Check(std::span<const Case> cases) {
  for (const Case& each : cases) EXPECT_EQ(Surveyed(each.bytes), each.reported) << each.bytes;
}

TEST(SurveyTest, NamesByEveryOpcodeThatSpellsThem) {
  const Case cases[] = {
      {"cos\nsystem\n", "os system, 1/0"},
      {"(Nios\nsystem\n", "os system, 1/0"},
      {"X\2\0\0\0osX\1\0\0\0a\x93"s, "os a, 1/0"},
      {"\x8C\2os\x8C\1a\x93", "os a, 1/0"},
      {"\x8D\2\0\0\0\0\0\0\0os\x8D\1\0\0\0\0\0\0\0a\x93"s, "os a, 1/0"},
      {"T\2\0\0\0osT\1\0\0\0a\x93"s, "os a, 1/0"},
      {"U\2osU\1a\x93", "os a, 1/0"},
      {"Vos\nVa\n\x93", "os a, 1/0"},
      {"S'os'\nS\"a\"\n\x93", "os a, 1/0"},
      // Quotes that do not match.
      {"Sos\nS'\n\x93", "os ', 1/0"},
      {"S'os\"\nS''\n\x93", "'os\" , 1/0"},
  };
  Check(cases);
}

TEST(SurveyTest, NamesThatAreNoTextsOfThePickle) {
  const Case cases[] = {
      {"\x93", "?, 1/0"},
      {"U\1a\x93", "?, 1/0"},
      {"NU\1a\x93", "?, 1/0"},
      {"U\2osN\x93", "?, 1/0"},
      {"U\2osU\1a\x93U\1b\x93", "os a, ?, 1/0"},
  };
  Check(cases);
}

TEST(SurveyTest, NamesThroughTheMemo) {
  const std::string name = "U\2os"s;
  const Case cases[] = {
      {name + "q\0h\0U\1a\x93"s, "os a, 2/0"},
      {name + "r\0\0\0\0j\0\0\0\0U\1a\x93"s, "os a, 2/0"},
      {name + "p0\ng0\nU\1a\x93"s, "os a, 2/0"},
      {name + "\x94h\0U\1a\x93"s, "os a, 2/0"},
      {name + "2U\1a\x93"s, "os a, 2/0"},
      {"2U\1a\x93", "?, 1/0"},
      // Whatever the index.
      {name + "q\2h\2U\1a\x93"s, "os a, 2/0"},
      {name + "q\3h\3U\1a\x93"s, "os a, 2/0"},
      {name + "p4000000000\ng4000000000\nU\1a\x93"s, "os a, 2/0"},
      {name + "q\2h\1U\1a\x93"s, "?, 2/0"},
      // An entry that was far becomes near.
      {name + "q\4" + "0NNNNNq\6h\4U\1a\x93"s, "os a, 6/0"},
      // There is nothing to store, and the old entry stays.
      {"q\0h\0U\1a\x93"s, "?, 1/0"},
      {name + "q\0"s + "0q\0h\0U\1a\x93"s, "os a, 1/0"},
      {name + "p000000001\ng1\nU\1a\x93"s, "os a, 2/0"},
      {name + "p0000000001\ng1\nU\1a\x93"s, "os a, 2/0"},
      // Numbers as CPython reads them.
      {name + "p +1_0 \ng10\nU\1a\x93"s, "os a, 2/0"},
      {name + "p-1\ng-1\nU\1a\x93"s, "?, 2/0"},
      {name + "p1234567890123456789\ng1234567890123456789\nU\1a\x93"s, "?, 2/0"},
      {name + "p\ng0\nU\1a\x93"s, "?, 2/0"},
      {name + "q\0g\nU\1a\x93"s, "?, 2/0"},
      {name + "q\0g0000000000\nU\1a\x93"s, "os a, 2/0"},
  };
  Check(cases);
}

// MEMOIZE writes at the number of entries, whatever their indices are.
TEST(SurveyTest, MemoizeCountsEntries) {
  const Case cases[] = {
      {"U\1mq\1U\2os\x94h\1U\1a\x93", "os a, 3/0"},
      {"U\1mr\0\0\0\x80U\2os\x94h\1U\1a\x93"s, "os a, 3/0"},
      {"U\1mq\0q\0U\2os\x94h\1U\1a\x93"s, "os a, 3/0"},
      {"U\1mq\1U\2os\x94\x94h\2U\1a\x93", "?, 3/0"},
      // After an index that no unpickler reads, nothing is known.
      {"U\2osq\0px\nh\0U\1a\x93"s, "?, 2/0"},
  };
  Check(cases);
}

// The finder stores what writers write; if there are more entries far away, nothing is known.
TEST(SurveyTest, ManyFarEntries) {
  std::string bytes = "U\2os";
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const std::uint32_t index = 0x80000000 + i;
    bytes += 'r';
    for (int byte = 0; byte < 4; ++byte) bytes += static_cast<char>(index >> (8 * byte) & 0xFF);
  }
  const Case cases[] = {{bytes + "j\0\0\0\x80U\1a\x93"s, "?, 2/0"}};
  Check(cases);
  // The maximum number, and one of them again.
  const std::string most = bytes.substr(0, 4 + 5 * 65'536);
  const Case kept[] = {{most + "j\0\0\0\x80U\1a\x93"s, "os a, 2/0"},
                       {most + "r\0\0\0\x80j\0\0\0\x80U\1a\x93"s, "os a, 2/0"},
                       {most + "r\0\0\1\x80j\0\0\0\x80U\1a\x93"s, "?, 2/0"}};
  Check(kept);
}

// Only an unpickler knows what they mean.
TEST(SurveyTest, TextsWithEscapes) {
  const Case cases[] = {
      {"V\\u006fs\nVa\n\x93", "?, 1/0"},
      {"S'\\x6fs'\nS'a'\n\x93", "?, 1/0"},
      {"U\5\\x6fsU\1a\x93", "\\x6fs a, 1/0"},
  };
  Check(cases);
}

TEST(SurveyTest, IndicesAreDecimal) {
  const std::string many(30, '('), name = "U\2os";
  const Case cases[] = {
      {many + name + "p19\ng19\nU\1a\x93", "os a, 2/30"},
      {many + name + "p20\ng20\nU\1a\x93", "os a, 2/30"},
      // ':' follows 9 and '/' precedes 0 in ASCII.
      {many + name + "p1:\ng20\nU\1a\x93", "?, 2/30"},
      {many + name + "p2/\ng19\nU\1a\x93", "?, 2/30"},
  };
  Check(cases);
}

// "bytes", "p" for a pickle, "+" for padding, "?" if the wrapper does not say.
std::string Arrays(const std::string& bytes) {
  Decoder decoder(internal::AsBytes(bytes));
  GlobalFinder survey;
  std::string reported;
  for (Event event; decoder.Next(event);) {
    survey.Add(event);
    if (!survey.array()) continue;
    reported += survey.array()->pickled ? "p" : "";
    reported += survey.array()->padded ? "+" : "";
    reported += survey.array()->bytes ? std::to_string(*survey.array()->bytes) : "?";
    reported += ' ';
  }
  EXPECT_TRUE(decoder.at_end()) << decoder.offset();
  return reported;
}

std::string Wrapper(const std::string& shape, const std::string& dtype,
                    const std::string& more = "") {
  return "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(U\5shape" + shape + "U\5dtype" + dtype +
         more + "ub";
}

std::string Dtype(const std::string& name, const std::string& flags = "K\0"s) {
  return "cnumpy\ndtype\nU" + std::string(1, static_cast<char>(name.size())) + name +
         "\x89\x88\x87R(K\3U\1<NNNJ\xFF\xFF\xFF\xFFJ\xFF\xFF\xFF\xFF" + flags + "tb";
}

TEST(SurveyTest, ArraysThatJoblibWrites) {
  const std::string aligned = "U\33numpy_array_alignment_bytesK\20";
  const std::pair<std::string, const char*> rows[] = {
      {Wrapper("K\2K\3\x86", Dtype("f8")), "48 "},
      {Wrapper("K\2K\3\x86", Dtype("f8"), aligned), "+48 "},
      {Wrapper("K\2K\3\x86", Dtype("f8"), "U\33numpy_array_alignment_bytesN"), "48 "},
      {Wrapper(")", Dtype("i4")), "4 "},
      {Wrapper("K\7\x85", Dtype("U3")), "84 "},
      {Wrapper("(K\1K\2K\3K\4t", Dtype("V12")), "288 "},
      {Wrapper("K\0\x85"s, Dtype("f8")), "0 "},
      {Wrapper("M\0\1\x85"s, Dtype("b1")), "256 "},
      {Wrapper("J\0\0\1\0\x85"s, Dtype("b1")), "65536 "},
      {Wrapper("\x8A\6\0\0\0\0\1\0\x85"s, Dtype("b1")), "4294967296 "},
      {Wrapper("I5\nL7L\n\x86", Dtype("f4")), "140 "},
      {Wrapper("K\2\x85", Dtype("O8")), "p16 "},
      {Wrapper("K\2\x85", Dtype("V16", "K\1")), "p32 "},
      {Wrapper("K\2\x85", Dtype("V16", "K\77")), "p32 "},
      // Wrappers that do not give the number of elements.
      {Wrapper("N", Dtype("f8")), "? "},
      {Wrapper("K\2\x85", "N"), "? "},
      {Wrapper("U\1x\x85", Dtype("f8")), "? "},
      {Wrapper("I\nI5\n\x86", Dtype("f8")), "? "},
      {Wrapper("K\2\x85", Dtype("f")), "? "},
      {Wrapper("K\2\x85", Dtype("fx")), "? "},
      {Wrapper("K\2\x85", Dtype("V999999999")), "1999999998 "},
      {Wrapper("K\2\x85", Dtype("V1000000000")), "? "},
      {Wrapper("K\2\x85", "cnumpy\ndtype\nU\2f8\x85RK\1b"), "16 "},
      {Wrapper("J\xFF\xFF\xFF\xFF\x85", Dtype("f8")), "? "},
      {Wrapper("J\xFF\xFF\xFF\x7FJ\xFF\xFF\xFF\x7FJ\xFF\xFF\xFF\x7F\x87", Dtype("f8")), "? "},
      // Another class of this name, or one that is not built.
      {"cos\nNumpyArrayWrapper\n)\x81}b", ""},
      {"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81", ""},
      {"cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}b", ""},
      {"csklearn.externals.joblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b", "? "},
      {"ccopy_reg\n_reconstructor\n(cjoblib.numpy_pickle\nNumpyArrayWrapper\nc__builtin__"
       "\nobject\nNtR}b",
       "? "},
  };
  for (const auto& [bytes, reported] : rows) EXPECT_EQ(Arrays(bytes), reported) << bytes;
  // Shape and dtype from the memo, and one wrapper after the other.
  const std::string first = Wrapper("K\3\x85q\1", Dtype("f8") + "q\2");
  EXPECT_EQ(Arrays(first + Wrapper("h\1", "h\2") + Wrapper("h\1", "N")), "24 24 ? ");
}

TEST(SurveyTest, TheStackIsKeptWhateverHappens) {
  const Case cases[] = {{"NN(NN", "4/1"},
                        {"NN(NNt", "3/0"},
                        {"NN((NN1", "2/1"},
                        {"NN(NN1", "2/0"},
                        // Below the mark, and without one.
                        {"N(00t", "1/0"},
                        {"NNt", "1/0"},
                        {"00", "0/0"},
                        {"NNNs", "1/0"},
                        {"N(NNu", "1/0"},
                        {"NN\x86", "1/0"},
                        {"N2", "2/0"},
                        {"N.", "0/0"},
                        {"NNN\x87N", "2/0"}};
  Check(cases);
}

}  // namespace
}  // namespace tensorgate::pickle
