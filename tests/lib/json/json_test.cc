#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/json/events.h"
#include "lib/json/number.h"
#include "lib/json/tokens.h"
#include "lib/json/writer.h"

namespace tensorgate::json {
namespace {

TEST(SerdeReadsFiniteTest, AgreesWithWhatWasMeasured) {
  const std::string nines(309, '9');
  for (const char* infinite :
       {"1e309", "-1e309", "1e308000", "1.7976931348623159e308", "1e2147483647", "1e2147483648",
        "1E99999999999", "17976931348623159e292", "123456789012345678901234567890e300",
        "184467440737095516160e2147483647", "1844674407370955161600e2147483646"}) {
    EXPECT_FALSE(SerdeReadsFinite(infinite)) << infinite;
  }
  EXPECT_FALSE(SerdeReadsFinite(nines + "9"));
  EXPECT_FALSE(SerdeReadsFinite("1" + std::string(400, '0')));
  for (const char* finite :
       {"0", "-0", "1.0", "1e308", "1.7976931348623157e308", "18446744073709551616",
        "0e99999999999", "-0e99999999999", "1e-99999999999", "0e2147483648", "0.01e-2147483647",
        "0.0000001e309"}) {
    EXPECT_TRUE(SerdeReadsFinite(finite)) << finite;
  }
  EXPECT_TRUE(SerdeReadsFinite(std::string(300, '9')));
}

TEST(TameExponentsTest, OverwritesLongExponentsOutsideStrings) {
  std::string text = R"({"1e99999999999":[0e99999999999,1e-99999999999,1e5,"\"1e99999999999"]})";
  EXPECT_EQ(ClampExponents(text), std::nullopt);
  EXPECT_EQ(text, R"({"1e99999999999":[0e00000000000,1e-00999999999,1e5,"\"1e99999999999"]})");
  // Finite only because of its exponent, and still finite afterwards.
  std::string lengthy = std::string(320, '9') + "e-000000100";
  EXPECT_EQ(ClampExponents(lengthy), std::nullopt);
  EXPECT_EQ(lengthy, std::string(320, '9') + "e-999999999");
  EXPECT_EQ(ClampExponents(lengthy), std::nullopt);
  // Text that is not a number is ignored.
  std::string broken = "[0e99999999999,2e99999999999x]";
  EXPECT_EQ(ClampExponents(broken), std::nullopt);
  EXPECT_EQ(broken, "[0e00000000000,2e99999999999x]");
  for (const char* other :
       {"1e/9999999199", "1/2e9999999199", "1-0e99999999999", "1e_-999999999999"}) {
    broken = other;
    EXPECT_EQ(ClampExponents(broken), std::nullopt);
    EXPECT_EQ(broken, other);
  }
  std::string infinite = R"([1,2e99999999999,0e99999999999])";
  EXPECT_EQ(ClampExponents(infinite), 3u);
}

TEST(TokenCursorTest, WalksEveryKind) {
  const std::string text = R"( {"a\"b" : [1.5e3, true ,false,null,{}], "" : -0} )";
  TokenCursor cursor(text);
  std::vector<std::string> tokens;
  while (const Token token = cursor.Next())
    tokens.push_back(text.substr(token.begin, token.size()));
  EXPECT_EQ(tokens, (std::vector<std::string>{"{", "\"a\\\"b\"", "[", "1.5e3", "true", "false",
                                              "null", "{", "}", "]", "\"\"", "-0", "}"}));
  TokenCursor skipping(text);
  const Token root = skipping.Next();
  EXPECT_EQ(skipping.SkipValue(root).begin, text.size() - 2);
}

TEST(TokenCursorTest, EndsInsideTextThatIsNotJson) {
  for (const std::string text : {"", "\"open", "\"open\\", "[1", "?", "{\"a\"", "nul", "\"\\"}) {
    TokenCursor cursor(text);
    for (int i = 0; i < 10; ++i) {
      const Token token = cursor.Next();
      EXPECT_LE(token.begin, token.end);
      EXPECT_LE(token.end, text.size());
    }
  }
}

TEST(TokenCursorTest, SkipsTruncatedTextToItsEnd) {
  const std::string text = R"([1,{"a":[2)";
  TokenCursor cursor(text);
  EXPECT_FALSE(cursor.SkipValue(cursor.Next()));
  EXPECT_FALSE(cursor.SkipValue(Token()));
}

TEST(TokenCursorTest, WhatBeginsNoValueIsTheEnd) {
  for (const std::string_view text : {"x", "~", "/", ";", "+", "\x7f"})
    EXPECT_FALSE(TokenCursor(text).Next()) << text;
  for (const std::string_view text : {"0", "9", "-"})
    EXPECT_EQ(TokenCursor(text).Next().kind, TokenKind::kNumber) << text;
}

