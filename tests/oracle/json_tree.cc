#include "json_tree.h"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "natural.h"

namespace tensorgate::oracle {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

void AppendUtf8(std::uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::variant<Json, JsonError> Read() {
    try {
      SkipSpace();
      Json root = ReadValue(0);
      SkipSpace();
      if (at_ != text_.size()) Fail(JsonError::Kind::kTrailing);
      return root;
    } catch (const JsonError& error) {
      return error;
    }
  }

 private:
  [[noreturn]] void Fail(JsonError::Kind kind = JsonError::Kind::kSyntax) const {
    throw JsonError{kind, at_};
  }
  bool AtEnd() const { return at_ == text_.size(); }
  char Peek() const {
    if (AtEnd()) Fail();
    return text_[at_];
  }
  char Take() {
    const char c = Peek();
    ++at_;
    return c;
  }
  void Expect(char wanted) {
    if (Peek() != wanted) Fail();
    ++at_;
  }
  void SkipSpace() {
    while (!AtEnd() && IsSpace(text_[at_])) ++at_;
  }

  Json ReadValue(int depth) {
    Json value;
    value.begin = at_;
    switch (Peek()) {
      case '{':
        value.kind = JsonKind::kObject;
        ReadObject(value, depth + 1);
        break;
      case '[':
        value.kind = JsonKind::kArray;
        ReadArray(value, depth + 1);
        break;
      case '"':
        value.kind = JsonKind::kString;
        value.text = ReadString();
        break;
      case 'n':
        ReadWord("null");
        break;
      case 't':
        value.kind = JsonKind::kBool;
        ReadWord("true");
        break;
      case 'f':
        value.kind = JsonKind::kBool;
        ReadWord("false");
        break;
      default:
        value.kind = JsonKind::kNumber;
        value.text = ReadNumber();
    }
    value.end = at_;
    return value;
  }

  void ReadObject(Json& object, int depth) {
    if (depth > kMaxDepth) Fail(JsonError::Kind::kDepth);
    Expect('{');
    SkipSpace();
    if (Peek() == '}') {
      ++at_;
      return;
    }
    while (true) {
      SkipSpace();
      std::string key = ReadString();
      SkipSpace();
      Expect(':');
      SkipSpace();
      Json value = ReadValue(depth);
      object.members.push_back({std::move(key), std::move(value)});
      SkipSpace();
      if (Peek() == '}') break;
      Expect(',');
    }
    ++at_;
  }

  void ReadArray(Json& array, int depth) {
    if (depth > kMaxDepth) Fail(JsonError::Kind::kDepth);
    Expect('[');
    SkipSpace();
    if (Peek() == ']') {
      ++at_;
      return;
    }
    while (true) {
      SkipSpace();
      array.items.push_back(ReadValue(depth));
      SkipSpace();
      if (Peek() == ']') break;
      Expect(',');
    }
    ++at_;
  }

  void ReadWord(std::string_view word) {
    for (char c : word) Expect(c);
  }

  std::uint32_t ReadHex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = Take();
      value *= 16;
      if (IsDigit(c)) {
        value += static_cast<std::uint32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        value += static_cast<std::uint32_t>(c - 'a' + 10);
      } else if (c >= 'A' && c <= 'F') {
        value += static_cast<std::uint32_t>(c - 'A' + 10);
      } else {
        Fail();
      }
    }
    return value;
  }

  void ReadEscape(std::string& out) {
    switch (Take()) {
      case '"':
        out += '"';
        return;
      case '\\':
        out += '\\';
        return;
      case '/':
        out += '/';
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        break;
      default:
        Fail();
    }
    std::uint32_t code = ReadHex4();
    if (code >= 0xDC00 && code <= 0xDFFF) Fail();
    if (code >= 0xD800 && code <= 0xDBFF) {
      Expect('\\');
      Expect('u');
      const std::uint32_t low = ReadHex4();
      if (low < 0xDC00 || low > 0xDFFF) Fail();
      code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
    }
    AppendUtf8(code, out);
  }

  std::string ReadString() {
    Expect('"');
    std::string out;
    while (true) {
      const char c = Take();
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) Fail();
      if (c == '\\') {
        ReadEscape(out);
      } else {
        out += c;
      }
    }
  }

  void ReadDigits() {
    if (!IsDigit(Peek())) Fail();
    while (!AtEnd() && IsDigit(text_[at_])) ++at_;
  }

  std::string ReadNumber() {
    const std::size_t begin = at_;
    if (Peek() == '-') ++at_;
    if (Peek() == '0') {
      ++at_;  // a leading zero must be the whole integer part
    } else {
      ReadDigits();
    }
    if (!AtEnd() && text_[at_] == '.') {
      ++at_;
      ReadDigits();
    }
    if (!AtEnd() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      ReadDigits();
    }
    std::string number(text_.substr(begin, at_ - begin));
    if (!IsFiniteInSerdeJson(number)) throw JsonError{JsonError::Kind::kNumberRange, begin};
    return number;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::variant<Json, JsonError> ReadJson(std::string_view text) { return Reader(text).Read(); }

bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned first = byte(i);
    std::size_t length = 0;
    std::uint32_t code = 0;
    if (first < 0x80) {
      length = 1;
      code = first;
    } else if ((first & 0xE0) == 0xC0) {
      length = 2;
      code = first & 0x1F;
    } else if ((first & 0xF0) == 0xE0) {
      length = 3;
      code = first & 0x0F;
    } else if ((first & 0xF8) == 0xF0) {
      length = 4;
      code = first & 0x07;
    } else {
      return false;
    }
    if (text.size() - i < length) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
      code = code * 64 + (byte(i + k) & 0x3F);
    }
    constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[length] || code > 0x10FFFF) return false;
    if (code >= 0xD800 && code <= 0xDFFF) return false;
    i += length;
  }
  return true;
}

