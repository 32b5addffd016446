// Reports as text for people and as one line of JSON for programs.
//
//   const std::string path = "model.safetensors";
//   tensorgate::Report report = tensorgate::ScanPath(path);
//   std::fputs(tensorgate::RenderText(path, report).c_str(), stdout);
//   std::puts(tensorgate::RenderJson(path, report).c_str());
//
// Paths, names and everything else that comes from a file are untrusted: both forms escape
// characters that could end a line, control a terminal or be displayed as something else. No call
// throws; if memory runs out, the result is empty.
#ifndef TENSORGATE_RENDER_H_
#define TENSORGATE_RENDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tensorgate/export.h"
#include "tensorgate/report.h"

namespace tensorgate {

/// This library's version, "1.2.3".
TENSORGATE_API std::string_view ToolVersion();
/// 16 hexadecimal digits, which change when a rule is added or when the order, severity or effect
/// of one changes.
TENSORGATE_API std::string_view RulesVersion();

/// `text` made safe to display: control, bidirectional and invisible characters and invalid UTF-8
/// become `\n`, `\x1b`, `\u{202e}`; a backslash becomes `\\`. If it has more than `max` bytes, the
/// first ones are shown, followed by "...".
TENSORGATE_API std::string EscapeForText(std::string_view text, std::size_t max = SIZE_MAX);

/// `text` as a JSON string with its quotes, in ASCII only; bytes that are not UTF-8 become U+FFFD.
TENSORGATE_API std::string QuoteJson(std::string_view text);

/// 1234567 as "1,234,567".
TENSORGATE_API std::string GroupDigits(std::uint64_t number);

/// How to render a report for people.
struct TextOptions {
  bool verbose =
      false;  ///< Also the notes, a line for each finding, and an explanation of each rule.
  bool color = false;     ///< With the escape sequences of a terminal (ECMA-48, SGR).
  std::size_t width = 0;  ///< Columns at which long lines are wrapped; 0: not wrapped.
};

/// One line with the verdict. Below it, indented, a block for each rule that reported an error or a
/// warning: a message with its place, then the names and places of further findings of the same
/// rule. The rule that is the reason for the verdict is explained: what is allowed, why it matters
/// and what to do. Ends with a line feed.
TENSORGATE_API std::string RenderText(std::string_view path, const Report& report,
                                      const TextOptions& options = {});

/// Members of the JSON object that do not come from the report.
struct JsonExtras {
  /// SHA-256 of bytes [0, 8 + n), in hexadecimal; empty: null.
  std::string_view header_sha256;
};

/// One JSON object without a line feed, as described by docs/report.schema.json. Every key is
/// always present.
TENSORGATE_API std::string RenderJson(std::string_view path, const Report& report,
                                      const JsonExtras& extras = {});

}  // namespace tensorgate

#endif  // TENSORGATE_RENDER_H_
