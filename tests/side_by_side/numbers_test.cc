// Numbers side by side: serde_json's arithmetic decides which numbers the crate refuses, and only
// the spelling of a number makes it an integer.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "judge.h"
#include "mutator.h"

namespace tensorgate::side_by_side {
namespace {

TEST(SideBySide, NumbersInUnknownFields) {
  Judge judge;
  mutator::Random random(42);
  const std::uint64_t count = Mutations() / 2;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string number =
        random.Percent(3) ? mutator::RandomBadNumber(random) : mutator::RandomNumber(random);
    judge(Bytes("{\"a\":{\"x\":" + number +
                ",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
          number);
  }
}

TEST(SideBySide, NumbersAsDimensionsAndOffsets) {
  Judge judge;
  mutator::Random random(43);
  const std::uint64_t count = Mutations() / 10;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string number =
        random.Percent(10) ? mutator::RandomBadNumber(random) : mutator::RandomNumber(random);
    judge(Bytes("{\"a\":{\"dtype\":\"U8\",\"shape\":[0," + number + "],\"data_offsets\":[0,0]}}"),
          number);
    judge(
        Bytes("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0," + number + "]}}", "x"),
        number);
  }
}

// All pairs of significant digits around the largest double, every relevant exponent, and the point
// in every position.
TEST(SideBySide, NumbersAroundTheLargestDouble) {
  Judge judge;
  for (const std::string_view digits :
       {"17976931348623157", "17976931348623158", "179769313486231570", "179769313486231575",
        "179769313486231580", "1797693134862315708", "17976931348623157081", "18446744073709551615",
        "18446744073709551616", "1844674407370955161", "9999999999999999999", "1", "9",
        "10000000000000000000", "00000000000000000001"}) {
    for (std::size_t point = 1; point <= digits.size(); ++point) {
      const std::string_view before = digits.substr(0, point), after = digits.substr(point);
      for (int exponent = 285; exponent <= 312; ++exponent) {
        const std::string number = std::string(before) + (after.empty() ? "" : ".") +
                                   std::string(after) + "e" + std::to_string(exponent);
        judge(Bytes("{\"a\":{\"x\":[" + number +
                    "],\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
              number);
      }
    }
  }
}

// Exponents around 2^31, where serde_json saturates and older versions of Boost fail.
TEST(SideBySide, NumbersWithHugeExponents) {
  Judge judge;
  for (const std::string_view mantissa :
       {"0", "-0", "0.0", "0.000", "1", "-1", "0.1", "0.01", "10", "18446744073709551616",
        "0.00000000000000000000000000000000001", "123456789012345678901234567890.5"}) {
    for (const std::string_view sign : {"", "+", "-"}) {
      for (const std::string_view exponent :
           {"99999999", "999999999", "214748364", "214748363", "2147483646", "2147483647",
            "2147483648", "2147483649", "4294967295", "4294967296", "9999999999", "99999999999",
            "18446744073709551616", "0000000000000000001", "00000000000000000000000000308",
            "000000000000000000000000000309", "99999999999999999999999999999999"}) {
        const std::string number =
            std::string(mantissa) + "e" + std::string(sign) + std::string(exponent);
        judge(Bytes("{\"a\":{\"x\":" + number +
                    ",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
              number);
        judge(Bytes("{\"a\":{\"x\":[" + number + "," + number +
                    "],\"y\":1e999999999,\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
              number);
      }
    }
  }
}

// A second number after one that made the library parse again, and exponents inside strings, which
// are not numbers.
TEST(SideBySide, HugeExponentsAmongOthers) {
  Judge judge;
  for (const std::string_view fields :
       {"\"x\":0e99999999999,\"y\":1e309", "\"x\":1e309,\"y\":0e99999999999",
        "\"x\":0e99999999999,\"y\":0e99999999999", "\"x\":\"0e99999999999\",\"y\":0e99999999999",
        "\"0e99999999999\":0e99999999999", "\"x\":0e99999999999x",
        "\"x\":[0e99999999999,{\"e\":-1E-99999999999}]", "\"x\":0e99999999999,\"y\":01",
        "\"x\":\"\\\"0e99999999999\""}) {
    for (const std::string_view rest :
         {"\"shape\":[0],\"data_offsets\":[0,0]", "\"shape\":[0],\"data_offsets\":[0,1]",
          "\"shape\":[0e99999999999],\"data_offsets\":[0,0]",
          "\"shape\":[0],\"data_offsets\":[0,0e99999999999]"}) {
      const std::string header =
          "{\"a\":{" + std::string(fields) + ",\"dtype\":\"U8\"," + std::string(rest) + "}}";
      judge(Bytes(header), header);
    }
  }
}

TEST(SideBySide, Depth) {
  Judge judge;
  for (std::size_t depth = 120; depth <= 135; ++depth) {
    const std::string open(depth, '['), close(depth, ']');
    judge(Bytes("{\"a\":{\"x\":" + open + close +
                ",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
          "field");
    judge(Bytes("{\"a\":[\"U8\",[0],[0,0]," + open + close + "]}"), "array form");
    judge(Bytes("{\"a\":" + open + close + "}"), "tensor");
    judge(Bytes("{\"__metadata__\":" + open + close + "}"), "metadata");
    judge(Bytes(open + close), "root");
    judge(Bytes("{\"a\":{\"x\":" + open), "open");
    std::string objects = "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":";
    for (std::size_t i = 0; i < depth; ++i) objects += "{\"x\":";
    objects += "1" + std::string(depth, '}') + "}}";
    judge(Bytes(objects), "objects");
  }
  judge(Bytes("{\"a\":" + std::string(200'000, '[')), "200,000 open arrays");
}

}  // namespace
}  // namespace tensorgate::side_by_side
