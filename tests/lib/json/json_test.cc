#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/json/number.h"
#include "lib/json/tokens.h"

namespace tensorgate::json {
namespace {

TEST(SerdeReadsFiniteTest, AgreesWithWhatWasMeasured) {
  const std::string nines(309, '9');
  for (const char* infinite :
       {"1e309", "-1e309", "1e308000", "1.7976931348623159e308", "1e2147483647", "1e2147483648",
        "1E99999999999", "17976931348623159e292", "123456789012345678901234567890e300"}) {
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
  EXPECT_EQ(TameExponents(text), std::nullopt);
  EXPECT_EQ(text, R"({"1e99999999999":[0e00000000000,1e-00999999999,1e5,"\"1e99999999999"]})");
  // Finite only by its exponent, and still so afterwards.
  std::string lengthy = std::string(320, '9') + "e-000000100";
  EXPECT_EQ(TameExponents(lengthy), std::nullopt);
  EXPECT_EQ(lengthy, std::string(320, '9') + "e-999999999");
  EXPECT_EQ(TameExponents(lengthy), std::nullopt);
  // What is no number is none of its business.
  std::string broken = "[0e99999999999,2e99999999999x]";
  EXPECT_EQ(TameExponents(broken), std::nullopt);
  EXPECT_EQ(broken, "[0e00000000000,2e99999999999x]");
  std::string infinite = R"([1,2e99999999999,0e99999999999])";
  EXPECT_EQ(TameExponents(infinite), 3u);
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

TEST(TokenCursorTest, EndsInsideOfWhatIsNotJson) {
  for (const std::string text : {"", "\"open", "\"open\\", "[1", "?", "{\"a\"", "nul", "\"\\"}) {
    TokenCursor cursor(text);
    for (int i = 0; i < 10; ++i) {
      const Token token = cursor.Next();
      EXPECT_LE(token.begin, token.end);
      EXPECT_LE(token.end, text.size());
    }
  }
}

TEST(UnescapeTest, EveryEscape) {
  EXPECT_EQ(Unescape(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(Unescape(R"("\u0041\u00e9\u20AC\ud83d\ude00")"),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(Unescape(R"("\ud800\udc00\udbff\udfff\ud7ff\ue000")"),
            "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80");
  EXPECT_EQ(Unescape(R"("\u0000")"), std::string(1, '\0'));
  EXPECT_EQ(Unescape(R"("plain")"), "plain");
}

}  // namespace
}  // namespace tensorgate::json
