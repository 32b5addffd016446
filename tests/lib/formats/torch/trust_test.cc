// A trust list: what it may contain, and what it allows in a pickle.
#include "lib/formats/torch/trust.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/base/bytes.h"
#include "lib/formats/torch/pickle_file.h"
#include "tensorgate/source.h"
#include "tensorgate/torch.h"

namespace tensorgate {
namespace {

using namespace std::string_literals;

CheckOptions Trusting(std::string_view text, Profile profile = Profile::kStrict) {
  const auto list = TrustList::Parse(text);
  EXPECT_TRUE(list) << list.error().line << list.error().reason;
  CheckOptions options{.profile = profile};
  if (list) options.trusted = *list;
  return options;
}

Report Judge(std::string_view pickle, const CheckOptions& options) {
  MemorySource source(internal::AsBytes(pickle));
  return torch::internal::CheckPickle(source, options);
}

// argparse.Namespace(), then its state.
const std::string kMade =
    "\x80\x02"s
    "cargparse\nNamespace\n"s
    ")\x81"s;
const std::string kState =
    "}X\x01\x00\x00\x00"s
    "aK\x01sb"s;
// datetime.timedelta(1, 2)
const std::string kCalled =
    "\x80\x02"s
    "cdatetime\ntimedelta\nK\x01K\x02\x86R."s;

void ExpectRejected(const Report& report, Rule rule, const char* what) {
  EXPECT_EQ(report.verdict(), Verdict::kRejected) << what;
  for (const Finding& finding : report.findings()) {
    if (finding.severity == Severity::kError) {
      EXPECT_EQ(finding.rule, rule) << what;
      return;
    }
  }
}

// The names outside the format in a report, in order.
std::string Outside(const std::string& pickle, const CheckOptions& options) {
  const Report report = Judge(pickle, options);
  EXPECT_EQ(report.verdict(), Verdict::kRejected);
  std::string names;
  for (const Finding& finding : report.findings()) {
    if (finding.rule != Rule::kPickleGlobalOutside) continue;
    names += std::to_string(finding.offset) + " ";
    names.append(report.FoundText(finding)) += ", ";
  }
  return names;
}

TEST(TrustTest, EveryNameOutsideIsReported) {
  const CheckOptions options = Trusting("m.trusted reduce()");
  const std::string names =
      "ca\nb\n"
      "cm\ntrusted\n"
      "ccollections\nOrderedDict\n"
      "X\1\0\0\0cX\1\0\0\0d\x93"  // STACK_GLOBAL of two texts
      "NX\1\0\0\0d\x93"           // and of something that is not the name of a module
      "ce\nf\n"
      "."
      "cg\nh\n"s;
  EXPECT_EQ(Outside("\x80\2" + names, options), "2 a.b, 55 c.d, 63 a computed name, 64 e.f, ");
  EXPECT_EQ(Outside("\x80\2S'a'\n" + names, options),
            "7 a.b, 60 c.d, 68 a computed name, 69 e.f, ");
  // Of any protocol: "the protocol is 4" by itself is advice that makes people load the file.
  EXPECT_EQ(Outside("\x80\4" + names, options), "2 a.b, 55 c.d, 63 a computed name, 64 e.f, ");
  EXPECT_EQ(Outside(names, options), "0 a.b, 53 c.d, 61 a computed name, 62 e.f, ");
  // If the run ended for another reason, or at its STOP, later names are not reported.
  EXPECT_EQ(Outside("\x80\2h\7" + names, options), "");
  EXPECT_EQ(Outside("\x80\2N." + names, options), "");
}

TEST(TrustTest, IdsAreDescribed) {
  for (const auto& [id, words] : {std::pair{"N"s, "of type None"s},
                                  {"N\x85"s, "a tuple of 1 item"s},
                                  {"NN\x86"s, "a tuple of 2 items"s}}) {
    const Report report = Judge("\x80\2" + id + "Q.", {});
    ASSERT_FALSE(report.findings().empty());
    EXPECT_EQ(report.findings()[0].rule, Rule::kTorchPersistentId);
    EXPECT_EQ(report.FoundText(report.findings()[0]), words);
  }
}

TEST(TrustTest, UsedEntriesAreReported) {
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    const CheckOptions options = Trusting("argparse.Namespace newobj() build(dict)", profile);
    const Report report = Judge(kMade + kState + ".", options);
    ASSERT_EQ(report.verdict(), Verdict::kAccepted);
    ASSERT_EQ(report.findings().size(), 1u);
    EXPECT_EQ(report.findings()[0].rule, Rule::kUseTrustedCall);
    EXPECT_EQ(report.findings()[0].severity, Severity::kWarning);
    EXPECT_EQ(report.Subject(report.findings()[0]), "argparse.Namespace");
    EXPECT_EQ(report.findings()[0].offset, 2u);
  }
  // Also if it is only named: that imports its module.
  const Report named = Judge(
      "\x80\x02"s
      "cm\ng\n.",
      Trusting("m.g reduce()", Profile::kReference));
  EXPECT_EQ(named.verdict(), Verdict::kAccepted);
  ASSERT_EQ(named.findings().size(), 1u);
  EXPECT_EQ(named.findings()[0].rule, Rule::kUseTrustedCall);
  // Each once, however often it is used.
  const std::string both = "\x80\x02("s + kMade.substr(2) + kMade.substr(2) + kState +
                           kCalled.substr(2, kCalled.size() - 3) + "t.";
  const Report report = Judge(both, Trusting("argparse.Namespace newobj() build(dict)\n"
                                             "datetime.timedelta reduce(int, int)"));
  EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  EXPECT_EQ(report.findings().size(), 2u);
}

TEST(TrustTest, OnlyWhatTheListSays) {
  const std::string whole = kMade + kState + ".";
  ExpectRejected(Judge(whole, {}), Rule::kPickleGlobalOutside, "no list");
  ExpectRejected(Judge(whole, Trusting("argparse.namespace newobj() build(dict)")),
                 Rule::kPickleGlobalOutside, "another name");
  const char* other[] = {"argparse.Namespace reduce() build(dict)",
                         "argparse.Namespace newobj(any) build(dict)",
                         "argparse.Namespace newobj()", "argparse.Namespace newobj() build(tuple)"};
  for (const char* list : other)
    ExpectRejected(Judge(whole, Trusting(list)), Rule::kTorchCallArguments, list);
  const std::string again = kMade + kState + kState + ".";
  ExpectRejected(Judge(again, Trusting("argparse.Namespace newobj() build(dict)")),
                 Rule::kTorchCallArguments, "BUILD twice");
  // The index of the state that does not match.
  EXPECT_EQ(Judge(again, Trusting("argparse.Namespace newobj() build(dict)")).findings()[1].found,
            2u);
  EXPECT_EQ(Judge(whole, Trusting("argparse.Namespace newobj()")).findings()[1].found, 1u);
  for (const char* list :
       {"datetime.timedelta reduce(int)", "datetime.timedelta reduce(int, str)",
        "datetime.timedelta reduce(int, int, int)", "datetime.timedelta newobj(int, int)"}) {
    ExpectRejected(Judge(kCalled, Trusting(list)), Rule::kTorchCallArguments, list);
  }
  for (const char* list :
       {"datetime.timedelta reduce(int, int)", "datetime.timedelta reduce(str|int, any) # yes",
        "datetime.timedelta reduce()\r\n\ndatetime.timedelta reduce( int , int )\n"}) {
    EXPECT_EQ(Judge(kCalled, Trusting(list)).verdict(), Verdict::kAccepted) << list;
  }
}

TEST(TrustTest, NoEntryOfAnotherNameCounts) {
  const std::string pickle = "\x80\2cm\na\nX\1\0\0\0s\x85R."s;
  EXPECT_EQ(Judge(pickle, Trusting("m.a reduce(str)\nm.b reduce(int)")).verdict(),
            Verdict::kAccepted);
  ExpectRejected(Judge(pickle, Trusting("m.a reduce(int)\nm.b reduce(str)")),
                 Rule::kTorchCallArguments, "the next name");
}

TEST(TrustTest, NoTrustedNameIsAStorage) {
  const std::string pickle =
      "\x80\2(X\7\0\0\0storagecm\ng\nX\1\0\0\0"
      "0X\3\0\0\0cpuK\4tQ."s;
  ExpectRejected(Judge(pickle, Trusting("m.g reduce()")), Rule::kTorchPersistentId, "storage");
}

// After the first name outside the format the others are reported, but not those of the list.
TEST(TrustTest, NamesOfTheListAreNotReportedAsOutside) {
  const Report report = Judge(
      "\x80\x02"s
      "cm\nf\ncargparse\nNamespace\ncm\ng\n."s,
      Trusting("argparse.Namespace newobj()"));
  ASSERT_EQ(report.findings().size(), 2u);
  EXPECT_EQ(report.FoundText(report.findings()[0]), "m.f");
  EXPECT_EQ(report.FoundText(report.findings()[1]), "m.g");
}

TEST(TrustTest, AnObjectIsNothingElse) {
  const CheckOptions options = Trusting(
      "argparse.Namespace newobj() build(dict)\nm.f reduce(object)\nm.g reduce(any)\nm.h "
      "reduce(list)");
  const auto rejected = [&](const std::string& rest, Rule rule) {
    ExpectRejected(Judge(kMade + rest + ".", options), rule, rest.c_str());
  };
  EXPECT_EQ(Judge("\x80\x02"s
                  "cm\nf\n"s +
                      kMade.substr(2) + "\x85R.",
                  options)
                .verdict(),
            Verdict::kAccepted);
  ExpectRejected(Judge("\x80\x02"s
                       "cm\nh\n"s +
                           kMade.substr(2) + "\x85R.",
                       options),
                 Rule::kTorchCallArguments, "an object for a list");
  // Functions, storages and the list's own names are not values of any kind.
  ExpectRejected(Judge("\x80\x02"s
                       "cm\ng\ncm\ng\n\x85R."s,
                       options),
                 Rule::kTorchCallArguments, "a function as argument");
  ExpectRejected(Judge("\x80\x02"s
                       "cm\ng\n."s,
                       options),
                 Rule::kPickleResultCallable, "a function as result");
  rejected(")R", Rule::kPickleCallTarget);
  rejected(
      "K\x01"
      "a",
      Rule::kPickleAppendTarget);
  rejected("K\x01K\x02s", Rule::kPickleSetItemTarget);
  ExpectRejected(Judge("\x80\x02}"s + kMade.substr(2) + "K\x01s.", options),
                 Rule::kPickleKeyUnhashable, "an object as key");
  // Its state contains the object itself.
  rejected("q\x00}K\x01h\x00sb"s, Rule::kPickleCycle);
  // As the type of a storage.
  ExpectRejected(Judge("\x80\x02(X\x07\x00\x00\x00storagecm\ng\nX\x01\x00\x00\x00"s
                       "0X\x03\x00\x00\x00"s
                       "cpuK\x01tQ."s,
                       options),
                 Rule::kTorchPersistentId, "a storage's type");
}

// The bytes before and after the object's pickle in a legacy stream without storages.
const std::string kBefore =
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."
    "\x80\x02}q\x00(X\x10\x00\x00\x00protocol_versionq\x01M\xe9\x03X\x0d\x00\x00\x00little_"
    "endianq\x02\x88"
    "X\x0a\x00\x00\x00type_sizesq\x03}q\x04("
    "X\x05\x00\x00\x00shortq\x05K\x02X\x03\x00\x00\x00intq\x06K\x04"
    "X\x04\x00\x00\x00longq\x07K\x04uu."s;
const std::string kBehind = "\x80\x02]q\x00."s;

TEST(TrustTest, OpeningTakesNoList) {
  const CheckOptions options = Trusting("argparse.Namespace newobj() build(dict)");
  const std::string stream = kBefore + kMade + kState + "." + kBehind;
  EXPECT_EQ(torch::CheckBytes(internal::AsBytes(stream), options).verdict(), Verdict::kAccepted);
  const auto opened = torch::File::OpenBytes(internal::AsBytes(stream), options);
  ASSERT_FALSE(opened);
  ExpectRejected(opened.error(), Rule::kPickleGlobalOutside, "opening");
}

TEST(TrustTest, ListsThatAreRefused) {
  const std::pair<std::string, std::size_t> lists[] = {
      {"argparse.Namespace", 1},
      {"Namespace newobj()", 1},
      {".Namespace newobj()", 1},
      {"argparse. newobj()", 1},
      {"\n# a comment\na.b call()", 3},
      {"a.b newobj", 1},
      {"a.b newobj(", 1},
      {"a.b )newobj(", 1},
      {"a.b newobj(thing)", 1},
      {"a.b newobj(int,)", 1},
      {"a.b newobj(int||str)", 1},
      {"a.b newobj(Storage)", 1},
      {"a.b newobj() build()", 1},
      {"a.b newobj() build(dict) build(dict)", 1},
      {"a.b newobj() state(dict)", 1},
      {"a.b newobj() build", 1},
      {"a.b newobj()\na.(b newobj()", 2},
      {"torch._utils._rebuild_qtensor reduce(any)", 1},
      {"collections.OrderedDict newobj()", 1},
      {"numpy newobj()", 1},
      {"numpy\nnumpy.dtype reduce(str, bool, bool) build(tuple)", 2},
      {"numpy.ndarray reduce(any)", 1},
      {"numpy.core.multiarray.scalar reduce(object, bytes)", 1},
      {"numpy._core.multiarray.scalar reduce(any, any)", 1},
      {"numpy.core.multiarray._reconstruct reduce(any, tuple, bytes)", 1},
      {"numpy._core._multiarray_umath._reconstruct reduce(any, any, any)", 1},
      {"numpy._core.numeric._frombuffer reduce(any, any, any, any)", 1},
      {"numpy.dtypes.ObjectDType newobj() build(tuple)", 1},
      {std::string(255, 'a') + ".b newobj()", 1}};
  for (const auto& [text, line] : lists) {
    const auto list = TrustList::Parse(text);
    ASSERT_FALSE(list) << text;
    EXPECT_EQ(list.error().line, line) << text;
    EXPECT_FALSE(list.error().reason.empty());
  }
  EXPECT_TRUE(TrustList::Parse(std::string(254, 'a') + ".b newobj(None, Tensor)"));
  EXPECT_TRUE(TrustList::Parse("")->empty());
  EXPECT_TRUE(TrustList::Parse("  # nothing\n\n")->empty());
  EXPECT_FALSE(TrustList::Parse(" numpy # and why")->empty());
  EXPECT_TRUE(TrustList::Parse("numpy.random._pickle.__bit_generator_ctor reduce(str)"));
}

std::string Latin1(const std::string& text) {
  return "c_codecs\nencode\nX" + std::string(1, static_cast<char>(text.size())) + "\0\0\0"s + text +
         "X\6\0\0\0latin1\x86R"s;
}

// An array of bytes with these dimensions.
std::string Array(const std::string& shape, const std::string& bytes) {
  return "\x80\x02"s + "cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85"s +
         Latin1("b") + "\x87R(K\1("s + shape +
         "tcnumpy\ndtype\nX\2\0\0\0u1\x89\x88\x87R(K\3X\1\0\0\0|NNNJ\xFF\xFF\xFF\xFFJ\xFF\xFF\xFF\xFFK\0tb\x89"s +
         Latin1(bytes) + "tb.";
}

std::string Repeated(int count, const std::string& what) {
  std::string all;
  for (int i = 0; i < count; ++i) all += what;
  return all;
}

TEST(TrustTest, ArraysOfNumPyAgreeWithTheirBytes) {
  const CheckOptions options = Trusting("numpy");
  const std::string most = "\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", e = "\xC3\xA9";
  for (const auto& [shape, bytes] :
       std::initializer_list<std::pair<std::string, std::string>>{{"", "a"},
                                                                  {"K\3", "abc"},
                                                                  {"K\2K\2", "ab" + e + e},
                                                                  {"K\0"s, ""},
                                                                  {"K\0K\3"s, ""},
                                                                  {Repeated(32, "K\1"), "a"}}) {
    EXPECT_EQ(Judge(Array(shape, bytes), options).verdict(), Verdict::kAccepted) << shape;
    ExpectRejected(Judge(Array(shape, bytes), {}), Rule::kPickleGlobalOutside, "without the line");
  }
  for (const auto& [shape, bytes] :
       std::initializer_list<std::pair<std::string, std::string>>{{"", ""},
                                                                  {"", "ab"},
                                                                  {"K\3", "ab"},
                                                                  {"K\3", e + "a"},
                                                                  {"K\2K\2", "abc"},
                                                                  {"K\0"s, "a"},
                                                                  {"J\xFF\xFF\xFF\xFF", "a"},
                                                                  {"N", "a"},
                                                                  {"\x88", "a"},
                                                                  {most, "a"},
                                                                  {most + "K\0"s, ""},
                                                                  {most + most + "K\0"s, ""},
                                                                  {most + "K\2K\0"s, ""},
                                                                  {Repeated(33, "K\1"), "a"}}) {
    ExpectRejected(Judge(Array(shape, bytes), options), Rule::kTorchCallArguments, shape.c_str());
  }
}

// Each name that the file uses is reported once, and none of NumPy's as outside the format.
TEST(TrustTest, NamesOfNumPyAreReported) {
  const CheckOptions options = Trusting("numpy");
  const Report report = Judge(Array("K\3", "abc"), options);
  std::string reported;
  for (const Finding& finding : report.findings()) reported.append(report.Subject(finding)) += " ";
  EXPECT_EQ(reported, "numpy._core.multiarray._reconstruct numpy.ndarray numpy.dtype ");
  EXPECT_EQ(Outside("\x80\2ca\nb\ncnumpy\ndtype\ncnumpy\nmatrix\n.", options),
            "2 a.b, 20 numpy.matrix, ");
}

TEST(TrustTest, ListsAreBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "a.b" + std::to_string(i) + " newobj()\n";
  EXPECT_TRUE(TrustList::Parse(many));
  EXPECT_FALSE(TrustList::Parse(many + "a.b newobj()"));
  std::string same;
  for (int i = 0; i < 16; ++i) same += "a.b newobj()\n";
  EXPECT_TRUE(TrustList::Parse(same));
  EXPECT_FALSE(TrustList::Parse(same + "a.b newobj()"));
  std::string arguments = "a.b newobj(int";
  for (int i = 1; i < 64; ++i) arguments += ",int";
  EXPECT_TRUE(TrustList::Parse(arguments + ")"));
  EXPECT_FALSE(TrustList::Parse(arguments + ",int)"));
}

}  // namespace
}  // namespace tensorgate
