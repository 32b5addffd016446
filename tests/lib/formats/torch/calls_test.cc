// Calls that copy their arguments account for it, and keys are limited in every profile.
#include <gtest/gtest.h>

#include <string>

#include "lib/base/bytes.h"
#include "lib/containers/pickle/machine.h"
#include "lib/formats/torch/pickle_file.h"
#include "tensorgate/tensor.h"

namespace tensorgate::torch {
namespace {

using namespace std::string_literals;

Report Judge(const std::string& pickle, Profile profile) {
  MemorySource source(tensorgate::internal::AsBytes(pickle));
  return internal::CheckPickle(source, {.profile = profile});
}

bool Has(const Report& report, Rule rule) {
  for (const Finding& finding : report.findings()) {
    if (finding.rule == rule) return true;
  }
  return false;
}
bool Expands(const Report& report) { return Has(report, Rule::kPickleExpansion); }

// Its only fault is that it is not in an archive.
void ExpectGood(const Report& report) {
  ASSERT_EQ(report.findings().size(), 1u);
  EXPECT_EQ(report.findings()[0].rule, Rule::kTorchBareStorage);
}

std::string LittleEndian32(std::uint32_t number) {
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8)
    bytes.push_back(static_cast<char>(number >> shift & 0xFF));
  return bytes;
}

std::string Text(const std::string& text) {
  return "X" + LittleEndian32(static_cast<std::uint32_t>(text.size())) + text;
}

std::string Repeat(std::size_t count, const std::string& what) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += what;
  return all;
}

// The function is memo 0, the arguments are memo 1.
std::string CalledOften(const std::string& function, const std::string& arguments,
                        std::size_t times) {
  return "\x80\x02("s + function + "q\0"s + arguments + "q\1" + Repeat(times, "h\0h\1R"s) + "t.";
}

TEST(CallsTest, PayForWhatTheyCopy) {
  constexpr std::size_t kItems = 1000;
  const std::string numbers = "(" + Repeat(kItems, "K\1"s);
  const std::string shape = "(" + Repeat(kMaxRank, "K\1"s);
  const std::string storage =
      "("s + Text("storage") + "ctorch\nFloatStorage\n" + Text("0") + Text("cpu") + "K\4tQ";
  const struct {
    const char* what;
    std::string function, arguments;
    std::size_t weight;  // work of one call
  } calls[] = {
      {"set", "c__builtin__\nset\n", "](" + Repeat(kItems, "K\1"s) + "e\x85", kItems},
      {"Counter", "ccollections\nCounter\n", "}(" + Repeat(kItems, "K\1N"s) + "u\x85", 2 * kItems},
      {"OrderedDict", "ccollections\nOrderedDict\n", "](" + Repeat(kItems, "NN\x86"s) + "e\x85",
       2 * kItems},
      {"Size", "ctorch\nSize\n", numbers + "t\x85", kItems},
      {"encode", "c_codecs\nencode\n", Text(std::string(8 * kItems, 'a')) + Text("latin1") + "\x86",
       kItems},
      {"bytearray", "c__builtin__\nbytearray\n",
       Text(std::string(8 * kItems, 'a')) + Text("latin-1") + "\x86", kItems},
      {"tensor", "ctorch._utils\n_rebuild_tensor\n",
       "(" + storage + "K\0"s + shape + "t" + shape + "tt", kMaxRank / 8},
  };
  for (const auto& call : calls) {
    // This much is free, plus one per byte, which are fewer here.
    const std::size_t free = pickle::kFreeWork / call.weight;
    const std::string few = CalledOften(call.function, call.arguments, free);
    const std::string often = CalledOften(call.function, call.arguments, 4 * free);
    for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
      EXPECT_FALSE(Expands(Judge(few, profile))) << call.what;
      EXPECT_TRUE(Expands(Judge(often, profile))) << call.what;
    }
  }
}