// The parser stops at a bracket, but after any other token.
TEST(TokenAtStopTest, TakesABracketThereAndOtherTokensBefore) {
  for (const auto& [text, kind] :
       {std::pair("{{", TokenKind::kObject), std::pair("}}", TokenKind::kObjectEnd),
        std::pair("[[", TokenKind::kArray), std::pair("]]", TokenKind::kArrayEnd)}) {
    EXPECT_EQ(TokenAtStop(text, 0, kind).begin, 0u) << text;
    EXPECT_EQ(TokenAtStop(text, 1, kind).begin, 1u) << text;
  }
  const std::string_view strings = R"("a""b" "c")";
  EXPECT_EQ(TokenAtStop(strings, 3, TokenKind::kString).begin, 0u);
  EXPECT_EQ(TokenAtStop(strings, 4, TokenKind::kString).begin, 3u);
  EXPECT_EQ(TokenAtStop(strings, 7, TokenKind::kString).begin, 7u);
  EXPECT_FALSE(TokenAtStop(strings, 9, TokenKind::kNumber));
}

TEST(TokensTest, EveryKindHasItsWords) {
  const std::string text = R"({[""-1 true false null)";
  TokenCursor cursor(text);
  std::vector<std::string_view> words;
  while (const Token token = cursor.Next()) words.push_back(Words(token.kind));
  EXPECT_EQ(words, (std::vector<std::string_view>{"an object", "an array", "a string", "a number",
                                                  "true", "false", "null"}));
  EXPECT_EQ(Words(TokenKind::kEnd), "nothing");
}

TEST(ParseTest, SaysWhyATextIsNotJson) {
  class Nothing : public HandlerBase {
   public:
    bool on_object_begin(Error&) { return true; }
    bool on_object_end(std::size_t, Error&) { return true; }
    bool on_array_begin(Error&) { return true; }
    bool on_array_end(std::size_t, Error&) { return true; }
    bool on_key_part(Text, std::size_t, Error&) { return true; }
    bool on_key(Text, std::size_t, Error&) { return true; }
    bool on_string_part(Text, std::size_t, Error&) { return true; }
    bool on_string(Text, std::size_t, Error&) { return true; }
    bool on_int64(std::int64_t, Text, Error&) { return true; }
    bool on_uint64(std::uint64_t, Text, Error&) { return true; }
    bool on_double(double, Text, Error&) { return true; }
    bool on_bool(bool, Error&) { return true; }
    bool on_null(Error&) { return true; }
  };
  const auto reason = [](std::string_view text) {
    std::string why;
    Parse<Nothing>(text, 4, [&](Nothing&, const ParseEnd& end) { why = end.reason; });
    return why;
  };
  EXPECT_EQ(reason("[1"), "it ends too early");
  const std::string more = " and so on, as long as you please";
  for (const std::string& end : {std::string("\""), more}) {
    for (const char* escape : {R"("\udc00)", R"("\ud800\u0041)", R"("\u00g0)", R"("\ud800\ug000)"})
      EXPECT_EQ(reason(escape + end), "an invalid escape") << escape << end;
    for (const char* escape : {R"("\x20)", R"("\ud800x)", R"("\ud800\n)"})
      EXPECT_EQ(reason(escape + end), "an unexpected character") << escape << end;
  }
  EXPECT_EQ(reason("[1;2]"), "an unexpected character");
  EXPECT_EQ(reason("[1,2]"), "");
}

TEST(WriterTest, OnlyAsciiWhereItIsAskedFor) {
  std::string out;
  internal::AppendAsciiJsonString(out, "a\"\n\x7f\xC3\xA9\xF0\x9F\x98\x80~");
  EXPECT_EQ(out, R"("a\"\n\u007f\u00e9\ud83d\ude00~")");
}

TEST(WriterTest, NumbersAsTheyWereWritten) {
  std::string out;
  internal::JsonWriter writer(out);
  writer.BeginArray();
  writer.Raw("184467440737095516160");
  writer.Raw("-1.5");
  writer.EndArray();
  EXPECT_EQ(out, "[184467440737095516160,-1.5]");
}

TEST(UnescapeTest, TruncatedTextStaysInside) {
  EXPECT_EQ(Unescape(""), "");
  EXPECT_EQ(Unescape("\""), "");
  EXPECT_EQ(Unescape(R"("a\")"), "a\\");
  EXPECT_EQ(Unescape(R"("\u12")"), "u12");
  EXPECT_EQ(Unescape(R"("\u123")"), "u123");
  EXPECT_EQ(Unescape(R"("\ud83d")"), "\xED\xA0\xBD");
}

TEST(UnescapeTest, EveryEscape) {
  EXPECT_EQ(Unescape(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(Unescape(R"("\u0041\u00e9\u20AC\ud83d\ude00")"),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(Unescape(R"("\ud800\udc00\udbff\udfff\ud7ff\ue000")"),
            "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80");
  // No halves of a pair, whatever follows; the limits of one, two and three bytes.
  EXPECT_EQ(Unescape(R"("\udc00\u0041\ue000\u0042")"),
            "\xED\xB0\x80"
            "A\xEE\x80\x80"
            "B");
  EXPECT_EQ(Unescape(R"("\u007f\u0080\u07ff\u0800\uffff")"),
            "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
  EXPECT_EQ(Unescape(R"("\u0000")"), std::string(1, '\0'));
  EXPECT_EQ(Unescape(R"("plain")"), "plain");
}

}  // namespace
}  // namespace tensorgate::json
