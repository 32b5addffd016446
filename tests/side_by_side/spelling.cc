#include "spelling.h"

#include "mutator.h"

namespace tensorgate::mutator {

std::string EscapeAscii(char c, Random& random) {
  const std::string_view hex = random.Percent(50) ? "0123456789abcdef" : "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  return std::string("\\u00") + hex[byte / 16] + hex[byte % 16];
}

std::string Quote(std::string_view text, Random& random, bool fancy) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      out += EscapeAscii(c, random);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (fancy && byte < 0x80 && random.Percent(15)) {
      out += c == '/' ? "\\/" : EscapeAscii(c, random);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Space(Random& random) {
  std::string out;
  while (random.Percent(35)) out += " \t\n\r"[random.Below(4)];
  return out;
}

std::string RandomName(Random& random) {
  static constexpr std::string_view kNames[] = {"a",
                                                "b",
                                                "c",
                                                "weight",
                                                "model.layers.0.q_proj.weight",
                                                "model.layers.10.bias",
                                                "",
                                                "../x",
                                                "/etc/x",
                                                "dtype",
                                                "shape",
                                                "data_offsets",
                                                "__metadata",
                                                "metadata__",
                                                "__METADATA__",
                                                "format",
                                                "\xC3\xA9",
                                                "\xE2\x82\xAC",
                                                "\xF0\x9F\x98\x80",
                                                "tab\tname",
                                                "quote\"name",
                                                "back\\slash",
                                                "line\nbreak",
                                                "a b",
                                                "\x7F",
                                                "\xE2\x80\xAE"
                                                "rtl"};
  if (random.Percent(2)) return std::string(1, '\0');
  if (random.Percent(2)) return std::string(random.Between(60, 5000), 'n');
  if (random.Percent(25)) return "t" + std::to_string(random.Below(40));
  return std::string(random.Pick(kNames));
}

std::string_view HostileStringPiece(Random& random) {
  static constexpr std::string_view kPieces[] = {"\\ud800",
                                                 "\\udc00",
                                                 "\\ud83d\\ude00",
                                                 "\\udc00\\ud800",
                                                 "\\ud800\\ud800",
                                                 "\\ud800x",
                                                 "\\ud800\\n",
                                                 "\\uD834\\uDD1E",
                                                 "\\u0000",
                                                 "\\u00",
                                                 "\\u12G4",
                                                 "\\u",
                                                 "\\x41",
                                                 "\\'",
                                                 "\\0",
                                                 "\\",
                                                 "\\\"",
                                                 "\\/",
                                                 "\\b\\f\\n\\r\\t",
                                                 "\x7F",
                                                 "\x01",
                                                 "\x1F",
                                                 "\t",
                                                 "\n",
                                                 "\xFF",
                                                 "\xC0\x80",
                                                 "\xC3",
                                                 "\xED\xA0\x80",
                                                 "\xF4\x90\x80\x80",
                                                 "\xEF\xBB\xBF",
                                                 "\xE2\x82",
                                                 "\xF0\x9F\x98\x80",
                                                 "\xC2\x85",
                                                 "\"",
                                                 "\\ufeff",
                                                 "\\uFFFF",
                                                 "\\udbff\\udfff",
                                                 "\\u 123",
                                                 "\\U0041",
                                                 "\xF8\x88\x80\x80\x80",
                                                 "\x80",
                                                 "\xE0\x80\xAF",
                                                 "\xF0\x80\x80\xAF"};
  if (random.Percent(3)) return std::string_view("\0", 1);
  return random.Pick(kPieces);
}

std::string Nested(std::size_t depth, Random& random) {
  std::string open, close;
  for (std::size_t i = 0; i < depth; ++i) {
    if (random.Percent(50)) {
      open += '[';
      close += ']';
    } else {
      open += i + 1 < depth ? "{\"k\":" : "{";
      close += '}';
    }
  }
  return open + std::string(close.rbegin(), close.rend());
}

std::string RandomValue(Random& random, int levels) {
  switch (random.Below(levels > 0 ? 8 : 6)) {
    case 0:
      return "null";
    case 1:
      return random.Percent(50) ? "true" : "false";
    case 2:
    case 3:
      return RandomNumber(random);
    case 4:
      return Quote(RandomName(random), random, true);
    case 5:
      return Quote(random.Pick(kDTypeNames), random, false);
    case 6: {
      std::string out = "[";
      for (std::size_t i = 0, count = random.Below(4); i < count; ++i) {
        if (i != 0) out += ",";
        out += Space(random) + RandomValue(random, levels - 1);
      }
      return out + "]";
    }
    default: {
      std::string out = "{";
      for (std::size_t i = 0, count = random.Below(4); i < count; ++i) {
        if (i != 0) out += ",";
        out += Quote(RandomName(random), random, true) + Space(random) + ":" +
               RandomValue(random, levels - 1);
      }
      return out + "}";
    }
  }
}

}  // namespace tensorgate::mutator
