#include "lib/json/writer.h"

#include <array>
#include <boost/json/serializer.hpp>
#include <charconv>
#include <span>

#include "lib/base/utf8.h"

namespace tensorgate::internal {
namespace {

void AppendHex4(std::string& out, std::uint32_t unit) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[unit >> shift & 0xF];
}

void AppendEscaped(std::string& out, std::uint32_t code_point) {
  if (code_point < 0x10000) return AppendHex4(out, code_point);
  AppendHex4(out, 0xD800 + ((code_point - 0x10000) >> 10));
  AppendHex4(out, 0xDC00 + ((code_point - 0x10000) & 0x3FF));
}

bool IsPlain(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x7F) return false;
  }
  return true;
}

std::string ReplaceInvalid(std::string_view text) {
  std::string valid;
  while (true) {
    const std::size_t length = ValidUtf8Length(text);
    valid.append(text.substr(0, length));
    if (length == text.size()) return valid;
    valid += "\xEF\xBF\xBD";
    text.remove_prefix(length + 1);
  }
}

// Escapes the characters that `hidden` accepts. `text` is valid UTF-8 written by Boost, so
// characters below 0x20 are already escaped.
template <typename Hidden>
void AppendWithout(std::string& out, std::string_view text, const Hidden& hidden) {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = DecodeUtf8(text.substr(at));
    if (hidden(point.value)) {
      out.append(text.substr(done, at - done));
      AppendEscaped(out, point.value);
      done = at + point.length;
    }
    at += point.length;
  }
  out.append(text.substr(done));
}

void Serialize(std::string& out, std::string_view text) {
  boost::json::serializer serializer;
  serializer.reset(boost::json::string_view(text.data(), text.size()));
  std::array<char, 1024> buffer;
  while (!serializer.done()) {
    const boost::json::string_view part = serializer.read(buffer.data(), buffer.size());
    out.append(part.data(), part.size());
  }
}

std::string SerializeValid(std::string_view text) {
  std::string out;
  Serialize(out, ValidUtf8Length(text) == text.size() ? std::string(text) : ReplaceInvalid(text));
  return out;
}

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view part = bytes.substr(at, 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < part.size() ? static_cast<unsigned char>(part[i]) : 0);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= part.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return out;
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  if (IsPlain(text)) return Serialize(out, text);
  AppendWithout(out, SerializeValid(text), IsDeceptive);
}

void AppendPlainJsonString(std::string& out, std::string_view text) { Serialize(out, text); }

void AppendAsciiJsonString(std::string& out, std::string_view text) {
  AppendWithout(out, SerializeValid(text),
                [](std::uint32_t code_point) { return code_point >= 0x7F; });
}

void JsonWriter::Separate() {
  if (comma_) out_ += ',';
  comma_ = true;
  EndLine();
}

void JsonWriter::EndLine() {
  if (line_) out_ += '\n';
  line_ = false;
}

void JsonWriter::Open(char bracket) {
  Separate();
  out_ += bracket;
  comma_ = false;
}

void JsonWriter::Close(char bracket) {
  EndLine();
  out_ += bracket;
  comma_ = true;
}

void JsonWriter::Key(std::string_view key) {
  Separate();
  AppendJsonString(out_, key);
  out_ += ':';
  comma_ = false;
}

void JsonWriter::String(std::string_view text) {
  Separate();
  AppendJsonString(out_, text);
}

void JsonWriter::Number(std::uint64_t number) {
  Separate();
  std::array<char, 20> digits;
  const std::to_chars_result end = std::to_chars(digits.begin(), digits.end(), number);
  out_.append(digits.begin(), end.ptr);
}

void JsonWriter::Raw(std::string_view json) {
  Separate();
  out_ += json;
}

void JsonWriter::Bool(bool value) {
  Separate();
  out_ += value ? "true" : "false";
}

void JsonWriter::Null() {
  Separate();
  out_ += "null";
}

void JsonWriter::MemberOrNull(std::string_view key, std::string_view text) {
  Key(key);
  text.empty() ? Null() : String(text);
}

void JsonWriter::PathMembers(std::string_view key, std::string_view path) {
  const bool valid = ValidUtf8Length(path) == path.size();
  Key(key);
  valid ? String(path) : Null();
  MemberOrNull(std::string(key) + "_base64", valid ? std::string() : Base64(path));
}

}  // namespace tensorgate::internal
