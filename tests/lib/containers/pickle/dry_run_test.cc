#include "lib/containers/pickle/dry_run.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "lib/base/bytes.h"

namespace tensorgate::pickle {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using enum DryRun::Outcome;

DryRun Follow(std::string_view bytes, std::size_t piece) {
  DryRun run;
  while (run.going() && run.position() < bytes.size()) {
    run.Feed(internal::AsBytes(bytes.substr(static_cast<std::size_t>(run.position()), piece)));
  }
  run.AtEnd();
  return run;
}

// The same with pieces of every size.
DryRun::Outcome OutcomeOf(std::string_view bytes) {
  const DryRun whole = Follow(bytes, bytes.size() + 1);
  for (const std::size_t piece : {1uz, 2uz, 5uz}) {
    const DryRun other = Follow(bytes, piece);
    EXPECT_EQ(other.outcome(), whole.outcome()) << piece;
    EXPECT_EQ(other.name(), whole.name()) << piece;
    EXPECT_EQ(other.name_offset(), whole.name_offset()) << piece;
  }
  return whole.outcome();
}

// Every way to make a call, whatever follows it.
TEST(DryRunTest, Calls) {
  for (
      const std::string_view pickle : {
          "cos\nsystem\n(S'x'\ntR"sv,      // REDUCE
          "cos\nsystem\nNR"sv,             // with arguments that are not a tuple
          "(S'x'\nios\nsystem\n"sv,        // INST
          "(cos\nsystem\nS'x'\no"sv,       // OBJ
          "cos\nsystem\n)\x81"sv,          // NEWOBJ
          "cos\nsystem\n)}\x92"sv,         // NEWOBJ_EX
          "\x8c\2os\x8c\6system\x93)R"sv,  // STACK_GLOBAL
          "Vos\nS'system'\n\x93)R"sv,      // … of the texts of protocol 0
          "\x82\1)R"sv,
          "\x83\1\0)R"sv,
          "\x84\xff\xff\xff\x7f)R"sv,
          "\x84\1\0\0\0)R"sv,                // EXT
          "cos\nenviron\n}b"sv,              // BUILD
          "cos\nenviron\nS'a'\nS'b'\ns"sv,   // SETITEM
          "cos\nenviron\n(S'a'\nS'b'\nu"sv,  // SETITEMS
          "csys\npath\nS'a'\na"sv,
          "csys\npath\n(S'a'\ne"sv,     // APPEND, APPENDS
          "csys\npath\n(S'a'\n\x90"sv,  // ADDITEMS
          "cos\nsystem\nq\7"
          "0h\7)R"sv,  // through the memo
          "cos\nsystem\np0\n0g0\n)R"sv,
          "cos\nsystem\n\x94"
          "0j\0\0\0\0)R"sv,
          "cos\nsys\0tem\n)R"sv,                            // modules may answer to any name
          "cos\nsystem\n2)R"sv,                             // a second one
          "\x80\5\x95\xff\0\0\0\0\0\0\0cos\nsystem\n)R"sv,  // a frame that is too long only for the C unpickler
      }) {
    EXPECT_EQ(OutcomeOf(pickle), kCalls) << pickle;
    EXPECT_EQ(OutcomeOf(std::string(pickle) + "\xff"), kCalls) << pickle;
  }
}

TEST(DryRunTest, EndsWhereEveryUnpicklerFails) {
  for (const std::string_view pickle : {
           "cos\nsystem\n("sv,  // the end
           "\xff"sv,
           "N\xff"sv,                  // not an opcode
           "\x80\6cos\nsystem\n)R"sv,  // a protocol of the future
           "R"sv,
           "NR"sv,
           "NNR"sv,
           "S'a'\n)R"sv,
           "])R"sv,  // nothing to call
           "(cos\nsystem\n(R"sv,
           "cos\nsystem\n(R"sv,  // below the mark
           "t"sv,
           "e"sv,
           "cos\nsystem\no"sv,
           "(o"sv,
           "(No"sv,  // no mark, no class
           "0"sv,
           "2"sv,
           "."sv,
           "(."sv,  // nothing there
           "h\0"sv,
           "g0\n"sv,
           "j\0\0\0\0"sv,
           "Np0\n0g1\n"sv,
           "q\0"sv,
           "p0\n"sv,
           "\x94"sv,  // the memo
           "Np-1\n"sv,
           "Npx\n"sv,
           "Np\n"sv,
           "gx\n"sv,
           "I1x y\nN"sv,
           "Iabc\n"sv,
           "I\n"sv,
           "L\n"sv,
           "Fabc\n"sv,
           "F\n"sv,
           "F1.5x\n"sv,
           "F--1\n"sv,  // numbers
           "Sabc\n"sv,
           "S'abc\n"sv,
           "S'\n"sv,  // texts
           "T\xff\xff\xff\xff"sv,
           "\x8b\xff\xff\xff\xff"sv,  // lengths
           "cos\n\n)R"sv,
           "c\nsystem\n)R"sv,
           "cos\0x\nsystem\n)R"sv,
           "cname,size\nsystem\n)R"sv,
           "cx = y\nsystem\n)R"sv,
           "(ios\0x\nsystem\n"sv,  // names
           "N)\x93"sv,
           "S'a'\nN\x93"sv,
           "NS'a'\n\x93"sv,
           "S'a'\n\x93"sv,
           "P1\n"sv,
           "NQ"sv,
           "\x97"sv,  // buffers, which only the process can provide
           "\x82\0)R"sv,
           "\x84\0\0\0\0)R"sv,
           "\x84\xff\xff\xff\xff)R"sv,  // invalid codes
           "Na"sv,
           "}Na"sv,
           "N}a"sv,
           "NNNs"sv,
           "](N\x90"sv,
           "\x8f(Ne"sv,
           "S'a'\n(Nu"sv,
       }) {
    EXPECT_EQ(OutcomeOf(std::string(pickle) + "."), kNoPickle) << pickle;
  }
}

TEST(DryRunTest, GoesOnWhereOneUnpicklerDoes) {
  const auto call = [](std::string_view front) {
    return OutcomeOf(std::string(front) + "cos\nsystem\n)R");
  };
  for (const std::string_view front : {
           "I01\n"sv,
           "I00\n"sv,
           "I-12\n"sv,
           "I 0x1F \n"sv,
           "I1_0\n"sv,
           "I010\n"sv,
           "L12L\n"sv,
           "F1.5\n"sv,
           "F+1.5\n"sv,
           "I+1\n"sv,
           "F-inf\n"sv,
           "F nan\n"sv,
           "FInfinity\n"sv,
           "F.5e-3\n"sv,
           "S'a'\n"sv,
           "S\"\"\n"sv,
           "Vx\\u0041\n"sv,
           "V\n"sv,
           "\x88\x89N])}\x8f"sv,
           "(l"sv,
           "(d"sv,
           "(t"sv,
           "(1"sv,
           "N0"sv,
           "(0"sv,
           "NN\x86"sv,
           "NNN\x87"sv,
           "N\x85"sv,
           "]Na"sv,
           "](NNe"sv,
           "]NNs"sv,
           "(N(Ntt"sv,
           "}NNs"sv,
           "}(NNu"sv,
           "\x8f(N\x90"sv,
           "(N\x91"sv,
           "]N\x85"sv,
           "NNb"sv,
           "N(e"sv,
           "\x96\1\0\0\0\0\0\0\0a(Ne"sv,
           "C\1a\x98"sv,
           "Np+5\n"sv,
           "Np0005\n"sv,
           "Np-0\n0g0\n"sv,
           "Np0\n0g-00\n"sv,
           "Np0\0x\xff\n0g0\0\n"sv,  // numbers end at a zero byte for C
           "I1\0\0x\n"sv,
           "L12\0L\n"sv,
           "F1.5\0x\n"sv,
           "L0 L\n"sv,
           "I\0x\n"sv,
           "Nr\xff\xff\xff\xff"sv,
           "\x80\5"sv,
           "N\x80\2"sv,
           "\x95\0\0\0\0\0\0\0\0"sv,
       }) {
    EXPECT_EQ(call(front), kCalls) << front;
  }
}

TEST(DryRunTest, Names) {
  const DryRun named = Follow("Ncos\nsystem\n0.", 100);
  EXPECT_EQ(named.outcome(), kComplete);
  EXPECT_TRUE(named.names());
  EXPECT_FALSE(named.dangerous());
  EXPECT_EQ(named.name(), "os.system");
  EXPECT_EQ(named.name_offset(), 1u);
  EXPECT_EQ(named.position(), 14u);
  EXPECT_EQ(Follow("\x8c\2os\x8c\6system\x93.", 100).name(), "os.system");
  // The called name is reported instead of the first one.
  const DryRun called = Follow("ca\nb\n0cos\nsystem\n)R", 100);
  EXPECT_EQ(called.name(), "os.system");
  EXPECT_EQ(called.name_offset(), 18u);
  // No text shows the name.
  EXPECT_EQ(Follow("\x82\1)R", 100).name(), "");
  EXPECT_FALSE(Follow("\x82\1.", 100).names());
  // Python's own unpickler finds the class of INST before it looks for the mark.
  EXPECT_TRUE(Follow("ios\nsystem\n", 100).names());
  EXPECT_TRUE(Follow("cos\n\n", 100).names());
  EXPECT_FALSE(Follow("c\nsystem\n", 100).names());
  // An invalid name is not reported as a name, but a call of it counts.
  EXPECT_FALSE(Follow("ca b\nsystem\n.", 100).names());
  EXPECT_FALSE(Follow("ca\nb\":1\n.", 100).names());
  EXPECT_TRUE(Follow("ca b\nsystem\n)R", 100).dangerous());
  EXPECT_TRUE(Follow("c\xc3\xa9._Z9\na.b\n.", 100).names());
  // A text with escapes may be anything.
  EXPECT_TRUE(Follow("Vos\nVsyste\\u006d\n\x93.", 100).names());
  EXPECT_EQ(Follow("Vos\nVsyste\\u006d\n\x93)R", 100).name(), "");
  EXPECT_EQ(Follow("V\\u006fs\nVsystem\n\x93)R", 100).name(), "");
  // Only this many texts are kept: a name from later ones is not shown.
  const auto after = [](std::size_t texts) {
    std::string front;
    for (std::size_t i = 0; i < texts; ++i) front += "\x8c\1a0";
    return Follow(front + "\x8c\2os\x8c\6system\x93)R", front.size() + 100);
  };
  EXPECT_EQ(after(4000).name(), "os.system");
  EXPECT_EQ(after(5000).name(), "");
  EXPECT_TRUE(after(5000).dangerous());
  // Only the beginning of a long name is kept.
  EXPECT_EQ(Follow("c" + std::string(1000, 'm') + "\nn\n.", 64).name().size(), 258u);
}

TEST(DryRunTest, Completes) {
  const DryRun run = Follow("(lp0\nI1\na.more", 100);
  EXPECT_EQ(run.outcome(), kComplete);
  EXPECT_EQ(run.position(), 10u);
  EXPECT_FALSE(run.names());
}

// torch.load runs the pickles after its magic number.
TEST(DryRunTest, BeginsALegacyStream) {
  for (const std::string_view number : {
           "L119547037146038801333356L\n"sv,
           "I119547037146038801333356\n"sv,
           "I 0x1950_a86a20f9469cfc6c\n"sv,
           "\x80\2\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv,
           "\x8a\x0c\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\0\0"sv,
           "\x8b\n\0\0\0\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv,
       }) {
    const std::string pickle = "I1\n0" + std::string(number) +
                               "q\0"
                               "0h\0"s;
    EXPECT_EQ(OutcomeOf(pickle + ".more"), kStream) << number;
    EXPECT_EQ(OutcomeOf(pickle + "\x85."), kComplete) << number;
    const DryRun run = Follow(pickle + ".", 100);
    EXPECT_TRUE(run.dangerous());
    EXPECT_EQ(run.name_offset(), pickle.size());
  }
  // Other numbers of the same size: valid headers have them by chance.
  EXPECT_EQ(OutcomeOf("\x8a\x0bxxxxxxxxxxx."), kComplete);
  EXPECT_EQ(OutcomeOf("\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x1a."), kComplete);
  EXPECT_EQ(OutcomeOf("\x8a\x0b\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\1."), kComplete);
}

// CPython's C unpickler takes the bytes after the frame as the argument, its Python unpickler
// fails.
TEST(DryRunTest, AnArgumentThatCrossesItsFrame) {
  const std::string frame = "\x80\4\x95\5\0\0\0\0\0\0\0"s;
  EXPECT_EQ(OutcomeOf(frame + "NN0\x8a\2ab."), kUnclear);
  EXPECT_EQ(OutcomeOf(frame + "NN0Vab\n."), kUnclear);
  // Also if the bytes read first are not an argument, or reach past the end.
  EXPECT_EQ(OutcomeOf(frame + "NN0L\"0\n."), kUnclear);
  EXPECT_EQ(OutcomeOf(frame + "NX\xff\xff\xff\xff\xff\xff."), kUnclear);
  EXPECT_EQ(OutcomeOf(frame + "NN0L\x22"), kUnclear);
  EXPECT_EQ(OutcomeOf(frame + "NN0c,x\ny\n."), kUnclear);
  // A frame inside another one that continues after it.
  EXPECT_EQ(OutcomeOf("\x80\4\x95\x0b\0\0\0\0\0\0\0\x95\3\0\0\0\0\0\0\0\xff\xffNN."s), kUnclear);
  EXPECT_EQ(OutcomeOf("\x80\4\x95\x0b\0\0\0\0\0\0\0\x95\2\0\0\0\0\0\0\0N0N."s), kComplete);
  EXPECT_EQ(OutcomeOf(frame + "N0\x8a\1a."), kComplete);
  EXPECT_EQ(OutcomeOf(frame + "N0N0N\x8a\2ab."), kComplete);
  EXPECT_EQ(OutcomeOf("\x80\4\x95\xff\xff\xff\xff\xff\xff\xff\xffN."), kComplete);
}

TEST(DryRunTest, IsBounded) {
  std::string many;
  for (std::uint64_t i = 0; i + 2 < DryRun::kMaxOpcodes; i += 2) many += "N0";
  EXPECT_EQ(Follow(many + "N.", 1 << 20).outcome(), kComplete);
  EXPECT_EQ(Follow(many + "NN", 1 << 20).outcome(), kUnclear);
  EXPECT_TRUE(Follow(many + "NN", 1 << 20).dangerous());
  // Indices that are longer than those of any writer.
  EXPECT_EQ(OutcomeOf("Np123456789012345678\n."), kComplete);
  EXPECT_EQ(OutcomeOf("Np1234567890123456789\n."), kUnclear);
  EXPECT_EQ(OutcomeOf("Ng1234567890123456789\n."), kUnclear);
}

TEST(ForwardDecoderTest, KeepsTheLastByteOfALine) {
  EXPECT_EQ(OutcomeOf("S'" + std::string(1000, 'x') + "'\n."), kComplete);
  EXPECT_EQ(OutcomeOf("S'" + std::string(1000, 'x') + "\n."), kNoPickle);
  EXPECT_EQ(OutcomeOf("F1." + std::string(1000, '5') + "\n."), kComplete);
}

TEST(ForwardDecoderTest, SkipsWithoutBytes) {
  ForwardDecoder decoder;
  const std::string head = "X\xff\xff\xff\x7f" + std::string(ForwardDecoder::kKept, 'x');
  std::span<const std::byte> bytes = internal::AsBytes(head);
  EXPECT_TRUE(decoder.Feed(bytes));
  EXPECT_EQ(decoder.position(), 5u + 0x7fffffff);
  EXPECT_EQ(decoder.text().size(), ForwardDecoder::kKept);
  EXPECT_TRUE(bytes.empty());
}

}  // namespace
}  // namespace tensorgate::pickle
