// What NumPy makes an element type of, and what of it is refused or not plain. Each was compared with NumPy's descr_to_dtype:
// what that refuses is refused here.
#include "lib/formats/numpy/descr.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

namespace tensorgate::numpy::internal {
namespace {

void Say(std::string& to, const char* what, const Place& place) {
  if (place) to += std::string(", ") + what + " " + std::to_string(*place);
}

// "4 F32, alias 0": bytes, dtype, and the first place of each kind.
std::string Read(std::u32string_view text) {
  const auto literal = ParseLiteral(text, false);
  EXPECT_TRUE(literal);
  if (!literal) return {};
  const Descr descr = ReadDescr(*literal, literal->root());
  std::string read = std::to_string(descr.bytes);
  if (descr.dtype) read += " " + std::string(Name(*descr.dtype));
  Say(read, "object", descr.object);
  Say(read, "unknown", descr.unknown);
  Say(read, "duplicate", descr.duplicate);
  Say(read, "alias", descr.alias);
  Say(read, "machine", descr.machine);
  Say(read, "big-endian", descr.big_endian);
  return read;
}

struct Case {
  std::u32string_view text;
  std::string_view read;
};

void ExpectRead(std::span<const Case> cases) {
  for (const Case& each : cases) {
    EXPECT_EQ(Read(each.text), each.read) << std::string(each.text.begin(), each.text.end());
  }
}

TEST(DescrTest, Strings) {
  const Case cases[] = {
      {U"'<f4'", "4 F32"},
      {U"'|b1'", "1 BOOL"},
      {U"'>f4'", "4, big-endian 0"},
      {U"'>i1'", "1 I8"},
      {U"'>S3'", "3"},
      {U"'>V3'", "3"},
      {U"'>U3'", "12, big-endian 0"},
      {U"'f4'", "4 F32, alias 0"},
      {U"'|O'", "8, object 0, alias 0"},
      {U"'O'", "8, object 0, alias 0"},
      {U"'>O8'", "8, object 0, big-endian 0"},
      {U"'<f16'", "16, machine 0"},
      {U"'<c32'", "32, machine 0"},
      {U"'<f8'", "8 F64"},
      {U"'<c16'", "16"},
      {U"'>f16'", "16, machine 0, big-endian 0"},
      {U"'>c32'", "32, machine 0, big-endian 0"},
      {U"'<M8[s]'", "8"},
      {U"'x'", "0, unknown 0"},
      {U"''", "0, unknown 0"},
      {U"'<f4\\xe9'", "0, unknown 0"},
      {U"'\\u20ac'", "0, unknown 0"},
      {U"'<f4\\x7f'", "0, unknown 0"},
      {U"'<f4\\x80'", "0, unknown 0"},
      {U"None", "0, unknown 0"},
      {U"1", "0, unknown 0"},
      {U"1.5", "0, unknown 0"},
      {U"True", "0, unknown 0"},
      {U"{}", "0, unknown 0"},
      {U"{'a': '<f4'}", "0, unknown 0"},
  };
  ExpectRead(cases);
}

TEST(DescrTest, Fields) {
  const Case cases[] = {
      {U"[]", "0"},
      {U"[('a', '<f4')]", "4"},
      {U"[('a', '<f4'), ('b', '>i8')]", "12, big-endian 21"},
      {U"[('a', '<f4'), ('b', '|O')]", "12, object 21, alias 21"},
      {U"[('a', 'f4'), ('b', 'f8')]", "12, alias 7"},
      {U"[('a', 'x'), ('b', 'y')]", "0, unknown 7"},
      {U"[('a', '<f16')]", "16, machine 7"},
      {U"['<f4']", "0, unknown 1"},
      {U"[1]", "0, unknown 1"},
      {U"[{}]", "0, unknown 1"},
      {U"[None]", "0, unknown 1"},
      {U"[()]", "0, unknown 1"},
      {U"[('a',)]", "0, unknown 1"},
      {U"[('a', '<f4', 2, 3)]", "0, unknown 1"},
      {U"[['a', '<f4']]", "4, alias 1"},
      {U"[['a', '<f4', (2,)]]", "8, alias 1"},
      {U"[['a']]", "0, unknown 1"},
      {U"[('a', [('b', '<f4'), ('c', '<f8')])]", "12"},
      {U"[('a', [('a', '<f4')]), ('b', [('a', '<f4')])]", "8"},
      {U"[('a', [('b', '<f4'), ('b', '<f8')])]", "12, duplicate 23"},
      {U"[('a', [('c', '<f4')]), ('a', '<f8')]", "12, duplicate 25"},
      {U"[('a', '|V2147483647')]", "2147483647"},
      {U"[('a', '|V2147483647'), ('b', '|u1')]", "0, unknown 0"},
      {U"[('a', '|V2147483646'), ('b', '|u1')]", "2147483647"},
      {U"[('a', '|V2147483647'), ('b', '|V0')]", "2147483647"},
      {U"[('a', '|V2147483647'), ('b', '|V2147483647'), ('c', '|V5')]", "5, unknown 0"},
  };
  ExpectRead(cases);
}

// A field of raw data without a name is padding.
TEST(DescrTest, Names) {
  const Case cases[] = {
      {U"[('', '<f4')]", "4, alias 2"},
      {U"[('', '|V4')]", "4"},
      {U"[('', '|V4'), ('', '|V4')]", "8"},
      {U"[('a', '<f4'), ('', '|V4')]", "8"},
      {U"[('', '<f4', (2,))]", "8"},
      {U"[('', '<f4', ())]", "4, alias 2"},
      {U"[('', [('a', '<f4')])]", "4, alias 2"},
      {U"[('a', '<f4'), ('a', '<f4')]", "8, duplicate 16"},
      {U"[('a', '<f4'), ('b', '<f4'), ('a', '<f4'), ('b', '<f4')]", "16, duplicate 30"},
      {U"[(('t', 'a'), '<f4')]", "4"},
      {U"[(('t', 'a'), '<f4'), ('t', '<f4')]", "8, duplicate 23"},
      {U"[(('t', 'a'), '<f4'), (('t', 'b'), '<f4')]", "8, duplicate 24"},
      {U"[(('a', 'a'), '<f4')]", "4, duplicate 8"},
      {U"[(('t', ''), '<f4')]", "4, alias 8"},
      {U"[(('', 'a'), '<f4')]", "4, alias 3"},
      {U"[(('', ''), '|V4')]", "4, duplicate 7, alias 3"},
      {U"[(('t',), '<f4')]", "4, unknown 2"},
      {U"[(('t', 'a', 'b'), '<f4')]", "4, unknown 2"},
      {U"[((), '<f4')]", "4, unknown 2"},
      {U"[(['t', 'a'], '<f4')]", "4, unknown 2"},
      {U"[(('t', 1), '<f4')]", "4, unknown 8, alias 8"},
      {U"[((1, 'a'), '<f4')]", "4, unknown 3, alias 3"},
      {U"[((1, None), '<f4')]", "4, unknown 3, alias 3"},
      {U"[(((), 'a'), '<f4')]", "4, unknown 3, alias 3"},
      {U"[(1, '<f4')]", "4, unknown 2"},
      {U"[(None, '<f4')]", "4, unknown 2"},
      {U"[(True, '<f4')]", "4, unknown 2"},
      {U"[(1, '|V4')]", "4, unknown 2"},
      {U"[('\\xe9', '<f4')]", "4"},
      {U"[('a', '|V4'), ('', '|V4', (2,)), ('', '|u1', 1)]", "13, alias 46"},
      {U"[('a', '|V4'), ('a', '|V4')]", "8, duplicate 16"},
      {U"[('', '|V4'), ('', '<f4')]", "8, alias 15"},
      {U"[('', '<f4'), ('', '<f4')]", "8, duplicate 15, alias 2"},
  };
  ExpectRead(cases);
}

// An element has at most as many bytes as a C int counts, and 64 dimensions.
TEST(DescrTest, ShapesOfFields) {
  const Case cases[] = {
      {U"[('a', '<f4', ())]", "4"},
      {U"[('a', '<f4', (2,))]", "8"},
      {U"[('a', '<f4', (2, 3))]", "24"},
      {U"[('a', '<f4', (0,))]", "0"},
      {U"[('a', '<f4', (2, 0))]", "0"},
      {U"[('a', '<f4', 2)]", "8, alias 14"},
      {U"[('a', '<f4', 0)]", "0, alias 14"},
      {U"[('a', '<f4', 1)]", "4, alias 14"},
      {U"[('a', '<f4', [2])]", "8, alias 14"},
      {U"[('a', '<f4', [])]", "0, unknown 14, alias 14"},
      {U"[('a', '<f4', [2, 3])]", "24, alias 14"},
      {U"[('a', '<f4', (-1,))]", "0, unknown 15"},
      {U"[('a', '<f4', -1)]", "0, unknown 14, alias 14"},
      {U"[('a', '<f4', ('x',))]", "0, unknown 15"},
      {U"[('a', '<f4', '2')]", "0, unknown 14"},
      {U"[('a', '<f4', 2.0)]", "0, unknown 14"},
      {U"[('a', '<f4', (2.0,))]", "0, unknown 15"},
      {U"[('a', '<f4', None)]", "0, unknown 14"},
      {U"[('a', '<f4', (None,))]", "0, unknown 15"},
      {U"[('a', '<f4', True)]", "0, unknown 14"},
      {U"[('a', '<f4', (True,))]", "0, unknown 15"},
      {U"[('a', '<f4', ((2,),))]", "0, unknown 15"},
      {U"[('a', '<f4', {})]", "0, unknown 14"},
      {U"[('a', '<f4', (536870911,))]", "2147483644"},
      {U"[('a', '<f4', (536870912,))]", "0, unknown 15"},
      {U"[('a', '<f4', (2147483647,))]", "0, unknown 15"},
      {U"[('a', '<f4', (2147483648,))]", "0, unknown 15"},
      {U"[('a', '<f4', (2147483647, 2147483647))]", "0, unknown 15"},
      {U"[('a', '<f4', (2147483648, 0))]", "0, unknown 15"},
      {U"[('a', '<f4', (0, 2147483648))]", "0, unknown 18"},
      {U"[('a', '<f4', (0, 2147483647))]", "0"},
      {U"[('a', '<f4', (2147483647, 0))]", "0, unknown 15"},
      {U"[('a', '<f4', (65536, 65536))]", "0, unknown 22"},
      {U"[('a', '<f4', (65536, 65536, 65536))]", "0, unknown 22"},
      {U"[('a', '<f4', 18446744073709551616)]", "0, unknown 14, alias 14"},
      {U"[('a', '|V0', (2147483647, 2147483647))]", "0, unknown 14"},
      {U"[('a', [('b', '<f4', (2,))], (3,))]", "24"},
      {U"[('a', '>f4', (2,))]", "8, big-endian 7"},
      {U"[('a', '|O', (2,))]", "16, object 7, alias 7"},
      {U"[('a', '|u1', (2147483647,))]", "2147483647"},
  };
  ExpectRead(cases);
}

// The shape of such an element would be added to the array's: only one that adds no elements is read.
TEST(DescrTest, ArraysOfElements) {
  const Case cases[] = {
      {U"('<f4', (1,))", "4, alias 0"},
      {U"('<f4', (2,))", "8, unknown 0, alias 0"},
      {U"('<f4', ())", "4, alias 0"},
      {U"('<f4', 1)", "4, alias 0"},
      {U"('<f4', 2)", "8, unknown 0, alias 0"},
      {U"('<f4', [1])", "4, alias 0"},
      {U"('<f4', (1, 1))", "4, alias 0"},
      {U"('<f4', (0,))", "0, unknown 0, alias 0"},
      {U"('|V0', (5,))", "0, unknown 8, alias 0"},
      {U"(('<f4', (1,)), (1,))", "4, alias 0"},
      {U"(('<f4', (2,)), (1,))", "8, alias 0"},
      {U"('<f4',)", "0, unknown 0"},
      {U"()", "0, unknown 0"},
      {U"('<f4', (1,), 3)", "4, alias 0"},
      {U"('x', (1,))", "0, unknown 1, alias 0"},
      {U"('|O', (1,))", "8, object 1, alias 0"},
      {U"('<f4', 'x')", "0, unknown 8, alias 0"},
      {U"('<f4', '<f4')", "0, unknown 8, alias 0"},
      {U"('<f4', None)", "0, unknown 8, alias 0"},
      {U"('<f4', [('a', '<f4')])", "0, unknown 9, alias 0"},
      {U"([('a', '<f4')], (1,))", "4, alias 0"},
      {U"([('a', '<f4')], (2,))", "8, unknown 0, alias 0"},
      {U"('>f4', (1,))", "4, alias 0, big-endian 1"},
      {U"('f4', (1,))", "4, alias 0"},
      {U"('<f4', -1)", "0, unknown 8, alias 0"},
      {U"[('a', ('<f4', (2,)))]", "8, alias 7"},
      {U"[('a', ('<f4', (2,)), (3,))]", "24, alias 7"},
      {U"[('', ('<f4', (2,)))]", "8, alias 6"},
      {U"(1, 2)", "0, unknown 1, alias 0"},
      {U"(None, (1,))", "0, unknown 1, alias 0"},
  };
  ExpectRead(cases);
}

// NumPy has no array of elements without a size, unless they have fields.
TEST(DescrTest, ElementsWithoutASize) {
  const Case cases[] = {
      {U"[('x', '|V0', ())]", "0, unknown 14"},
      {U"[('x', '|V0', (0,))]", "0, unknown 14"},
      {U"[('x', '|V0', (5,))]", "0, unknown 14"},
      {U"[('x', '|V0', (2, 3))]", "0, unknown 14"},
      {U"[('x', '|V0', 5)]", "0, unknown 14, alias 14"},
      {U"[('x', '|V0', [])]", "0, unknown 14, alias 14"},
      {U"[('x', '|V0', [5])]", "0, unknown 14, alias 14"},
      {U"[('x', '<U0', ())]", "0, unknown 14"},
      {U"[('x', '<U0', (0,))]", "0, unknown 14"},
      {U"[('x', '<U0', (5,))]", "0, unknown 14"},
      {U"[('x', '<U0', (2, 3))]", "0, unknown 14"},
      {U"[('x', '<U0', 5)]", "0, unknown 14, alias 14"},
      {U"[('x', '<U0', [])]", "0, unknown 14, alias 14"},
      {U"[('x', '<U0', [5])]", "0, unknown 14, alias 14"},
      {U"[('x', '|S0', ())]", "0, unknown 14"},
      {U"[('x', '|S0', (0,))]", "0, unknown 14"},
      {U"[('x', '|S0', (5,))]", "0, unknown 14"},
      {U"[('x', '|S0', (2, 3))]", "0, unknown 14"},
      {U"[('x', '|S0', 5)]", "0, unknown 14, alias 14"},
      {U"[('x', '|S0', [])]", "0, unknown 14, alias 14"},
      {U"[('x', '|S0', [5])]", "0, unknown 14, alias 14"},
      {U"[('x', [], ())]", "0"},
      {U"[('x', [], (0,))]", "0"},
      {U"[('x', [], (5,))]", "0"},
      {U"[('x', [], (2, 3))]", "0"},
      {U"[('x', [], 5)]", "0, alias 11"},
      {U"[('x', [], [])]", "0, unknown 11, alias 11"},
      {U"[('x', [], [5])]", "0, alias 11"},
      {U"[('x', [('a', '|V0')], ())]", "0"},
      {U"[('x', [('a', '|V0')], (0,))]", "0"},
      {U"[('x', [('a', '|V0')], (5,))]", "0"},
      {U"[('x', [('a', '|V0')], (2, 3))]", "0"},
      {U"[('x', [('a', '|V0')], 5)]", "0, alias 23"},
      {U"[('x', [('a', '|V0')], [])]", "0, unknown 23, alias 23"},
      {U"[('x', [('a', '|V0')], [5])]", "0, alias 23"},
      {U"[('x', ('<f4', (0,)), ())]", "0, unknown 22, alias 7"},
      {U"[('x', ('<f4', (0,)), (0,))]", "0, unknown 22, alias 7"},
      {U"[('x', ('<f4', (0,)), (5,))]", "0, unknown 22, alias 7"},
      {U"[('x', ('<f4', (0,)), (2, 3))]", "0, unknown 22, alias 7"},
      {U"[('x', ('<f4', (0,)), 5)]", "0, unknown 22, alias 7"},
      {U"[('x', ('<f4', (0,)), [])]", "0, unknown 22, alias 7"},
      {U"[('x', ('<f4', (0,)), [5])]", "0, unknown 22, alias 7"},
      {U"[('x', [('a', '<f4', (0,))], ())]", "0"},
      {U"[('x', [('a', '<f4', (0,))], (0,))]", "0"},
      {U"[('x', [('a', '<f4', (0,))], (5,))]", "0"},
      {U"[('x', [('a', '<f4', (0,))], (2, 3))]", "0"},
      {U"[('x', [('a', '<f4', (0,))], 5)]", "0, alias 29"},
      {U"[('x', [('a', '<f4', (0,))], [])]", "0, unknown 29, alias 29"},
      {U"[('x', [('a', '<f4', (0,))], [5])]", "0, alias 29"},
      {U"[('x', ([], (0,)), ())]", "0, unknown 19, alias 7"},
      {U"[('x', ([], (0,)), (0,))]", "0, unknown 19, alias 7"},
      {U"[('x', ([], (0,)), (5,))]", "0, unknown 19, alias 7"},
      {U"[('x', ([], (0,)), (2, 3))]", "0, unknown 19, alias 7"},
      {U"[('x', ([], (0,)), 5)]", "0, unknown 19, alias 7"},
      {U"[('x', ([], (0,)), [])]", "0, unknown 19, alias 7"},
      {U"[('x', ([], (0,)), [5])]", "0, unknown 19, alias 7"},
      {U"[('x', ([], ()), ())]", "0, alias 7"},
      {U"[('x', ([], ()), (0,))]", "0, alias 7"},
      {U"[('x', ([], ()), (5,))]", "0, alias 7"},
      {U"[('x', ([], ()), (2, 3))]", "0, alias 7"},
      {U"[('x', ([], ()), 5)]", "0, alias 7"},
      {U"[('x', ([], ()), [])]", "0, unknown 17, alias 7"},
      {U"[('x', ([], ()), [5])]", "0, alias 7"},
      {U"[('x', ([('a', '<f4')], (0,)), ())]", "0, unknown 31, alias 7"},
      {U"[('x', ([('a', '<f4')], (0,)), (0,))]", "0, unknown 31, alias 7"},
      {U"[('x', ([('a', '<f4')], (0,)), (5,))]", "0, unknown 31, alias 7"},
      {U"[('x', ([('a', '<f4')], (0,)), (2, 3))]", "0, unknown 31, alias 7"},
      {U"[('x', ([('a', '<f4')], (0,)), 5)]", "0, unknown 31, alias 7"},
      {U"[('x', ([('a', '<f4')], (0,)), [])]", "0, unknown 31, alias 7"},
      {U"[('x', ([('a', '<f4')], (0,)), [5])]", "0, unknown 31, alias 7"},
      {U"[('x', '|V0')]", "0"},
      {U"('|V0', (5,))", "0, unknown 8, alias 0"},
      {U"('|V0', (1,))", "0, unknown 8, alias 0"},
      {U"('|V0', ())", "0, unknown 8, alias 0"},
      {U"([], (5,))", "0, alias 0"},
  };
  ExpectRead(cases);
}

TEST(DescrTest, DimensionsOfAField) {
  const auto field = [](const char32_t* open, std::size_t rank, const char32_t* close) {
    std::u32string text = std::u32string(U"[('a', '<f4', ") + open;
    for (std::size_t i = 0; i < rank; ++i) text += U"1, ";
    return text + close + U")]";
  };
  EXPECT_EQ(Read(field(U"(", 64, U")")), "4");
  EXPECT_EQ(Read(field(U"(", 65, U")")), "0, unknown 14");
  EXPECT_EQ(Read(field(U"[", 64, U"]")), "4, alias 14");
  EXPECT_EQ(Read(field(U"[", 65, U"]")), "0, unknown 14, alias 14");
}

}  // namespace
}  // namespace tensorgate::numpy::internal
