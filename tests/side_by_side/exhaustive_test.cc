// Exhaustive comparisons of small things: bytes, truncations, UTF-8, escapes, dtypes with shapes,
// ranges.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "judge.h"
#include "spelling.h"

namespace tensorgate::side_by_side {
namespace {

const std::vector<std::vector<std::byte>>& SmallFiles() {
  static const std::vector<std::vector<std::byte>> files = {
      Bytes("{}"),
      Bytes("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "12345678"),
      Bytes("{\"__metadata__\":{\"k\":\"v\"},\"b\":{\"shape\":[0],\"dtype\":\"F4\",\"data_"
            "offsets\":[1,1]},"
            "\"\\u0061\":{\"data_offsets\":[0,1],\"dtype\":\"U8\",\"shape\":[]}} ",
            "1"),
      Bytes("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":[-1.5e3,null,true,"
            "{\"\xC3\xA9\":[]}]}}",
            "1"),
      Bytes("{\"a\":[{\"F4\":null},[2,4],[0,4]],\"a\":[\"I64\",[],[0,8]]}", "12345678"),
  };
  return files;
}

TEST(SideBySide, EveryChangeOfOneByte) {
  Judge judge;
  for (const std::vector<std::byte>& file : SmallFiles()) {
    for (std::size_t at = 0; at < file.size(); ++at) {
      std::vector<std::byte> changed = file;
      for (unsigned value = 0; value < 256; ++value) {
        changed[at] = static_cast<std::byte>(value);
        judge(changed, "byte " + std::to_string(at) + " = " + std::to_string(value));
      }
    }
  }
}

TEST(SideBySide, EveryInsertionAndDeletionOfOneByte) {
  Judge judge;
  for (const std::vector<std::byte>& file : SmallFiles()) {
    for (std::size_t at = 8; at <= file.size(); ++at) {
      const auto place = static_cast<std::ptrdiff_t>(at);
      for (unsigned value = 0; value < 256; ++value) {
        std::vector<std::byte> longer = file;
        longer.insert(longer.begin() + place, static_cast<std::byte>(value));
        longer[0] = static_cast<std::byte>(std::to_integer<unsigned>(longer[0]) + 1);
        judge(longer, "inserted " + std::to_string(value) + " at " + std::to_string(at));
      }
      if (at == file.size()) continue;
      std::vector<std::byte> shorter = file;
      shorter.erase(shorter.begin() + place);
      shorter[0] = static_cast<std::byte>(std::to_integer<unsigned>(shorter[0]) - 1);
      judge(shorter, "deleted byte " + std::to_string(at));
    }
  }
}

TEST(SideBySide, EveryTruncation) {
  Judge judge;
  for (const std::vector<std::byte>& file : SmallFiles()) {
    for (std::size_t size = 0; size <= file.size(); ++size) {
      judge(std::span(file).first(size), "first " + std::to_string(size));
      // The same with a correct length, so that the JSON itself is truncated.
      if (size < 8) continue;
      std::vector<std::byte> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
      for (std::size_t i = 0; i < 8; ++i) cut[i] = static_cast<std::byte>((size - 8) >> (8 * i));
      judge(cut, "header cut to " + std::to_string(size - 8));
    }
  }
}

// Any two bytes, and any three that start like UTF-8, in a name, in a value and after an escape.
TEST(SideBySide, Utf8InStrings) {
  Judge judge;
  const auto try_piece = [&](const std::string& piece) {
    judge(Bytes("{\"__metadata__\":{\"" + piece + "\":\"v\"}}"), "key");
    judge(Bytes("{\"__metadata__\":{\"k\\n\":\"\\u0041" + piece + "\"}}"), "value");
  };
  for (unsigned first = 0x78; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      try_piece({static_cast<char>(first), static_cast<char>(second)});
    }
  }
  for (unsigned first = 0xE0; first < 256; ++first) {
    for (const unsigned second : {0x7Fu, 0x80u, 0x8Fu, 0x90u, 0x9Fu, 0xA0u, 0xBFu, 0xC0u}) {
      for (const unsigned third : {0x7Fu, 0x80u, 0xBFu, 0xC0u}) {
        const std::string three = {static_cast<char>(first), static_cast<char>(second),
                                   static_cast<char>(third)};
        try_piece(three);
        for (const char fourth : {'\x7F', '\x80', '\xBF', '\xC0'}) try_piece(three + fourth);
      }
    }
  }
}

TEST(SideBySide, Escapes) {
  Judge judge;
  for (unsigned value = 0; value < 256; ++value) {
    judge(Bytes(std::string("{\"__metadata__\":{\"k\":\"\\") + static_cast<char>(value) + "\"}}"),
          "backslash");
    judge(
        Bytes(std::string("{\"__metadata__\":{\"\\u00") + static_cast<char>(value) + "1\":\"\"}}"),
        "hex digit");
  }
  for (const std::string_view high : {"d7ff", "D800", "dBFf", "dc00", "DFFF", "e000", "0041"}) {
    for (const std::string_view low : {"d7ff", "d800", "dbff", "DC00", "dfff", "E000", "0041"}) {
      for (const std::string_view mark : {"\\u", "\\", "u", "", "x\\u", "\\U"}) {
        judge(Bytes("{\"\\u" + std::string(high) + std::string(mark) + std::string(low) +
                    "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
              "surrogates");
      }
    }
  }
}

// All correct and incorrect names of dtypes, with shapes at the limits of whole bytes and of 64
// bits.
TEST(SideBySide, DTypesAndShapes) {
  Judge judge;
  for (std::size_t i = 0; i < std::size(mutator::kDTypeNames); ++i) {
    const std::string name(mutator::kDTypeNames[i]);
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    for (const std::string& spelled :
         {name, lower, name + " ", " " + name, name.substr(1), name + "\\u0000"}) {
      for (const std::string_view shape : {"[]",
                                           "[0]",
                                           "[1]",
                                           "[2]",
                                           "[3]",
                                           "[4]",
                                           "[8]",
                                           "[2,3]",
                                           "[3,2]",
                                           "[4,3]",
                                           "[3,4]",
                                           "[0,3]",
                                           "[3,0]",
                                           "[288230376151711743]",
                                           "[288230376151711744]",
                                           "[2305843009213693951]",
                                           "[2305843009213693952]",
                                           "[3074457345618258602]",
                                           "[3074457345618258603]",
                                           "[4611686018427387903]",
                                           "[4611686018427387904]",
                                           "[18446744073709551615]",
                                           "[18446744073709551616]",
                                           "[0,288230376151711744]",
                                           "[0,288230376151711743]",
                                           "[288230376151711744,0]",
                                           "[4294967296,4294967296]",
                                           "[0,4294967296,4294967296]",
                                           "[4294967296,0,4294967296]",
                                           "[4294967296,4294967296,0]",
                                           "[4294967295,4294967297]"}) {
        for (const std::string_view data : {"", "1", "12", "123", "12345678"}) {
          judge(Bytes("{\"a\":{\"dtype\":\"" + spelled + "\",\"shape\":" + std::string(shape) +
                          ",\"data_offsets\":[0," + std::to_string(data.size()) + "]}}",
                      data),
                spelled);
        }
      }
    }
  }
}

// All combinations of two and three tensors with small ranges: order, ties, holes, overlaps,
// reversals.
TEST(SideBySide, AllSmallRanges) {
  Judge judge;
  const auto tensor = [](char name, unsigned begin, unsigned end, unsigned elements) {
    return std::string("\"") + name + "\":{\"dtype\":\"U8\",\"shape\":[" +
           std::to_string(elements) + "],\"data_offsets\":[" + std::to_string(begin) + "," +
           std::to_string(end) + "]}";
  };
  for (unsigned code = 0; code < 6561; ++code) {  // eight digits of base 3
    unsigned digits[8], rest = code;
    for (unsigned& digit : digits) {
      digit = rest % 3;
      rest /= 3;
    }
    for (const std::string_view data : {"", "1", "12"}) {
      const unsigned size_a = digits[1] - std::min(digits[0], digits[1]);
      judge(Bytes("{" + tensor('a', digits[0], digits[1], size_a) + "," +
                      tensor('b', digits[2], digits[3], digits[4]) + "," +
                      tensor('c', digits[5], digits[6], digits[7]) + "}",
                  data),
            "ranges " + std::to_string(code));
    }
  }
}

}  // namespace
}  // namespace tensorgate::side_by_side
