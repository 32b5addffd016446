#include <string>
#include <string_view>

#include "mutator.h"

namespace tensorgate::mutator {
namespace {

std::string Digits(Random& random, std::size_t count) {
  std::string digits;
  for (std::size_t i = 0; i < count; ++i) digits += static_cast<char>('0' + random.Below(10));
  return digits;
}

std::string NoLeadingZero(std::string digits) {
  if (!digits.empty() && digits[0] == '0') digits[0] = '1';
  return digits;
}

constexpr std::string_view kIntegers[] = {"0",
                                          "1",
                                          "2",
                                          "7",
                                          "8",
                                          "127",
                                          "128",
                                          "255",
                                          "256",
                                          "65535",
                                          "65536",
                                          "2147483647",
                                          "2147483648",
                                          "4294967295",
                                          "4294967296",
                                          "4294967297",
                                          "281474976710655",
                                          "9007199254740991",
                                          "9007199254740992",
                                          "9007199254740993",
                                          "2305843009213693951",
                                          "2305843009213693952",
                                          "4611686018427387904",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551614",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "18446744073709551617",
                                          "18446744073709551625",
                                          "36893488147419103232",
                                          "100000000",
                                          "100000001"};

// Limits of serde_json's arithmetic: the significand's 64 bits, the largest double, the exponent's
// 32 bits.
constexpr std::string_view kFloats[] = {"1.0",
                                        "1e0",
                                        "1E0",
                                        "4.0",
                                        "4e0",
                                        "0.0",
                                        "-0.0",
                                        "0e0",
                                        "1e308",
                                        "1.7976931348623157e308",
                                        "1.7976931348623158e308",
                                        "1.7976931348623159e308",
                                        "17976931348623157e292",
                                        "17976931348623158e292",
                                        "17976931348623159e292",
                                        "1e309",
                                        "-1e309",
                                        "1e-309",
                                        "5e-324",
                                        "1e-400",
                                        "0e99999999999",
                                        "-0e99999999999",
                                        "0e-99999999999",
                                        "1e-99999999999",
                                        "1e99999999999",
                                        "0.0e2147483648",
                                        "0e2147483647",
                                        "0e2147483648",
                                        "1e2147483647",
                                        "1e-2147483647",
                                        "1e-2147483648",
                                        "1e2147483648",
                                        "0.01e-2147483647",
                                        "0.01e2147483647",
                                        "1e4294967296",
                                        "1844674407370955161.5",
                                        "1844674407370955161.6",
                                        "18446744073709551615.0",
                                        "18446744073709551616.5",
                                        "18446744073709551615e289",
                                        "18446744073709551616e289",
                                        "1e00000000000000000308",
                                        "1e+308",
                                        "1e+309",
                                        "0.1e309",
                                        "0.01e310",
                                        "0.1e310",
                                        "10e307",
                                        "100e307"};

}  // namespace

std::string RandomNumber(Random& random) {
  const std::string sign = random.Percent(15) ? "-" : "";
  switch (random.Below(10)) {
    case 0:
    case 1:
      return sign + std::string(random.Pick(kIntegers));
    case 2:
      return std::string(random.Pick(kFloats));
    case 3:
      return std::to_string(random.Below(20));
    case 4:
      return sign + NoLeadingZero(Digits(random, random.Between(1, 25)));
    case 5:
      return sign + NoLeadingZero(Digits(random, random.Between(295, 325)));
    case 6: {  // around the largest double, with the point anywhere
      std::string digits = random.Percent(50) ? "17976931348623157" : "17976931348623158";
      digits += Digits(random, random.Below(12));
      const std::size_t point = random.Between(1, digits.size() - 1);
      const auto exponent = static_cast<long>(308 + random.Below(3)) - static_cast<long>(point);
      return sign + digits.substr(0, point) + "." + digits.substr(point) + "e" +
             std::to_string(exponent);
    }
    case 7: {  // leading zeros in the fraction, compensated by the exponent
      const std::size_t zeros = random.Below(400);
      return sign + "0." + std::string(zeros, '0') +
             NoLeadingZero(Digits(random, random.Between(1, 24))) + "e" +
             std::to_string(zeros + random.Between(300, 312));
    }
    case 8:  // many digits, and an exponent that is long because of zeros or its size
      return sign + NoLeadingZero(Digits(random, random.Between(1, 330))) + "e" +
             (random.Percent(60) ? "-" : "") + std::string(random.Below(12), '0') +
             Digits(random, random.Between(1, 12));
    default: {
      std::string number = sign + NoLeadingZero(Digits(random, random.Between(1, 22)));
      if (random.Percent(50)) number += "." + Digits(random, random.Between(1, 22));
      if (random.Percent(70)) {
        number += random.Percent(50) ? "e" : "E";
        if (random.Percent(40)) number += random.Percent(60) ? "-" : "+";
        number += random.Percent(80) ? std::to_string(random.Between(270, 320))
                                     : Digits(random, random.Between(1, 13));
      }
      return number;
    }
  }
}

std::string RandomBadNumber(Random& random) {
  static constexpr std::string_view kBad[] = {"01",           "00",   "-",     "+1",  ".5",
                                              "1.",           "1.e5", "1e",    "1e+", "1e-",
                                              "-01",          "0x10", "1_000", "NaN", "Infinity",
                                              "-Infinity",    "nan",  "1e1.5", "--1", "1-",
                                              "\xEF\xBC\x91", "1 2",  "0b1",   "1f",  "-a"};
  return std::string(random.Pick(kBad));
}

}  // namespace tensorgate::mutator
