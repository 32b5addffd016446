// Arguments of a call, a state or an id, which the loader then drops, are judged like the result.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tensorgate/torch.h"
#include "tests/lib/formats/torch/build.h"

namespace tensorgate::torch {
namespace {

using namespace std::string_literals;
using testing::torch::File;
using testing::torch::Text;

const std::string kOrdered = "ccollections\nOrderedDict\n)R";
const std::string kStorage =
    "(" + Text("storage") + "ctorch\nFloatStorage\n" + Text("0") + Text("cpu") + "K\1tQ";

// An empty OrderedDict with one attribute.
std::string With(const std::string& value) { return kOrdered + "}" + Text("x") + value + "sb"; }

std::string Tensor(const std::string& hooks, const std::string& metadata = "") {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + kStorage + "K\0K\1\x85K\1\x85\x89"s + hooks +
         metadata + "tR";
}

std::string Parameter(const std::string& hooks, const std::string& state) {
  return "ctorch._utils\n_rebuild_parameter_with_state\n(" + Tensor("N") + "\x89" + hooks + state +
         "tR";
}

Report Check(const std::string& value, Profile profile = Profile::kStrict) {
  const std::string file = File("](" + Tensor("N") + value + "e", {"abcd"});
  return CheckBytes(tensorgate::internal::AsBytes(file),
                    {.profile = profile,
                     .trusted = *TrustList::Parse("m.f reduce(any) build(any)\nm.g newobj(any)")});
}

bool Has(const Report& report, Rule rule) {
  for (const Finding& finding : report.findings()) {
    if (finding.rule == rule) return true;
  }
  return false;
}

std::string Repeated(int count, const std::string& what) {
  std::string all;
  for (int i = 0; i < count; ++i) all += what;
  return all;
}

struct Bad {
  const char* what;
  std::string value;
  Rule rule;
};

const Bad kBad[] = {
    {"function", "ctorch._utils\n_rebuild_tensor\n", Rule::kPickleResultCallable},
    {"function in a tuple", "ctorch\nSize\n\x85", Rule::kPickleResultCallable},
    {"storage", kStorage, Rule::kTorchResultStorage},
    {"cycle", "]q\1h\1a", Rule::kPickleCycle},
    {"nesting", Repeated(201, "]") + Repeated(200, "a"), Rule::kPickleNesting},
    {"key", "}" + Text("a") + "Ns" + Text("a") + "Ns", Rule::kPickleDuplicateKey},
    {"attribute of an attribute", With(With("ctorch\nSize\n")), Rule::kPickleResultCallable},
};

// Each takes a value that is then not part of any result.
const std::pair<const char*, std::function<std::string(const std::string&)>> kDropped[] = {
    {"state of an OrderedDict", [](const std::string& v) { return kOrdered + With(v) + "b"; }},
    {"state of an object", [](const std::string& v) { return "cm\nf\nN\x85R" + With(v) + "b"; }},
    {"argument of a call", [](const std::string& v) { return "cm\nf\n" + With(v) + "\x85R"; }},
    {"argument of an object",
     [](const std::string& v) { return "cm\ng\n" + With(v) + "\x85\x81"; }},
    {"argument of Counter",
     [](const std::string& v) {
       return "ccollections\nCounter\n}" + Text("a") + With(v) + "s\x85R";
     }},
    {"pair of an OrderedDict",
     [](const std::string& v) {
       return "ccollections\nOrderedDict\n](](" + Text("a") + With(v) + "ee\x85R";
     }},
};

TEST(ConsumedTest, DroppedValuesAreJudged) {
  for (const auto& [where, place] : kDropped) {
    EXPECT_EQ(Check(place("K\1")).verdict(), Verdict::kAccepted) << where;
    for (const Bad& bad : kBad) {
      const Report report = Check(place(bad.value));
      EXPECT_EQ(report.verdict(), Verdict::kRejected) << where << ", " << bad.what;
      EXPECT_TRUE(Has(report, bad.rule)) << where << ", " << bad.what;
      // PyTorch accepts all of these.
      EXPECT_EQ(Check(place(bad.value), Profile::kReference).verdict(), Verdict::kAccepted)
          << where << ", " << bad.what;
    }
  }
}

// If no state is allowed, an attribute is not allowed either.
TEST(ConsumedTest, NoAttributesWhereNothingMayBe) {
  const std::string values[] = {With("K\1"), With(kBad[0].value), kOrdered + "}b"};
  for (const std::string& value : values) {
    const std::pair<std::string, Rule> cases[] = {
        {Tensor(value), Rule::kTorchTensorHooks},
        {Parameter(value, "N"), Rule::kTorchTensorHooks},
        {Tensor("N", value), Rule::kTorchTensorMetadata},
        {Parameter("N", value), Rule::kTorchParameterState}};
    for (const auto& [code, rule] : cases) {
      const Report report = Check(code);
      EXPECT_EQ(report.verdict(), Verdict::kRejected) << code;
      EXPECT_TRUE(Has(report, rule)) << code;
    }
  }
  EXPECT_EQ(Check(Tensor(kOrdered, kOrdered) + Parameter(kOrdered, kOrdered)).verdict(),
            Verdict::kAccepted);
}

// Changes to an argument after the call.
TEST(ConsumedTest, ArgumentsThatChangeAfterwards) {
  // A state that gets another attribute by a second BUILD is refused at once.
  EXPECT_EQ(Check(kOrdered + "q\1" + kOrdered + "h\1b").verdict(), Verdict::kAccepted);
  // Hooks that are filled later, through the memo.
  const std::string filled = "]("s + kOrdered + "q\1" + Tensor("h\1") + "h\1" + Text("a") + "Nse";
  EXPECT_TRUE(Has(Check(filled), Rule::kTorchTensorHooks));
  const std::string attributed = "]("s + kOrdered + "q\1" + Tensor("h\1") + "h\1}bNe";
  EXPECT_TRUE(Has(Check(attributed), Rule::kTorchTensorHooks));
}

}  // namespace
}  // namespace tensorgate::torch
