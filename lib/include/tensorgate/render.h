// A report as text for people and as one line of JSON for programs.
//
//   const std::string path = "model.safetensors";
//   tensorgate::Report report = tensorgate::ScanPath(path);
//   std::fputs(tensorgate::RenderText(path, report).c_str(), stdout);
//   std::puts(tensorgate::RenderJson(path, report).c_str());
//
// Paths, names and everything else that comes from a file are hostile: both forms escape what could
// end a line, drive a terminal or show something else than what is there. No call throws; without
// memory the result is empty.
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
/// Changes when a rule is added, or one's order, severity or effect changes: 16 hexadecimal digits.
TENSORGATE_API std::string_view RulesVersion();

/// `text` fit to be shown: control, bidirectional and invisible characters and invalid UTF-8 as
/// `\n`, `\x1b`,
/// `\u{202e}`, the backslash as `\\`. Of more than `max` bytes the first are shown, and "...".
TENSORGATE_API std::string EscapeForText(std::string_view text, std::size_t max = SIZE_MAX);

/// `text` as a string of JSON, its quotes included, in ASCII alone; bytes that are not UTF-8 become U+FFFD.
TENSORGATE_API std::string QuoteJson(std::string_view text);

/// 1234567 as "1,234,567".
TENSORGATE_API std::string GroupDigits(std::uint64_t number);

/// How a report is written for people.
struct TextOptions {
  bool verbose = false;   ///< Notes as well, each finding on its own line, and each rule explained.
  bool color = false;     ///< With the escape sequences of a terminal (ECMA-48, SGR).
  std::size_t width = 0;  ///< Columns at which long lines are wrapped; 0: they are not.
};

/// One line with the verdict. Below it, indented, a block for each rule that reported an error or a
/// warning: a message with its place, then the names and places of further findings of the same
/// rule. The rule that is the reason for the verdict is explained: what is allowed, why it matters
/// and what to do. Ends with a line feed.
TENSORGATE_API std::string RenderText(std::string_view path, const Report& report,
                                      const TextOptions& options = {});

/// What one object of JSON says beyond the report.
struct JsonExtras {
  /// Of bytes [0, 8 + n), in hexadecimal; empty: null.
  std::string_view header_sha256;
};

/// One object without a line feed, as docs/report.schema.json describes it. Every key is always
/// there.
TENSORGATE_API std::string RenderJson(std::string_view path, const Report& report,
                                      const JsonExtras& extras = {});

}  // namespace tensorgate

#endif  // TENSORGATE_RENDER_H_
