// The machine: construction of values, sharing, limits. corpus/pickle shows what each rule refuses.
#include "lib/containers/pickle/machine.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/lib/containers/pickle/ran.h"

namespace tensorgate::pickle {
namespace {

using namespace std::string_literals;

using testing::Ran;

CheckOptions Reference() {
  CheckOptions options;
  options.profile = Profile::kReference;
  return options;
}

std::string Put(std::uint32_t index) {
  std::string text = "r";
  for (unsigned shift = 0; shift < 32; shift += 8)
    text.push_back(static_cast<char>(index >> shift & 0xFF));
  return text;
}

TEST(MachineTest, LongsAreRead) {
  const std::pair<std::string, std::int64_t> small[] = {
      {"\x8A\x00"s, 0},
      {"\x8A\x01\xFF"s, -1},
      {"\x8A\x02\xFF\x00"s, 255},
      {"\x8A\x02\x00\x80"s, -32768},
      {"\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"s, INT64_MAX},
      {"\x8A\x08\x00\x00\x00\x00\x00\x00\x00\x80"s, INT64_MIN},
      {"\x8A\x0A\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00"s, 5},
      {"\x8A\x0A\xFB\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s, -5},
      {"J\xFE\xFF\xFF\xFF"s, -2},
      {"M\xFF\xFF"s, 65535}};
  for (const auto& [bytes, number] : small) {
    const Ran ran("\x80\x02"s + bytes + ".");
    ASSERT_TRUE(ran.outcome.complete);
    EXPECT_EQ(ran.outcome.root.kind, Kind::kInt);
    EXPECT_EQ(ran.outcome.root.Int(), number);
  }
  Ran big("\x80\x02\x8A\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."s);
  ASSERT_EQ(big.outcome.root.kind, Kind::kBigInt);
  EXPECT_EQ(big.machine.values().Text(big.outcome.root), "\0\0\0\0\0\0\0\0\1"s);
  const Ran boundary("\x80\x02\x8A\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00."s);  // 2^63
  EXPECT_EQ(boundary.outcome.root.kind, Kind::kBigInt);
}

TEST(MachineTest, AListThatTwoHoldIsOne) {
  // ([], the same []), then 7 is appended to it.
  Ran appended("\x80\x02]q\0h\0\x86h\0K\7a\x86."s);
  ASSERT_TRUE(appended.outcome.complete);
  Values& values = appended.machine.values();
  const Value pair = values.Items(appended.outcome.root)[0];
  ASSERT_EQ(values.Items(pair).size(), 2u);
  for (const Value& list : values.Items(pair)) {
    ASSERT_EQ(values.Items(list).size(), 1u);
    EXPECT_EQ(values.Items(list)[0].Int(), 7);
  }
}

TEST(MachineTest, ListsThatGrowInTurnsKeepTheirItems) {
  std::string bytes = "\x80\x02]q\0]q\1\x86"s;
  for (int i = 0; i < 200; ++i) {
    for (char list : {'\0', '\1'}) bytes += "h"s + list + "K" + static_cast<char>(i) + "a\x86"s;
  }
  Ran ran(bytes + ".");
  ASSERT_EQ(ran.rule(), Rule::kPickleNesting);
  Ran reference(bytes + ".", Reference());
  ASSERT_TRUE(reference.outcome.complete);
  Values& values = reference.machine.values();
  Value at = reference.outcome.root;
  const Value list = values.Items(at)[1];
  ASSERT_EQ(values.Items(list).size(), 200u);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(values.Items(list)[i].bits, i);
}

TEST(MachineTest, AttributesAreACopy) {
  Ran ran(
      "\x80\x02"
      "ccollections\nOrderedDict\n)R}q\0X\1\0\0\0aK\1sbh\0X\1\0\0\0bK\2s\x86."s);
  ASSERT_TRUE(ran.outcome.complete);
  Values& values = ran.machine.values();
  const Value ordered = values.Items(ran.outcome.root)[0];
  EXPECT_EQ(values.Items(values.Attributes(ordered)).size(), 2u);
  EXPECT_EQ(values.Items(values.Items(ran.outcome.root)[1]).size(), 4u);
  EXPECT_EQ(values.Attributes(values.Attributes(ordered)).kind, Kind::kUndefined);
  EXPECT_EQ(values.Attributes(Value::Of(Kind::kInt, ordered.bits)).kind, Kind::kUndefined);
}

TEST(MachineTest, OneAfterTheOther) {
  const std::string bytes = "\x80\x02N.\x80\x02K\5.";
  const Ran first(bytes);
  EXPECT_EQ(first.outcome.end, 4u);
  const Ran second(bytes, {}, first.outcome.end);
  ASSERT_TRUE(second.outcome.complete);
  EXPECT_EQ(second.outcome.root.Int(), 5);
  EXPECT_EQ(second.outcome.end, bytes.size());
}

TEST(MachineTest, EndsEarlyWhereverItIsCut) {
  const std::string bytes = "\x80\x02}q\0(X\1\0\0\0aK\1X\1\0\0\0b]q\1K\2au."s;
  ASSERT_TRUE(Ran(bytes).outcome.complete);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Ran ran(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(ran.outcome.complete) << size;
    EXPECT_LE(ran.outcome.end, size);
  }
}

// Without limits, each would take quadratic time or more.
TEST(MachineTest, BombsEndInTimeThatTheirSizeGives) {
  const std::size_t kCount = 200'000;
  std::string far = "\x80\x02N"s, laughs = "\x80\x02Nq\0"s, calls, keys;
  std::string turns = "\x80\x02]q\0]q\1"s, many = "\x80\x02}("s;
  for (std::uint32_t i = 0; i < kCount; ++i) far += Put(4'000'000'000u - i);
  for (std::uint32_t i = 0; i < kCount; ++i) laughs += "h\0h\0h\0\x87"s + "\x85";
  // One list of pairs, which every call copies.
  calls = "\x80\x02]q\0("s;
  for (std::size_t i = 0; i < kCount; ++i) calls += "NN\x86";
  calls += "eccollections\nOrderedDict\nq\1h\0\x85q\2"s;
  for (std::size_t i = 0; i < kCount; ++i) calls += "h\1h\2R"s;
  // One long key in many dicts.
  keys = "\x80\x02X\0\0\x10\0"s + std::string(1 << 20, 'a') + "q\0]("s;
  for (std::size_t i = 0; i < kCount; ++i) keys += "}h\0NsK\1Ns"s;
  keys += "e";
  // Two lists that grow in turns, and a dict with many keys, two of which are equal.
  for (std::size_t i = 0; i < kCount; ++i) turns += "h\0Nah\1Na"s;
  for (std::uint32_t i = 0; i < kCount; ++i) many += "J" + Put(i).substr(1) + "N";
  many += "\x88Nu";
  for (const std::string* bytes : {&far, &laughs, &calls, &keys, &turns, &many}) {
    for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
      CheckOptions options;
      options.profile = profile;
      const auto begin = std::chrono::steady_clock::now();
      const Ran ran(*bytes + ".", options);
      const auto took = std::chrono::steady_clock::now() - begin;
      EXPECT_FALSE(ran.outcome.complete && profile == Profile::kStrict);
      EXPECT_LT(std::chrono::duration<double>(took).count(), 20.0);
    }
  }
}

TEST(MachineTest, TheMemoTakesIndicesUpToTheNumberOfOpcodes) {
  EXPECT_TRUE(Ran("\x80\x02N"s + Put(3) + ".").outcome.complete);
  const Ran beyond("\x80\x02N"s + Put(4) + ".");
  EXPECT_EQ(beyond.rule(), Rule::kPickleMemoIndex);
  EXPECT_EQ(beyond.outcome.facts[0].allowed, 3u);
  // A skipped entry is filled later, once.
  EXPECT_TRUE(Ran("\x80\x02Nq\1q\0h\0\x86."s).outcome.complete);
  EXPECT_EQ(Ran("\x80\x02Nq\1q\0q\0."s).rule(), Rule::kPickleMemoRedefined);
  EXPECT_EQ(Ran("\x80\x02Nq\1h\0\x86."s).rule(), Rule::kPickleMemoUndefined);
  EXPECT_EQ(Ran("\x80\x02Nq\1h\2\x86."s).rule(), Rule::kPickleMemoUndefined);
}

// Indices far ahead, which the strict profile refuses, are stored like in PyTorch.
TEST(MachineTest, TheMemoFarAhead) {
  const auto second = [](const std::string& bytes) {
    Ran ran("\x80\x02" + bytes + "\x86.", Reference());
    EXPECT_TRUE(ran.outcome.facts.empty());
    if (!ran.outcome.complete) return std::int64_t{-1};
    return ran.machine.values().Items(ran.outcome.root)[1].Int();
  };
  const std::string far = "K\7" + Put(9), get = "h\x9"s;
  EXPECT_EQ(second(far + get), 7);
  EXPECT_EQ(second(far + "K\6" + Put(9) + get), 6);
  // The memo grows past it, up to it, and over it.
  const std::string marks(9, '(');
  EXPECT_EQ(second(far + marks + "K\5" + Put(10) + get), 7);
  EXPECT_EQ(second(far + marks + "K\5" + Put(8) + get), 7);
  EXPECT_EQ(second(far + marks + "K\5" + Put(9) + get), 5);
  EXPECT_EQ(second(far + marks + "K\5" + Put(8) + Put(9) + get), 5);
  EXPECT_EQ(Ran("\x80\x02" + far + "h\x8\x86.", Reference()).rule(), Rule::kPickleMemoUndefined);
  EXPECT_EQ(Ran("\x80\x02" + far + marks + "N" + Put(10) + "h\x8\x86.", Reference()).rule(),
            Rule::kPickleMemoUndefined);
}

TEST(MachineTest, FactsReportWhatWasFound) {
  const auto reported = [](const std::string& bytes) {
    const Fact fact = Ran("\x80\x02" + bytes).outcome.facts.back();
    return std::string(Info(fact.rule).id) + " at " + std::to_string(fact.offset) + ": " +
           std::to_string(fact.found.value_or(0)) + ", " + std::to_string(fact.allowed.value_or(0));
  };
  EXPECT_EQ(reported("NN(N."), "pickle/leftover at 6: 3, 0");
  EXPECT_EQ(reported("N(N\x86"), "pickle/stack-underflow at 5: 1, 2");
  // Without an object for the items of SETITEMS and APPENDS.
  EXPECT_EQ(reported("(NNu"), "pickle/stack-underflow at 5: 2, 3");
  EXPECT_EQ(reported("(NNe"), "pickle/stack-underflow at 5: 2, 3");
  EXPECT_EQ(reported("}(Nu"), "pickle/setitem-odd at 5: 1, 0");
  EXPECT_EQ(reported("N" + std::string(201, '\x85') + "."), "pickle/nesting at 204: 201, 200");
  EXPECT_EQ(reported("U\2a\xFF"), "pickle/string-encoding at 2: 1, 0");
  // Rules that are off in a profile are not reported, and a warning only once.
  EXPECT_TRUE(Ran("NN.", Reference()).outcome.facts.empty());
  const Ran twice("\x80\3\x80\4N.", Reference());
  ASSERT_EQ(twice.outcome.facts.size(), 1u);
  EXPECT_EQ(twice.rule(), Rule::kPickleProtoVersion);
  EXPECT_EQ(twice.outcome.facts[0].found, 3u);
}

TEST(MachineTest, NoOpcodeTakesMoreThanIsAboveTheMark) {
  int taking = 0;
  for (const OpcodeInfo& opcode : Opcodes()) {
    if (opcode.use != Use::kTorch || opcode.pops == 0) continue;
    ++taking;
    const std::size_t above = opcode.pops - 1;
    std::string bytes = "\x80\2NNN(" + std::string(above, 'N');
    if (opcode.marks == Marks::kDown) bytes += "(N";
    const Ran ran(bytes + static_cast<char>(opcode.op));
    ASSERT_EQ(ran.rule(), Rule::kPickleStackUnderflow) << opcode.name;
    const Fact& fact = ran.outcome.facts.back();
    EXPECT_EQ(fact.offset, bytes.size()) << opcode.name;
    EXPECT_EQ(*fact.allowed - *fact.found, 1u) << opcode.name;
  }
  EXPECT_EQ(taking, 12);
}

TEST(MachineTest, ARefusalEndsTheRun) {
  for (const std::string& bytes : {"NNa."s, "N(Ne."s, "NNNs."s, "N(NNu."s}) {
    const Ran ran("\x80\2" + bytes);
    EXPECT_FALSE(ran.outcome.complete) << bytes;
    EXPECT_EQ(ran.outcome.end, bytes.size()) << bytes;  // it ended at the opcode before STOP
  }
}

// Containers count, including shared ones; scalars in the innermost one do not.
TEST(MachineTest, NestingCountsOnlyContainers) {
  for (const std::string& inmost : {"N"s, ")"s, "]"s, "U\1a"s}) {
    const std::size_t holds = inmost[0] == ')' || inmost[0] == ']' ? 1 : 0;
    for (const std::size_t inner : {1u, 2u, 100u, 199u}) {
      const auto ran = [&](std::size_t outer) {
        return Ran("\x80\2" + inmost + std::string(inner - holds, '\x85') + "q" + '\0' + "h" +
                   '\0' + std::string(outer - 1, '\x85') + "\x86.");
      };
      EXPECT_TRUE(ran(200 - inner).outcome.complete) << inmost << inner;
      EXPECT_EQ(ran(201 - inner).rule(), Rule::kPickleNesting) << inmost << inner;
      EXPECT_EQ(ran(201 - inner).outcome.facts.at(0).found, 201u) << inmost << inner;
    }
  }
}

TEST(MachineTest, AStateThatIsNotPlain) {
  const std::string ordered = "ccollections\nOrderedDict\n)R", a = "U\1aNs";
  const struct {
    std::string bytes;
    bool strict, reference;
  } cases[] = {{ordered + "}b", true, true},
               {ordered + "}" + a + "b", true, true},
               {ordered + ordered + "b", true, true},
               {ordered + "}" + a + "b}" + a + "b", false, true},
               {ordered + "}" + a + "K\1Nsb", false, true},
               {ordered + "]b", false, false}};
  for (const auto& [bytes, strict, reference] : cases) {
    EXPECT_EQ(Ran("\x80\x02" + bytes + ".").outcome.complete, strict) << bytes;
    EXPECT_EQ(Ran("\x80\x02" + bytes + ".", Reference()).outcome.complete, reference) << bytes;
  }
}

// A state is copied, which is more work than its opcode accounts for.
TEST(MachineTest, StatesAreCopiedSoOften) {
  std::string begin = "\x80\2}(";
  for (char a = 'A'; a < 'A' + 20; ++a) {
    for (char b = 'A'; b < 'A' + 25; ++b) begin += "U\2"s + a + b + "N";
  }
  begin += "uq\1(ccollections\nOrderedDict\nq\2)Rh\1b"s;
  const auto ran = [&](int times, const CheckOptions& options) {
    std::string bytes = begin;
    for (int i = 1; i < times; ++i) bytes += "h\2)Rh\1b";
    return Ran(bytes + "t\x86.", options);
  };
  for (const CheckOptions& options : {CheckOptions(), Reference()}) {
    // Each costs a thousand; 64 KiB are free, plus one per byte of the pickle.
    EXPECT_TRUE(ran(68, options).outcome.complete);
    EXPECT_EQ(ran(69, options).rule(), Rule::kPickleExpansion);
  }
}

TEST(MachineTest, BytesAreLatin1) {
  Ran ran(
      "\x80\x02"
      "c_codecs\nencode\nU\3a\xC3\xA9U\6latin1\x86R.");
  ASSERT_TRUE(ran.outcome.complete);
  EXPECT_EQ(ran.machine.values().DecodeBytes(ran.outcome.root), "a\xE9");
}

// The size of the result as a tree, in which shared parts count repeatedly, is limited.
TEST(MachineTest, AsATreeItMayBeSoLarge) {
  // A list of 1060 references to one text weighs 16 + 1060 * (16 + 65536) bytes; a number weighs 16
  // and has two bytes.
  std::string begin = "\x80\x02](X\0\0\1\0"s + std::string(65536, 'a') + "q\0"s;
  for (int i = 1; i < 1060; ++i) begin += "h\0"s;
  const std::size_t numbers =
      (16 + 1060 * 65552 - kFreeExpansion) / kExpansion - begin.size() - "e"s.size();
  const auto with = [&](std::size_t count) {
    std::string bytes = begin;
    for (std::size_t i = 0; i < count; ++i) bytes += "K\1";
    return Ran(bytes + "e." + std::string(1000, '.'));
  };
  EXPECT_TRUE(with(numbers).outcome.complete);
  EXPECT_EQ(with(numbers - 1).rule(), Rule::kPickleExpansion);
  // Doubled so often that the size does not fit.
  std::string doubled = "\x80\x02Nq\0"s;
  for (char i = 0; i < 70; ++i) doubled += "h"s + i + "\x86q" + static_cast<char>(i + 1);
  const Ran ran(doubled + ".");
  EXPECT_EQ(ran.rule(), Rule::kPickleExpansion);
  EXPECT_EQ(ran.outcome.facts.back().found, UINT64_MAX);
}

TEST(MachineTest, WorkThatNoOpcodePaidForIsLimited) {
  torch::internal::Rebuild rebuild(torch::internal::Form::kZip);
  Machine machine({}, rebuild, {});
  EXPECT_TRUE(machine.Charge(kFreeWork));
  EXPECT_FALSE(machine.Charge(1));
}

TEST(MachineTest, OperationsAreLimited) {
  CheckOptions options;
  options.limits.pickle_operations = 3;
  EXPECT_TRUE(Ran("\x80\x02N."s, options).outcome.complete);
  options.limits.pickle_operations = 2;
  const Ran ran("\x80\x02N."s, options);
  EXPECT_FALSE(ran.outcome.complete);
  EXPECT_EQ(ran.rule(), Rule::kLimitPickleOperations);
}

// Ends a run without reporting a rule.
struct Silent final : Policy {
  std::optional<Value> Find(Machine&, std::string_view, std::string_view, bool&) override {
    return Value::Of(Kind::kGlobal, 0);
  }
  std::optional<Value> Call(Machine&, Global, const Value&) override { return std::nullopt; }
  std::optional<Value> New(Machine&, Global, const Value&) override { return std::nullopt; }
  bool Build(Machine&, const Value&, const Value&) override { return false; }
  std::optional<Value> Persistent(Machine&, const Value&) override { return std::nullopt; }
  void Expect(std::size_t) override {}
  bool Finish(Machine&) override { return false; }
};

TEST(MachineTest, ARunThatEndsSilentlyIsNotAccepted) {
  const std::string bodies[] = {"cm\nf\n)R.", "cm\nf\n)\x81.", "NNb.", "NQ.", "N."};
  for (const std::string& body : bodies) {
    for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
      Silent policy;
      const std::string bytes = "\x80\x02" + body;
      Machine machine(internal::AsBytes(bytes), policy, {.profile = profile});
      const Outcome outcome = machine.Run();
      EXPECT_FALSE(outcome.complete) << body;
      ASSERT_FALSE(outcome.facts.empty()) << body;
      EXPECT_EQ(Info(outcome.facts.back().rule).strict, Level::kError) << body;
      EXPECT_EQ(Info(outcome.facts.back().rule).reference, Level::kError) << body;
    }
  }
}

}  // namespace
}  // namespace tensorgate::pickle