// serde_json keeps a significand of 64 bits and a decimal exponent of 32 bits, and multiplies once
// by a power of ten.
bool IsFiniteInSerdeJson(std::string_view number) {
  std::size_t at = 0;
  const auto digit = [&] { return at < number.size() && IsDigit(number[at]); };
  if (at < number.size() && number[at] == '-') ++at;

  Natural significand;
  std::int64_t exponent = 0;
  bool full = false;  // once an integer digit does not fit, the others are only counted
  for (; digit(); ++at) {
    const Natural next = significand * 10 + static_cast<std::uint64_t>(number[at] - '0');
    full = full || !next.Fits64();
    if (full) {
      ++exponent;
    } else {
      significand = next;
    }
  }
  if (at < number.size() && number[at] == '.') {
    ++at;
    bool dropped = false;  // once a fraction digit does not fit, the others are dropped
    for (; digit(); ++at) {
      const Natural next = significand * 10 + static_cast<std::uint64_t>(number[at] - '0');
      dropped = dropped || !next.Fits64();
      if (!dropped) {
        significand = next;
        --exponent;
      }
    }
  }
  if (at < number.size()) {
    ++at;  // e or E
    bool negative = false;
    if (number[at] == '+' || number[at] == '-') negative = number[at++] == '-';
    std::int64_t written = 0;
    for (; digit(); ++at) {
      written = written * 10 + (number[at] - '0');
      if (written > INT32_MAX) return significand == Natural() || negative;
    }
    exponent += negative ? -written : written;
  }
  if (significand == Natural() || exponent < 0) return true;
  if (exponent > 308) return false;
  // Stored each time, since the 32-bit x87 computes with more than 64 bits.
  volatile double value = static_cast<double>(significand.Low64());
  volatile double power = std::strtod(("1e" + std::to_string(exponent)).c_str(), nullptr);
  value = value * power;
  return !std::isinf(value);
}

}  // namespace tensorgate::oracle
