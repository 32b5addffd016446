// Messages: a finding or an error as one sentence, and how text from a file is shown.
#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <string>
#include <string_view>

#include "lib/base/utf8.h"
#include "lib/json/writer.h"
#include "lib/report/message.h"
#include "lib/rules/report_builder.h"
#include "lib/source/system_error.h"
#include "tensorgate/render.h"

namespace tensorgate {
namespace {

// Of a name in a sentence; JSON has all that the report keeps.
constexpr std::size_t kShownSubject = 120;

void AppendHex(std::string& out, std::uint32_t value, int digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kDigits[value >> shift & 0xF];
}

void AppendCodePoint(std::string& out, std::uint32_t value) {
  if (value < 0x100) {
    out += "\\x";
    AppendHex(out, value, 2);
    return;
  }
  out += "\\u{";
  AppendHex(out, value, value > 0xFFFF ? 5 : 4);  // none above U+E007F is escaped
  out += '}';
}

// `quote`: a character to be escaped as well, or NUL.
void AppendEscapedWith(std::string& out, std::string_view text, std::size_t max, char quote) {
  std::size_t at = 0;
  while (at < text.size()) {
    internal::CodePoint point = internal::DecodeUtf8(text.substr(at));
    const bool valid = point.length != 0;
    if (!valid) point = {static_cast<unsigned char>(text[at]), 1};
    if (at + point.length > max) {
      out += "...";
      return;
    }
    if (point.value == '\n' || point.value == '\t' || point.value == '\r') {
      out += point.value == '\n' ? "\\n" : point.value == '\t' ? "\\t" : "\\r";
    } else if (!valid || internal::IsDeceptive(point.value)) {
      AppendCodePoint(out, point.value);
    } else {
      if (point.value == '\\' || (quote != '\0' && text[at] == quote)) out += '\\';
      out.append(text.substr(at, point.length));
    }
    at += point.length;
  }
}

}  // namespace

void internal::AppendNumber(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const std::to_chars_result end = std::to_chars(digits.begin(), digits.end(), number);
  out.append(digits.begin(), end.ptr);
}

void internal::AppendEscaped(std::string& out, std::string_view text, std::size_t max) {
  AppendEscapedWith(out, text, max, '\0');
}

void internal::AppendSubject(std::string& out, std::string_view subject) {
  out += '"';
  AppendEscapedWith(out, subject, kShownSubject, '"');
  out += '"';
}

namespace {

// Rules whose number is one of the system's.
constexpr std::array kSystemErrors = {Rule::kIoOpenFailed, Rule::kIoReadFailed,
                                      Rule::kIoSpoolFailed, Rule::kSaveCreateFailed,
                                      Rule::kSaveWriteFailed};

void AppendFound(std::string& out, const Finding& finding) {
  // A stream that is refused at its first byte does not show how many follow.
  if (!finding.has_found) {
    out += "some";
    return;
  }
  internal::AppendNumber(out, finding.found);
  if (std::ranges::find(kSystemErrors, finding.rule) == kSystemErrors.end()) return;
  const std::string_view meaning = internal::SystemErrorText(finding.found);
  if (!meaning.empty()) out.append(", ").append(meaning);
}

}  // namespace

void internal::AppendMessage(std::string& out, const Report& report, const Finding& finding) {
  std::string_view rest = Info(finding.rule).message;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    out.append(rest.substr(0, open));
    if (open == rest.npos) return;
    rest.remove_prefix(open);
    const std::size_t close = rest.find('}');
    const std::string_view field = rest.substr(0, close == rest.npos ? 1 : close + 1);
    if (field == "{subject}") {
      internal::AppendSubject(out, report.Subject(finding));
    } else if (field == "{found}") {
      AppendFound(out, finding);
    } else if (field == "{allowed}") {
      AppendNumber(out, finding.allowed);
    } else if (field == "{text}") {
      internal::AppendEscaped(out, report.FoundText(finding), kShownText);
    } else {
      out.append(field);  // a brace of the sentence's own
    }
    rest.remove_prefix(field.size());
  }
}

void internal::AppendGrouped(std::string& out, std::uint64_t number) {
  std::string digits;
  AppendNumber(digits, number);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
}

void internal::AppendCount(std::string& out, std::uint64_t number, std::string_view one,
                           std::string_view many) {
  internal::AppendGrouped(out, number);
  out += ' ';
  out += number == 1 ? one : many;
}

std::string EscapeForText(std::string_view text, std::size_t max) {
  return internal::OrEmpty([&](std::string& out) { internal::AppendEscaped(out, text, max); });
}

std::string QuoteJson(std::string_view text) {
  return internal::OrEmpty([&](std::string& out) { internal::AppendAsciiJsonString(out, text); });
}

std::string GroupDigits(std::uint64_t number) {
  return internal::OrEmpty([&](std::string& out) { internal::AppendGrouped(out, number); });
}

std::string Message(const Report& report, const Finding& finding) {
  return internal::OrEmpty(
      [&](std::string& out) { internal::AppendMessage(out, report, finding); });
}

std::string Message(const Report& report) {
  const Finding* const reason = report.reason();
  if (reason != nullptr) return Message(report, *reason);
  try {
    return "every check passed";
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::string Message(const Status& status) {
  try {
    ReportBuilder builder({}, {});
    builder.Add(status);
    return Message(builder.Finish());
  } catch (const std::bad_alloc&) {
    return {};
  }
}

}  // namespace tensorgate
