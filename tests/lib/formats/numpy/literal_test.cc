// Python's literals in a header: the values, the places that are not plain, and where Python stops. Each expectation was
// compared with ast.literal_eval.
#include "lib/formats/numpy/literal.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tensorgate::numpy::internal {
namespace {

using namespace std::string_view_literals;

std::string ShownText(std::u32string_view text) {
  std::string shown = "'";
  for (const char32_t c : text) {
    const bool plain = c >= 0x20 && c < 0x7F && c != '\'' && c != '<';
    shown += plain ? std::string(1, static_cast<char>(c)) : "<" + std::to_string(c) + ">";
  }
  return shown + "'";
}

// As Python writes it; of a float only that it is one.
std::string Shown(const Literal& literal, const Value& value) {
  if (value.kind == Kind::kNone) return "None";
  if (value.kind == Kind::kFloat) return "float";
  if (value.kind == Kind::kBool) return value.number != 0 ? "True" : "False";
  if (value.kind == Kind::kInteger)
    return (value.negative ? "-" : "") + std::to_string(value.number);
  if (value.kind == Kind::kString) return ShownText(literal.String(value));
  const bool dict = value.kind == Kind::kDict;
  std::string shown = dict ? "{" : value.kind == Kind::kTuple ? "(" : "[";
  std::uint32_t items = 0;
  for (const Value& item : literal.ItemsOf(value)) {
    if (items != 0) shown += dict && items % 2 == 1 ? ": " : ", ";
    shown += Shown(literal, item);
    ++items;
  }
  EXPECT_EQ(items, value.count);
  if (value.kind == Kind::kTuple && items == 1) shown += ",";
  return shown + (dict ? "}" : value.kind == Kind::kTuple ? ")" : "]");
}

// "VALUE", with " loose N" and " L N" where there are such places; or "N: what would have been right".
std::string Read(std::u32string_view text, bool python2 = false) {
  const auto literal = ParseLiteral(text, python2);
  if (!literal) {
    const LiteralError& error = literal.error();
    EXPECT_LE(error.offset, text.size());
    return std::to_string(error.offset) + ": " + std::string(error.expected);
  }
  std::string read = Shown(*literal, literal->root());
  if (literal->loose) read += " loose " + std::to_string(*literal->loose);
  if (literal->python2_long) read += " L " + std::to_string(*literal->python2_long);
  return read;
}

struct Case {
  std::u32string_view text;
  std::string_view read;
};

void ExpectRead(const Case& each, bool python2 = false) {
  std::string text;
  for (const char32_t c : each.text) {
    const bool plain = c >= 0x20 && c < 0x7F;
    text += plain ? std::string(1, static_cast<char>(c)) : "<" + std::to_string(c) + ">";
  }
  EXPECT_EQ(Read(each.text, python2), each.read) << text;
}

// literal_eval strips spaces and tabs; a line that is still indented after that is an error.
TEST(LiteralTest, BeforeTheDict) {
  const Case cases[] = {
      {U"{}", "{}"},
      {U" {}", "{} loose 0"},
      {U"\t{}", "{} loose 0"},
      {U"  \t{}", "{} loose 0"},
      {U"\n{}", "{} loose 0"},
      {U"# c\n{}", "{} loose 0"},
      {U"  # c\n{}", "{} loose 0"},
      {U"\n  # c\n{}", "{} loose 0"},
      {U"\n {}", "2: a dict at the start of a line"},
      {U"\n\t{}", "2: a dict at the start of a line"},
      {U"\f{}", "{} loose 0"},
      {U" \f{}", "{} loose 0"},
      {U"\n \f{}", "{} loose 0"},
      {U"\n\t\f \n{}", "{} loose 0"},
      {U"\f {}", "2: a dict at the start of a line"},
      {U"", "0: a dict at the start of a line"},
      {U"\n", "1: a dict at the start of a line"},
      {U"# c", "3: a dict at the start of a line"},
      {U" ", "1: a dict at the start of a line"},
      {U"\\\n{}", "{} loose 0"},
      {U"\\\r\n{}", "{} loose 0"},
      {U"\\\n {}", "3: a dict at the start of a line"},
      {U"\\\n", "0: a string, a number, True, False, a tuple, a list or a dict"},
      {U"\\", "0: a string, a number, True, False, a tuple, a list or a dict"},
      {U"\\x", "0: a string, a number, True, False, a tuple, a list or a dict"},
      {U"\r\n{}", "{} loose 0"},
      {U"\r{}", "{} loose 0"},
      {U"\n\r{}", "{} loose 0"},
      {U"\v{}", "0: a string, a number, True, False, a tuple, a list or a dict"},
      {U"\u00a0{}", "0: a string, a number, True, False or None"},
      {U"\n# c\r# d\r\n{}", "{} loose 0"},
      {U"'a'", "'a' loose 0"},
      {U" 1", "1 loose 0"},
      {U"[]", "[] loose 0"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

// Plain is one line feed at most. Python refuses an indented last line without a line end.
TEST(LiteralTest, AfterTheDict) {
  const Case cases[] = {
      {U"{}\n", "{}"},
      {U"{}  \n", "{}"},
      {U"{}   ", "{}"},
      {U"{}\t\n", "{} loose 2"},
      {U"{}\f\n", "{} loose 2"},
      {U"{} # c\n", "{} loose 3"},
      {U"{} # c", "{} loose 3"},
      {U"{}\n\n", "{} loose 2"},
      {U"{}\n \n", "{} loose 2"},
      {U"{}\n \n ", "6: only spaces after the dict"},
      {U"{}\n ", "4: only spaces after the dict"},
      {U"{}\n  # c", "{} loose 2"},
      {U"{}\n  # c\n", "{} loose 2"},
      {U"{}\n\\\n", "3: only spaces after the dict"},
      {U"{} \\\n", "3: only spaces after the dict"},
      {U"{} \\\n\n", "{} loose 3"},
      {U"{}\\", "2: only spaces after the dict"},
      {U"{} \\", "3: only spaces after the dict"},
      {U"{} \\x", "3: only spaces after the dict"},
      {U"{}\\\n ", "{} loose 2"},
      {U"{}\r\n", "{} loose 2"},
      {U"{}\r", "{} loose 2"},
      {U"{}\r \r", "{} loose 2"},
      {U"{}\r ", "4: only spaces after the dict"},
      {U"{} x", "3: only spaces after the dict"},
      {U"{}{}", "2: only spaces after the dict"},
      {U"{}\n#x", "{} loose 2"},
      {U"{}\n\f", "{} loose 2"},
      {U"{}\n \f", "{} loose 2"},
      {U"{}\n\fx", "4: only spaces after the dict"},
      {U"{}\\\n#x", "{} loose 2"},
      {U"{}\\\n#x\n", "{} loose 2"},
      {U"{}\n \\\n", "4: only spaces after the dict"},
      {U"{}\n \\\n\n", "{} loose 2"},
      {U"{}\\\n\\\n\n", "{} loose 2"},
      {U"{}\\\n  \n", "{} loose 2"},
      {U"{}\n{}", "3: only spaces after the dict"},
      {U"{}\n x", "4: only spaces after the dict"},
      {U"{};", "2: only spaces after the dict"},
      {U"{}\n;", "3: only spaces after the dict"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

TEST(LiteralTest, WithinBrackets) {
  const Case cases[] = {
      {U"{ }", "{}"},
      {U"{\t}", "{} loose 1"},
      {U"{\f}", "{} loose 1"},
      {U"{\n}", "{} loose 1"},
      {U"{\r}", "{} loose 1"},
      {U"{\r\n}", "{} loose 1"},
      {U"{# c\n}", "{} loose 1"},
      {U"{# c\r}", "{} loose 1"},
      {U"{# c", "4: the rest of the header"},
      {U"{", "1: the rest of the header"},
      {U"{ ", "2: the rest of the header"},
      {U"{\\\n}", "{} loose 1"},
      {U"{\\\r\n}", "{} loose 1"},
      {U"{\\ \n}", "1: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{\\\n", "1: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{\\", "1: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{'a':1}", "{'a': 1}"},
      {U"{'a' : 1 }", "{'a': 1}"},
      {U"{ 'a':\n1}", "{'a': 1} loose 6"},
      {U"{'a'\t:1}", "{'a': 1} loose 4"},
      {U"{'a':1\\\n}", "{'a': 1} loose 6"},
      {U"{'a':1,}", "{'a': 1}"},
      {U"{'a':1 ,\n}", "{'a': 1} loose 8"},
      {U"{'a':1, 'b':2}", "{'a': 1, 'b': 2}"},
      {U"{,}", "1: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{'a' 1}", "5: a colon after the key"},
      {U"{'a':}", "5: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{'a':,}", "5: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{'a':1", "6: the rest of the header"},
      {U"{'a':", "5: the rest of the header"},
      {U"{'a'", "4: the rest of the header"},
      {U"{'a': ", "6: the rest of the header"},
      {U"{'a' ", "5: the rest of the header"},
      {U"{'a':1 ", "7: the rest of the header"},
      {U"{'a':1 'b':2}", "7: a comma or the closing bracket"},
      {U"{'a':1,,}", "7: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{'a':1]", "6: a comma or the closing bracket"},
      {U"{**{}}", "1: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{'a':1;}", "6: a comma or the closing bracket"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

TEST(LiteralTest, Containers) {
  const Case cases[] = {
      {U"{1: []}", "{1: []}"},
      {U"{1: [ ]}", "{1: []}"},
      {U"{1: [1]}", "{1: [1]}"},
      {U"{1: [1,]}", "{1: [1]}"},
      {U"{1: [1, 2]}", "{1: [1, 2]}"},
      {U"{1: [1,2,]}", "{1: [1, 2]}"},
      {U"{1: [,]}", "5: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: [1,,2]}", "7: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: [1 2]}", "7: a comma or the closing bracket"},
      {U"{1: [1}", "6: a comma or the closing bracket"},
      {U"{1: [1,}", "7: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: [1)}", "6: a comma or the closing bracket"},
      {U"{1: ()}", "{1: ()}"},
      {U"{1: ( )}", "{1: ()}"},
      {U"{1: (,)}", "5: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: (1)}", "{1: 1} loose 4"},
      {U"{1: (1,)}", "{1: (1,)}"},
      {U"{1: (1 ,)}", "{1: (1,)}"},
      {U"{1: ( 1 )}", "{1: 1} loose 4"},
      {U"{1: (1, 2)}", "{1: (1, 2)}"},
      {U"{1: (1,2,)}", "{1: (1, 2)}"},
      {U"{1: ('a')}", "{1: 'a'} loose 4"},
      {U"{1: ((1))}", "{1: 1} loose 4"},
      {U"{1: ((1),)}", "{1: (1,)} loose 5"},
      {U"{1: ([])}", "{1: []} loose 4"},
      {U"{1: (())}", "{1: ()} loose 4"},
      {U"{1: ((),)}", "{1: ((),)}"},
      {U"{1: (1}", "6: a comma or the closing bracket"},
      {U"{1: (1]}", "6: a comma or the closing bracket"},
      {U"{1: [(1, [2, {3: (4,)}], ()), 5]}", "{1: [(1, [2, {3: (4,)}], ()), 5]}"},
      {U"{1: ]}", "4: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: )}", "4: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: }}", "4: a string, a number, True, False, a tuple, a list or a dict"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

TEST(LiteralTest, Names) {
  const Case cases[] = {
      {U"{1: True}", "{1: True}"},
      {U"{1: False}", "{1: False}"},
      {U"{1: None}", "{1: None}"},
      {U"{1: [True, False, None]}", "{1: [True, False, None]}"},
      {U"{1: true}", "4: a string, a number, True, False or None"},
      {U"{1: Tru}", "4: a string, a number, True, False or None"},
      {U"{1: True_}", "4: a string, a number, True, False or None"},
      {U"{1: True1}", "4: a string, a number, True, False or None"},
      {U"{1: True\u00e9}", "4: a string, a number, True, False or None"},
      {U"{1: Nonee}", "4: a string, a number, True, False or None"},
      {U"{1: NaN}", "4: a string, a number, True, False or None"},
      {U"{1: a}", "4: a string, a number, True, False or None"},
      {U"{1: _}", "4: a string, a number, True, False or None"},
      {U"{1: \u00e9}", "4: a string, a number, True, False or None"},
      {U"{1: Truer'x'}", "4: a string, a number, True, False or None"},
      {U"{1: u}", "4: a string, a number, True, False or None"},
      {U"{1: r}", "4: a string, a number, True, False or None"},
      {U"{1: f'a'}", "4: a string, a number, True, False or None"},
      {U"{1: ur'a'}", "4: a string, a number, True, False or None"},
      {U"{1: U}", "4: a string, a number, True, False or None"},
      {U"{1: R}", "4: a string, a number, True, False or None"},
      {U"{1: u1}", "4: a string, a number, True, False or None"},
      {U"{1: rr'a'}", "4: a string, a number, True, False or None"},
      {U"{1: None'a'}", "8: a comma or the closing bracket"},
      {U"{1: [True.real]}", "9: a comma or the closing bracket"},
      {U"{1: True()}", "8: a comma or the closing bracket"},
      {U"{1: lambda}", "4: a string, a number, True, False or None"},
      {U"{1: Truez}", "4: a string, a number, True, False or None"},
      {U"{1: Truea}", "4: a string, a number, True, False or None"},
      {U"{1: TrueA}", "4: a string, a number, True, False or None"},
      {U"{1: TrueZ}", "4: a string, a number, True, False or None"},
      {U"{1: True9}", "4: a string, a number, True, False or None"},
      {U"{1: True0}", "4: a string, a number, True, False or None"},
      {U"{1: True\x80"
       U"}",
       "4: a string, a number, True, False or None"},
      {U"{1: True\177}", "8: a comma or the closing bracket"},
      {U"{1: True{}", "8: a comma or the closing bracket"},
      {U"{1: True@}", "8: a comma or the closing bracket"},
      {U"{1: True[}", "8: a comma or the closing bracket"},
      {U"{1: True`}", "8: a comma or the closing bracket"},
      {U"{1: True/}", "8: a comma or the closing bracket"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

TEST(LiteralTest, Strings) {
  const Case cases[] = {
      {U"{1: 'a'}", "{1: 'a'}"},
      {U"{1: \"a\"}", "{1: 'a'}"},
      {U"{1: ''}", "{1: ''}"},
      {U"{1: \"\"}", "{1: ''}"},
      {U"{1: 'a\"b'}", "{1: 'a\"b'}"},
      {U"{1: \"a'b\"}", "{1: 'a<39>b'}"},
      {U"{1: 'a}", "7: the closing '"},
      {U"{1: \"a}", "7: the closing \""},
      {U"{1: 'a\"}", "8: the closing '"},
      {U"{1: 'a\nb'}", "6: the closing '"},
      {U"{1: 'a\rb'}", "6: the closing '"},
      {U"{1: 'a\tb'}", "{1: 'a<9>b'} loose 6"},
      {U"{1: 'a\177b'}", "{1: 'a<127>b'} loose 6"},
      {U"{1: 'a\037b'}", "{1: 'a<31>b'} loose 6"},
      {U"{1: 'a\x80"
       U"b'}",
       "{1: 'a<128>b'}"},
      {U"{1: '\u00e9\u4e2d'}", "{1: '<233><20013>'}"},
      {U"{1: u'a'}", "{1: 'a'} loose 4"},
      {U"{1: U'a'}", "{1: 'a'} loose 4"},
      {U"{1: r'a'}", "{1: 'a'} loose 4"},
      {U"{1: R\"a\"}", "{1: 'a'} loose 4"},
      {U"{1: u\"a\"}", "{1: 'a'} loose 4"},
      {U"{1: '''a'''}", "{1: 'a'} loose 4"},
      {U"{1: \"\"\"a\"\"\"}", "{1: 'a'} loose 4"},
      {U"{1: ''''''}", "{1: ''} loose 4"},
      {U"{1: '''a'b''c'''}", "{1: 'a<39>b<39><39>c'} loose 4"},
      {U"{1: '''a\nb'''}", "{1: 'a<10>b'} loose 4"},
      {U"{1: '''a\rb'''}", "{1: 'a<10>b'} loose 4"},
      {U"{1: '''a\r\nb'''}", "{1: 'a<10>b'} loose 4"},
      {U"{1: '''a\r\rb'''}", "{1: 'a<10><10>b'} loose 4"},
      {U"{1: '''a}", "9: the closing '"},
      {U"{1: '''a'}", "10: the closing '"},
      {U"{1: '''a''}", "11: the closing '"},
      {U"{1: ''''}", "9: the closing '"},
      {U"{1: '''''}", "10: the closing '"},
      {U"{1: 'a' 'b'}", "{1: 'ab'} loose 8"},
      {U"{1: ['a' 'b']}", "{1: ['ab']} loose 9"},
      {U"{1: ['a'\n'b']}", "{1: ['ab']} loose 8"},
      {U"{1: 'a''b'}", "{1: 'ab'} loose 7"},
      {U"{1: 'a'\"b\"}", "{1: 'ab'} loose 7"},
      {U"{1: 'a'u'b'}", "{1: 'ab'} loose 7"},
      {U"{1: ['a' r'b']}", "{1: ['ab']} loose 9"},
      {U"{1: ['a' 1]}", "9: a comma or the closing bracket"},
      {U"{1: ['a' b'b']}", "9: a comma or the closing bracket"},
      {U"{1: ['a' u]}", "9: a comma or the closing bracket"},
      {U"{1: ['a' # c\n 'b', 'c']}", "{1: ['ab', 'c']} loose 9"},
      {U"{1: ['a'}", "8: a comma or the closing bracket"},
      {U"{1: ['a' }", "9: a comma or the closing bracket"},
      {U"{1: ['a' 'b}", "12: the closing '"},
      {U"{1: ('a'\n)}", "{1: 'a'} loose 4"},
      {U"{1: 'a'\\\n'b'}", "{1: 'ab'} loose 7"},
      {U"{1: 'a'\n'b'}", "{1: 'ab'} loose 7"},
      {U"{1: ['a' rr'b']}", "9: a comma or the closing bracket"},
      {U"{1: {'a' 'b': 'c' 'd'}}", "{1: {'ab': 'cd'}} loose 9"},
      {U"{1: ['', '']}", "{1: ['', '']}"},
      {U"{1: ['ab', 'c', 'def']}", "{1: ['ab', 'c', 'def']}"},
      {U"{1: 'a b~'}", "{1: 'a b~'}"},
      {U"{1: '\031'}", "{1: '<25>'} loose 5"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

TEST(LiteralTest, Escapes) {
  const Case cases[] = {
      {U"{1: '\\\\'}", "{1: '\\'} loose 5"},
      {U"{1: '\\''}", "{1: '<39>'} loose 5"},
      {U"{1: '\\\"'}", "{1: '\"'} loose 5"},
      {U"{1: \"\\\"\"}", "{1: '\"'} loose 5"},
      {U"{1: '\\a\\b\\f\\n\\r\\t\\v'}", "{1: '<7><8><12><10><13><9><11>'} loose 5"},
      {U"{1: '\\x41'}", "{1: 'A'} loose 5"},
      {U"{1: '\\x4'}", "8: a hexadecimal digit"},
      {U"{1: '\\x'}", "7: a hexadecimal digit"},
      {U"{1: '\\x4g'}", "8: a hexadecimal digit"},
      {U"{1: '\\xg4'}", "7: a hexadecimal digit"},
      {U"{1: '\\xfF'}", "{1: '<255>'} loose 5"},
      {U"{1: '\\u0041'}", "{1: 'A'} loose 5"},
      {U"{1: '\\u004'}", "10: a hexadecimal digit"},
      {U"{1: '\\u00e9z'}", "{1: '<233>z'} loose 5"},
      {U"{1: '\\uD800'}", "{1: '<55296>'} loose 5"},
      {U"{1: '\\U00000041'}", "{1: 'A'} loose 5"},
      {U"{1: '\\U0010FFFF'}", "{1: '<1114111>'} loose 5"},
      {U"{1: '\\U00110000'}", "15: a Unicode code point"},
      {U"{1: '\\UFFFFFFFF'}", "15: a Unicode code point"},
      {U"{1: '\\U0000004'}", "14: a hexadecimal digit"},
      {U"{1: '\\0'}", "{1: '<0>'} loose 5"},
      {U"{1: '\\1'}", "{1: '<1>'} loose 5"},
      {U"{1: '\\12'}", "{1: '<10>'} loose 5"},
      {U"{1: '\\123'}", "{1: 'S'} loose 5"},
      {U"{1: '\\1234'}", "{1: 'S4'} loose 5"},
      {U"{1: '\\18'}", "{1: '<1>8'} loose 5"},
      {U"{1: '\\777'}", "{1: '<511>'} loose 5"},
      {U"{1: '\\8'}", "{1: '\\8'} loose 5"},
      {U"{1: '\\7z'}", "{1: '<7>z'} loose 5"},
      {U"{1: '\\/'}", "{1: '\\/'} loose 5"},
      {U"{1: '\\q'}", "{1: '\\q'} loose 5"},
      {U"{1: '\\\u00e9'}", "{1: '\\<233>'} loose 5"},
      {U"{1: '\\Nx'}", "5: an escape other than \\N"},
      {U"{1: '\\X41'}", "{1: '\\X41'} loose 5"},
      {U"{1: '\\\n'}", "{1: ''} loose 5"},
      {U"{1: 'a\\\nb'}", "{1: 'ab'} loose 6"},
      {U"{1: '\\\r\nb'}", "{1: 'b'} loose 5"},
      {U"{1: '\\\rb'}", "{1: 'b'} loose 5"},
      {U"{1: '\\\n}", "8: the closing '"},
      {U"{1: '\\}", "7: the closing '"},
      {U"{1: '\\'}", "8: the closing '"},
      {U"{1: 'a\\\n'}", "{1: 'a'} loose 6"},
      {U"{1: '''\\\n'''}", "{1: ''} loose 4"},
      {U"{1: '\\\t'}", "{1: '\\<9>'} loose 5"},
      {U"{1: r'\\x41'}", "{1: '\\x41'} loose 4"},
      {U"{1: r'\\n'}", "{1: '\\n'} loose 4"},
      {U"{1: r'\\''}", "{1: '\\<39>'} loose 4"},
      {U"{1: r'\\\\'}", "{1: '\\\\'} loose 4"},
      {U"{1: r'\\}", "8: the closing '"},
      {U"{1: r'\\\n'}", "{1: '\\<10>'} loose 4"},
      {U"{1: r'''\\\nb'''}", "{1: '\\<10>b'} loose 4"},
      {U"{1: r'''\\\r\nb'''}", "{1: '\\<10>b'} loose 4"},
      {U"{1: r'a\\\rb'}", "{1: 'a\\<10>b'} loose 4"},
      {U"{1: r'\\'x}", "10: the closing '"},
      {U"{1: R'\\N'}", "{1: '\\N'} loose 4"},
      {U"{1: u'\\x41'}", "{1: 'A'} loose 4"},
      {U"{1: r'\\\t'}", "{1: '\\<9>'} loose 4"},
      {U"{1: '\\'}", "8: the closing '"},
      {U"{1: '\\x41\\x42' 'c'}", "{1: 'ABc'} loose 5"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

TEST(LiteralTest, Numbers) {
  const Case cases[] = {
      {U"{1: 0}", "{1: 0}"},
      {U"{1: 1}", "{1: 1}"},
      {U"{1: 9}", "{1: 9}"},
      {U"{1: 10}", "{1: 10}"},
      {U"{1: 12345}", "{1: 12345}"},
      {U"{1: 18446744073709551614}", "{1: 18446744073709551614}"},
      {U"{1: 18446744073709551615}", "{1: 18446744073709551615}"},
      {U"{1: 18446744073709551616}", "{1: 18446744073709551615}"},
      {U"{1: 18446744073709551620}", "{1: 18446744073709551615}"},
      {U"{1: 184467440737095516150}", "{1: 18446744073709551615}"},
      {U"{1: 99999999999999999999999}", "{1: 18446744073709551615}"},
      {U"{1: 00}", "{1: 0} loose 4"},
      {U"{1: 000}", "{1: 0} loose 4"},
      {U"{1: 01}", "4: a number without a leading 0"},
      {U"{1: 007}", "4: a number without a leading 0"},
      {U"{1: 0_0}", "{1: 0} loose 4"},
      {U"{1: 0_1}", "4: a number without a leading 0"},
      {U"{1: 08}", "4: a number without a leading 0"},
      {U"{1: 1_0}", "{1: 10} loose 5"},
      {U"{1: 1_000_000}", "{1: 1000000} loose 5"},
      {U"{1: 1__0}", "6: a digit"},
      {U"{1: 1_}", "6: a digit"},
      {U"{1: _1}", "4: a string, a number, True, False or None"},
      {U"{1: 1_a}", "6: a digit"},
      {U"{1: 1a}", "5: the end of the number"},
      {U"{1: 1'a'}", "5: a comma or the closing bracket"},
      {U"{1: 1u}", "5: the end of the number"},
      {U"{1: 1\u00e9}", "5: the end of the number"},
      {U"{1: 1 a}", "6: a comma or the closing bracket"},
      {U"{1: 1(}", "5: a comma or the closing bracket"},
      {U"{1: 0x0}", "{1: 0} loose 4"},
      {U"{1: 0x1}", "{1: 1} loose 4"},
      {U"{1: 0xF}", "{1: 15} loose 4"},
      {U"{1: 0xf}", "{1: 15} loose 4"},
      {U"{1: 0XfF}", "{1: 255} loose 4"},
      {U"{1: 0xg}", "6: a digit"},
      {U"{1: 0x}", "6: a digit"},
      {U"{1: 0x_1}", "{1: 1} loose 4"},
      {U"{1: 0x1_2}", "{1: 18} loose 4"},
      {U"{1: 0x1__2}", "8: a digit"},
      {U"{1: 0x1_}", "8: a digit"},
      {U"{1: 0x_}", "7: a digit"},
      {U"{1: 0x__1}", "7: a digit"},
      {U"{1: 0xFFFFFFFFFFFFFFFF}", "{1: 18446744073709551615} loose 4"},
      {U"{1: 0x10000000000000000}", "{1: 18446744073709551615} loose 4"},
      {U"{1: 0xFFFFFFFFFFFFFFFFF}", "{1: 18446744073709551615} loose 4"},
      {U"{1: 0o7}", "{1: 7} loose 4"},
      {U"{1: 0O17}", "{1: 15} loose 4"},
      {U"{1: 0o8}", "6: a digit"},
      {U"{1: 0o18}", "7: the end of the number"},
      {U"{1: 0o}", "6: a digit"},
      {U"{1: 0o_7}", "{1: 7} loose 4"},
      {U"{1: 0b1}", "{1: 1} loose 4"},
      {U"{1: 0B101}", "{1: 5} loose 4"},
      {U"{1: 0b2}", "6: a digit"},
      {U"{1: 0b12}", "7: the end of the number"},
      {U"{1: 0b}", "6: a digit"},
      {U"{1: 0b1e}", "7: the end of the number"},
      {U"{1: 0x1.}", "7: a comma or the closing bracket"},
      {U"{1: 0x1e5}", "{1: 485} loose 4"},
      {U"{1: 0xz}", "6: a digit"},
      {U"{1: 0o1777777777777777777777}", "{1: 18446744073709551615} loose 4"},
      {U"{1: 0o2000000000000000000000}", "{1: 18446744073709551615} loose 4"},
      {U"{1: 1.}", "{1: float} loose 5"},
      {U"{1: 1.5}", "{1: float} loose 5"},
      {U"{1: 1.5.}", "7: a comma or the closing bracket"},
      {U"{1: 1._5}", "6: the end of the number"},
      {U"{1: 1.5_5}", "{1: float} loose 5"},
      {U"{1: 1.5_}", "8: a digit"},
      {U"{1: .5}", "{1: float} loose 4"},
      {U"{1: .}", "4: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: ..5}", "4: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: .5_}", "7: a digit"},
      {U"{1: 0.}", "{1: float} loose 5"},
      {U"{1: 00.}", "{1: float} loose 6"},
      {U"{1: 01.5}", "{1: float} loose 6"},
      {U"{1: 09.5}", "{1: float} loose 6"},
      {U"{1: 09}", "4: a number without a leading 0"},
      {U"{1: 09e1}", "{1: float} loose 6"},
      {U"{1: 1e5}", "{1: float} loose 5"},
      {U"{1: 1E5}", "{1: float} loose 5"},
      {U"{1: 1e+5}", "{1: float} loose 5"},
      {U"{1: 1e-5}", "{1: float} loose 5"},
      {U"{1: 1e}", "5: the end of the number"},
      {U"{1: 1e+}", "5: the end of the number"},
      {U"{1: 1e_5}", "5: the end of the number"},
      {U"{1: 1e5_0}", "{1: float} loose 5"},
      {U"{1: 1e5_}", "8: a digit"},
      {U"{1: 1e5.}", "7: a comma or the closing bracket"},
      {U"{1: 1.e5}", "{1: float} loose 5"},
      {U"{1: 1.5e5}", "{1: float} loose 5"},
      {U"{1: .5e5}", "{1: float} loose 4"},
      {U"{1: 1j}", "{1: float} loose 5"},
      {U"{1: 1J}", "{1: float} loose 5"},
      {U"{1: 01j}", "{1: float} loose 6"},
      {U"{1: 1.j}", "{1: float} loose 5"},
      {U"{1: 1e5j}", "{1: float} loose 5"},
      {U"{1: 1jj}", "6: the end of the number"},
      {U"{1: 1j1}", "6: the end of the number"},
      {U"{1: 1.5a}", "7: the end of the number"},
      {U"{1: 1e5a}", "7: the end of the number"},
      {U"{1: 1ej}", "5: the end of the number"},
      {U"{1: 0e0}", "{1: float} loose 5"},
      {U"{1: 1.e}", "6: the end of the number"},
      {U"{1: 1+2}", "5: a comma or the closing bracket"},
      {U"{1: 1-2}", "5: a comma or the closing bracket"},
      {U"{1: [1\\\n,2]}", "{1: [1, 2]} loose 6"},
      {U"{1: 1z}", "5: the end of the number"},
      {U"{1: 1A}", "5: the end of the number"},
      {U"{1: 1Z}", "5: the end of the number"},
      {U"{1: 1\x80"
       U"}",
       "5: the end of the number"},
      {U"{1: 1@}", "5: a comma or the closing bracket"},
      {U"{1: 1[}", "5: a comma or the closing bracket"},
      {U"{1: 1`}", "5: a comma or the closing bracket"},
      {U"{1: 1{}", "5: a comma or the closing bracket"},
      {U"{1: 1/}", "5: a comma or the closing bracket"},
      {U"{1: 1:}", "5: a comma or the closing bracket"},
      {U"{1: 0xA}", "{1: 10} loose 4"},
      {U"{1: 0xa}", "{1: 10} loose 4"},
      {U"{1: 0xAa}", "{1: 170} loose 4"},
      {U"{1: 0xFa}", "{1: 250} loose 4"},
      {U"{1: 0xG}", "6: a digit"},
      {U"{1: 0x@}", "6: a digit"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

TEST(LiteralTest, Signs) {
  const Case cases[] = {
      {U"{1: -1}", "{1: -1} loose 4"},
      {U"{1: -0}", "{1: 0} loose 4"},
      {U"{1: -00}", "{1: 0} loose 4"},
      {U"{1: -0x0}", "{1: 0} loose 4"},
      {U"{1: -0x1}", "{1: -1} loose 4"},
      {U"{1: -18446744073709551616}", "{1: -18446744073709551615} loose 4"},
      {U"{1: +1}", "{1: 1} loose 4"},
      {U"{1: +0}", "{1: 0} loose 4"},
      {U"{1: -1.5}", "{1: float} loose 4"},
      {U"{1: +1.5}", "{1: float} loose 4"},
      {U"{1: -.5}", "{1: float} loose 4"},
      {U"{1: -1j}", "{1: float} loose 4"},
      {U"{1: - 1}", "{1: -1} loose 4"},
      {U"{1: [- 1]}", "{1: [-1]} loose 5"},
      {U"{1: [-\n1]}", "{1: [-1]} loose 5"},
      {U"{1: [-# c\n1]}", "{1: [-1]} loose 5"},
      {U"{1: [+\\\n1]}", "{1: [1]} loose 5"},
      {U"{1: -}", "5: a number after the sign"},
      {U"{1: +}", "5: a number after the sign"},
      {U"{1: --1}", "5: a number after the sign"},
      {U"{1: -a}", "5: a number after the sign"},
      {U"{1: -'a'}", "5: a number after the sign"},
      {U"{1: -True}", "5: a number after the sign"},
      {U"{1: -.}", "5: a number after the sign"},
      {U"{1: [-}", "6: a number after the sign"},
      {U"{1: [- }", "7: a number after the sign"},
      {U"{1: [-]}", "6: a number after the sign"},
      {U"{1: -\n1}", "{1: -1} loose 4"},
      {U"{1: - \n1}", "{1: -1} loose 4"},
      {U"{1: -01}", "5: a number without a leading 0"},
      {U"{1: -1_0}", "{1: -10} loose 4"},
      {U"{1: -\\\n1}", "{1: -1} loose 4"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

// Wherever the text ends, the parser does not read past it.
TEST(LiteralTest, TheTextEnds) {
  const Case cases[] = {
      {U"'a", "2: the closing '"},
      {U"\"a", "2: the closing \""},
      {U"'''a''", "6: the closing '"},
      {U"'''a'", "5: the closing '"},
      {U"'\\", "1: a character after the backslash"},
      {U"'\\\n", "2: the closing '"},
      {U"r'\\", "3: the closing '"},
      {U"'\\x4", "4: a hexadecimal digit"},
      {U"['a'", "4: the rest of the header"},
      {U"['a' ", "5: the rest of the header"},
      {U"['a' 'b'", "8: the rest of the header"},
      {U"[1", "2: the rest of the header"},
      {U"[1,", "3: the rest of the header"},
      {U"[ ", "2: the rest of the header"},
      {U"(1", "2: the rest of the header"},
      {U"(", "1: the rest of the header"},
      {U"[-", "2: the rest of the header"},
      {U"[- ", "3: the rest of the header"},
      {U"[1\\\n", "2: a comma or the closing bracket"},
      {U"{1", "2: the rest of the header"},
      {U"1e", "1: the end of the number"},
      {U"1.5e", "3: the end of the number"},
      {U"1_", "2: a digit"},
      {U"0x", "2: a digit"},
      {U"0", "0 loose 0"},
      {U"1", "1 loose 0"},
      {U"-", "1: a number after the sign"},
      {U"True", "True loose 0"},
      {U"u", "0: a string, a number, True, False or None"},
      {U"'a' ", "'a' loose 0"},
      {U"['a'\n", "5: the rest of the header"},
      {U"'a'u", "3: only spaces after the dict"},
      {U"1e+", "1: the end of the number"},
      {U"L", "0: a string, a number, True, False or None"},
      {U"1L", "1: the end of the number"},
      {U"0_", "2: a digit"},
      {U"'a'\\", "3: only spaces after the dict"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

// In its second reading NumPy drops a name `L` after a number.
TEST(LiteralTest, NumbersOfPython2) {
  const Case cases[] = {
      {U"{1: 2L}", "{1: 2} L 5"},
      {U"{1: 2 L}", "{1: 2} loose 6 L 6"},
      {U"{1: 2L L}", "{1: 2} loose 7 L 5"},
      {U"{1: 2LL}", "5: the end of the number"},
      {U"{1: 2LL L}", "5: the end of the number"},
      {U"{1: 2Lx}", "5: the end of the number"},
      {U"{1: 2L'x'}", "5: the end of the number"},
      {U"{1: 2Lu}", "5: the end of the number"},
      {U"{1: 2L_}", "5: the end of the number"},
      {U"{1: 2L1}", "5: the end of the number"},
      {U"{1: 2l}", "5: the end of the number"},
      {U"{1: 0x1L}", "{1: 1} loose 4 L 7"},
      {U"{1: 0o7L}", "{1: 7} loose 4 L 7"},
      {U"{1: 1.5L}", "{1: float} loose 5 L 7"},
      {U"{1: 1e5L}", "{1: float} loose 5 L 7"},
      {U"{1: 1jL}", "{1: float} loose 5 L 6"},
      {U"{1: -2L}", "{1: -2} loose 4 L 6"},
      {U"{1: 2\tL}", "{1: 2} loose 6 L 6"},
      {U"{1: 2\fL}", "{1: 2} loose 6 L 6"},
      {U"{1: 2\\\nL}", "{1: 2} loose 7 L 7"},
      {U"{1: 2\nL}", "6: a comma or the closing bracket"},
      {U"{1: 2 \\\n L}", "{1: 2} loose 9 L 9"},
      {U"{1: L}", "4: a string, a number, True, False or None"},
      {U"{1: 2 L 3}", "8: a comma or the closing bracket"},
      {U"{1: 2L,3L}", "9: a colon after the key"},
      {U"{1: (2L, 3L)}", "{1: (2, 3)} L 6"},
      {U"{1: (2L,)}", "{1: (2,)} L 6"},
      {U"{1: (2 L L L,)}", "{1: (2,)} loose 7 L 7"},
      {U"{1: 02L}", "4: a number without a leading 0"},
      {U"{1: 00L}", "{1: 0} loose 4 L 6"},
      {U"{1: 2_0L}", "{1: 20} loose 5 L 7"},
      {U"{1: 'a'L}", "7: a comma or the closing bracket"},
      {U"{1: (2)L}", "7: a comma or the closing bracket"},
      {U"{1: 2L\n}", "{1: 2} loose 6 L 5"},
      {U"{1: 2 L\n}", "{1: 2} loose 6 L 6"},
      {U"{1: 2 L \"x\"}", "8: a comma or the closing bracket"},
      {U"{1: 2 Lx}", "6: a comma or the closing bracket"},
      {U"{1:  2 L#c\n}", "{1: 2} loose 7 L 7"},
      {U"{1: -2 L}", "{1: -2} loose 4 L 7"},
      {U"{1: 2 l}", "6: a comma or the closing bracket"},
      {U"{1: True L}", "9: a comma or the closing bracket"},
      {U"{1: 2 \\x}", "6: a comma or the closing bracket"},
  };
  for (const Case& each : cases) ExpectRead(each, true);
}

// In that reading blanks at the end are dropped, too, unless lines end in CR.
TEST(LiteralTest, TheEndInPython2) {
  const Case cases[] = {
      {U"{}\n ", "{} loose 2"},
      {U"{}\n \n ", "{} loose 2"},
      {U"{}\n\t", "{} loose 2"},
      {U"{}\r ", "4: only spaces after the dict"},
      {U"{}\n\\\n", "3: only spaces after the dict"},
      {U"{}\n \\\n", "4: only spaces after the dict"},
      {U"{}\n x", "4: only spaces after the dict"},
      {U"2L", "2 loose 0 L 1"},
      {U"2 L", "2 loose 0 L 2"},
      {U"2 ", "2 loose 0"},
      {U"{}\n # c\n  ", "{} loose 2"},
      {U" {}", "{} loose 0"},
      {U"\n {}", "2: a dict at the start of a line"},
      {U"{}  \t", "{} loose 4"},
  };
  for (const Case& each : cases) ExpectRead(each, true);
}

// NumPy reads version 3.0 only once.
TEST(LiteralTest, NoNumbersOfPython2) {
  const Case cases[] = {
      {U"{1: 2L}", "5: the end of the number"},
      {U"{1: 2 L}", "6: a comma or the closing bracket"},
      {U"{1: 0x1L}", "7: the end of the number"},
      {U"{}\n ", "4: only spaces after the dict"},
      {U"{}\r ", "4: only spaces after the dict"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

// Values at the top are read as they are within a dict; ReadHeader refuses them.
TEST(LiteralTest, OutsideOfBrackets) {
  const Case cases[] = {
      {U"1 ", "1 loose 0"},        {U"-1", "-1 loose 0"},    {U"'a' ", "'a' loose 0"},
      {U"'a''b'", "'ab' loose 0"}, {U"1.", "float loose 0"}, {U"1\n", "1 loose 0"},
      {U"()\n", "() loose 0"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

// Literals that Python reads and this parser refuses: sets, bytes, named characters, sums, a sign before brackets.
TEST(LiteralTest, WhatPythonReadsAndNoHeaderNeeds) {
  const Case cases[] = {
      {U"{},", "2: only spaces after the dict"},
      {U"{'a'}", "4: a colon after the key"},
      {U"{'a',}", "4: a colon after the key"},
      {U"{1: ...}", "4: a string, a number, True, False, a tuple, a list or a dict"},
      {U"{1: -(1)}", "5: a number after the sign"},
      {U"{1: 1-2j}", "5: a comma or the closing bracket"},
      {U"{1: b'a'}", "4: a string, a number, True, False or None"},
      {U"{1: '\\N{DIGIT ONE}'}", "5: an escape other than \\N"},
      {U"- 1", "1: a number after the sign"},
      {U"'a' 'b'", "4: only spaces after the dict"},
  };
  for (const Case& each : cases) ExpectRead(each);
}

TEST(LiteralTest, NoNulAnywhere) {
  ExpectRead({U"{}\0"sv, "2: a character other than NUL"});
  ExpectRead({U"{}  # \0\0"sv, "6: a character other than NUL"});
  ExpectRead({U"\0{}"sv, "0: a character other than NUL"});
}

// As CPython's tokenizer counts them.
TEST(LiteralTest, BracketsWithinBrackets) {
  const auto nested = [](std::size_t depth) {
    return std::u32string(depth, U'[') + std::u32string(depth, U']');
  };
  EXPECT_TRUE(ParseLiteral(nested(200), false));
  EXPECT_EQ(Read(nested(201)), "200: less nesting");
  // Closed brackets no longer count.
  EXPECT_TRUE(ParseLiteral(U"[" + nested(199) + U", " + nested(199) + U"]", false));
}

// CPython converts no decimal number of more digits.
TEST(LiteralTest, DigitsOfANumber) {
  const std::u32string nines(4300, U'9');
  EXPECT_EQ(Read(U"{1: " + nines + U"}"), "{1: 18446744073709551615}");
  EXPECT_EQ(Read(U"{1: " + nines + U"9}"), "4305: a shorter number");
  // Other bases have no such limit.
  EXPECT_EQ(Read(U"{1: 0x" + nines + U"9}"), "{1: 18446744073709551615} loose 4");
}

}  // namespace
}  // namespace tensorgate::numpy::internal