// Keys are compared in each copy: long ones are accounted for again.
TEST(CallsTest, PayForTheKeysThatTheyCopy) {
  constexpr std::size_t kBytes = 160'000;  // size of a key
  const auto key = [](char last) { return Text(std::string(kBytes - 1, 'k') + last); };
  const std::string dict = "}(" + key('a') + "N" + key('b') + "Nu";
  const std::string tuple = "(" + Repeat(kBytes / 16, "K\1") + "t";
  const std::pair<std::string, std::string> cases[] = {
      {"ccollections\nCounter\nq\0"s + dict + "\x85q\1R", "h\0h\1R"s},
      {"ccollections\nOrderedDict\nq\0)R"s + dict + "q\1b", "h\0)Rh\1b"s},
      {"}" + key('a') + "q\1Ns", "}h\1Ns"},
      {"}" + tuple + "q\1Ns", "}h\1Ns"}};
  for (const auto& [once, again] : cases) {
    const auto judge = [&](std::size_t times, Profile profile) {
      return Judge("\x80\x02("s + once + Repeat(times, again) + "t.", profile);
    };
    for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
      EXPECT_FALSE(Expands(judge(0, profile))) << again;
      EXPECT_TRUE(Expands(judge(40, profile))) << again;
    }
  }
}

TEST(CallsTest, NameTheArgument) {
  const Report report =
      Judge("\x80\2c_codecs\nencode\n"s + Text("a") + Text("ascii") + "\x86R.", Profile::kStrict);
  ASSERT_EQ(report.findings().size(), 1u);
  EXPECT_EQ(report.findings()[0].rule, Rule::kTorchCallArguments);
  EXPECT_EQ(report.findings()[0].found, 2u);
  EXPECT_EQ(report.FoundText(report.findings()[0]), "argument 2 of type str");
}

std::string TensorOf(const std::string& key, const std::string& location) {
  return "\x80\x02"s + "ctorch._utils\n_rebuild_tensor\n((" + Text("storage") +
         "ctorch\nFloatStorage\n" + Text(key) + Text(location) + "K\4tQK\0K\4\x85K\1\x85tR."s;
}

TEST(CallsTest, StoragesAreBounded) {
  const auto sized = [](const std::string& numel) {
    return "\x80\x02"s + "ctorch._utils\n_rebuild_tensor\n((" + Text("storage") +
           "ctorch\nByteStorage\n" + Text("0") + Text("cpu") + numel + "tQK\0K\4\x85K\1\x85tR."s;
  };
  const std::string most = "\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F";
  ExpectGood(Judge(sized(most), Profile::kStrict));
}

TEST(CallsTest, LocationsAreBounded) {
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    const auto judge = [&](const std::string& location) {
      return Judge(TensorOf("0", location), profile);
    };
    for (const char* good : {"cpu", "cuda", "cuda:0", "cuda:9", "cuda:10", "cuda:127", "mps:0",
                             "xpu:1", "hpu", "mtia:0", "npu:7", "privateuseone:1"}) {
      ExpectGood(judge(good));
    }
    for (const char* bad :
         {"",         ":",         ":0",      "cpu:0",   "cuda:",   "cuda:00", "cuda:01",
          "cuda:128", "cuda:1000", "cuda:-1", "cuda:+1", "cuda: 1", "cuda:1 ", "cuda:a",
          "cuda:0:0", "cuda0",     "cud",     "CUDA:0",  "gpu:0",   "xla:0",   "disk"}) {
      EXPECT_TRUE(Has(judge(bad), Rule::kTorchStorageLocation)) << bad;
    }
    EXPECT_TRUE(Has(judge(std::string(1000, 'c')), Rule::kTorchStorageLocation));
    EXPECT_TRUE(Has(judge("meta"), Rule::kTorchStorageMeta));
  }
}

// PyTorch allows keys of any length; this much of one is compared.
TEST(CallsTest, KeysAreBounded) {
  const auto named = [](std::size_t size) { return TensorOf(std::string(size, 'k'), "cpu"); };
  ExpectGood(Judge(named(64), Profile::kStrict));
  EXPECT_EQ(Judge(named(65), Profile::kStrict).findings()[0].rule, Rule::kTorchStorageKey);
  ExpectGood(Judge(named(4096), Profile::kReference));
  const Report report = Judge(named(4097), Profile::kReference);
  EXPECT_EQ(report.verdict(), Verdict::kUndecided);
  ASSERT_EQ(report.findings().size(), 1u);
  EXPECT_EQ(report.findings()[0].rule, Rule::kLimitNameBytes);
  EXPECT_EQ(report.findings()[0].found, 4097u);
  EXPECT_EQ(report.findings()[0].allowed, 4096u);
}

}  // namespace
}  // namespace tensorgate::torch
