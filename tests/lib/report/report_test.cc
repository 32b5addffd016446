// Text and JSON of reports: no text from a file can deceive.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/utf8.h"
#include "lib/json/writer.h"
#include "lib/report/writers.h"
#include "lib/rules/report_builder.h"
#include "lib/source/system_error.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"

namespace tensorgate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::string_view_literals;

std::string Utf8(std::uint32_t c) {
  std::string out;
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 63));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 63)), put(0x80 | (c & 63));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 63)), put(0x80 | (c >> 6 & 63)),
        put(0x80 | (c & 63));
  }
  return out;
}

bool HoldsDeceptive(std::string_view text) {
  while (!text.empty()) {
    const internal::CodePoint point = internal::DecodeUtf8(text);
    if (point.length == 0 || internal::IsDeceptive(point.value)) return true;
    text.remove_prefix(point.length);
  }
  return false;
}

TEST(ReportBuilderTest, WhatEndedItIsReportedOnce) {
  ReportBuilder builder({}, "x");
  builder.Add(Rule::kLimitTime, 3);
  builder.Add(Rule::kLimitTime, 4);
  const Report report = builder.Finish();
  ASSERT_EQ(report.findings().size(), 1u);
  EXPECT_EQ(report.findings()[0].offset, 3u);
}

// For a stream that was ended early, only numbers relative to its end are unknown.
TEST(ReportBuilderTest, ForgetsWhatCountsToTheEnd) {
  ReportBuilder builder({}, "x");
  builder.SetSize(100);
  builder.Add(Rule::kStDataTrailing, 90, {.found = 10});
  builder.Add(Rule::kStHeaderPastEnd, 90, {.found = 11});
  Report report = builder.Finish();
  ReportBuilder::ForgetEnd(report);
  EXPECT_EQ(report.size(), std::nullopt);
  ASSERT_EQ(report.findings().size(), 2u);
  for (const Finding& finding : report.findings()) {
    EXPECT_EQ(finding.has_found, finding.rule == Rule::kStHeaderPastEnd);
  }
}

TEST(EscapeForText, EachKind) {
  EXPECT_EQ(EscapeForText("plain \xE6\xBC\xA2"), "plain \xE6\xBC\xA2");
  EXPECT_EQ(EscapeForText("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(EscapeForText("a\\nb"), "a\\\\nb");
  EXPECT_EQ(EscapeForText("\0\x1b[31m\x7f"sv), "\\x00\\x1b[31m\\x7f");
  EXPECT_EQ(EscapeForText("\xC2\x85"), "\\x85");
  EXPECT_EQ(EscapeForText("\xE2\x80\xAE"), "\\u{202e}");
  EXPECT_EQ(EscapeForText("\xF3\xA0\x81\x81"), "\\u{e0041}");
  EXPECT_EQ(EscapeForText("\xFF\xC0\x80\xED\xA0\x80"), "\\xff\\xc0\\x80\\xed\\xa0\\x80");
}

TEST(QuoteJson, IsAsciiWhateverComes) {
  EXPECT_EQ(QuoteJson("a\"b\n\xC3\xA9\xF0\x9F\x98\x80"), "\"a\\\"b\\n\\u00e9\\ud83d\\ude00\"");
  EXPECT_EQ(QuoteJson("\xFFx\xC3"), "\"\\ufffdx\\ufffd\"");
  EXPECT_EQ(QuoteJson(""), "\"\"");
}

TEST(EscapeForText, CutsBetweenCharacters) {
  EXPECT_EQ(EscapeForText("abcdef", 6), "abcdef");
  EXPECT_EQ(EscapeForText("abcdef", 5), "abcde...");
  EXPECT_EQ(EscapeForText("a\xE6\xBC\xA2", 3), "a...");
  EXPECT_EQ(EscapeForText("a", 0), "...");
  EXPECT_EQ(EscapeForText("", 0), "");
}

TEST(EscapeForText, EveryCharacterIsSafe) {
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    ASSERT_FALSE(HoldsDeceptive(EscapeForText(Utf8(c)))) << c;
  }
}

TEST(JsonString, EveryCharacterIsSafe) {
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string out;
    internal::AppendJsonString(out, Utf8(c));
    ASSERT_FALSE(HoldsDeceptive(out)) << c;
    ASSERT_GE(out.size(), 3u);
  }
}

TEST(JsonString, Escapes) {
  const auto json = [](std::string_view text) {
    std::string out;
    internal::AppendJsonString(out, text);
    return out;
  };
  EXPECT_EQ(json(""), "\"\"");
  EXPECT_EQ(json("a\"\\/\n"), "\"a\\\"\\\\/\\n\"");
  EXPECT_EQ(json("\x7f"), "\"\\u007f\"");
  EXPECT_EQ(json("\xE2\x80\xAEx"), "\"\\u202ex\"");
  EXPECT_EQ(json("\xF3\xA0\x81\x81"), "\"\\udb40\\udc41\"");
  EXPECT_EQ(json("a\xFF\xC3"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
  const std::string lengthy(10'000, 'x');  // longer than a buffer
  EXPECT_EQ(json(lengthy), "\"" + lengthy + "\"");
}

TEST(JsonWriter, CommasAndNesting) {
  std::string out;
  internal::JsonWriter json(out);
  json.BeginObject();
  json.Member("a", std::uint64_t{18446744073709551615u});
  json.Key("b");
  json.BeginArray();
  json.Bool(true);
  json.Bool(false);
  json.Null();
  json.BeginArray();
  json.EndArray();
  json.BeginObject();
  json.EndObject();
  json.EndArray();
  json.MemberOrNull("c", "");
  json.EndObject();
  EXPECT_EQ(out, R"({"a":18446744073709551615,"b":[true,false,null,[],{}],"c":null})");
}

TEST(JsonWriter, BreaksLinesWhereAsked) {
  std::string out;
  internal::JsonWriter json(out);
  json.BeginArray();
  json.BreakLine();
  json.Raw("{}");
  json.BreakLine();
  json.Number(1);
  json.Null();
  json.BreakLine();
  json.EndArray();
  EXPECT_EQ(out, "[\n{},\n1,null\n]");
}

TEST(GroupDigits, Groups) {
  EXPECT_EQ(GroupDigits(0), "0");
  EXPECT_EQ(GroupDigits(999), "999");
  EXPECT_EQ(GroupDigits(1000), "1,000");
  EXPECT_EQ(GroupDigits(UINT64_MAX), "18,446,744,073,709,551,615");
}

Report With(Rule rule, const struct Detail& detail, std::uint64_t offset = 5) {
  ReportBuilder builder({}, "safetensors");
  builder.SetSize(10);
  builder.Add(rule, offset, detail);
  return builder.Finish();
}

TEST(Message, FillsEachPlace) {
  const Report report =
      With(Rule::kStSizeMismatch, {.found = 7, .allowed = 8, .subject = "a\"\n\\"});
  EXPECT_EQ(Message(report, report.findings()[0]),
            "the range of tensor \"a\\\"\\n\\\\\" has 7 bytes, but its dtype and shape need 8");
  const Report text = With(Rule::kStDtypeUnknown, {.subject = "", .found_text = "F\x1b"});
  EXPECT_EQ(Message(text, text.findings()[0]), "tensor \"\" has the unknown dtype F\\x1b");
}

TEST(Message, OfAWholeReport) {
  const Report accepted = ReportBuilder({}, "safetensors").Finish();
  EXPECT_EQ(accepted.reason(), nullptr);
  EXPECT_EQ(Message(accepted), "every check passed");
  EXPECT_EQ(Message(ReportBuilder::OutOfMemory({}, "unknown")),
            "not enough memory to check this file");
  // For an unsupported file, the reason is the note that says what it is.
  ReportBuilder builder({}, "gguf");
  builder.SetUnsupported(FileClass::kModel);
  builder.Add(Rule::kScanUnsupported, 0, {.found_text = "a GGUF file"});
  const Report unsupported = builder.Finish();
  EXPECT_EQ(unsupported.reason(), &unsupported.findings()[0]);
  EXPECT_EQ(Message(unsupported), "this is a GGUF file; tensorgate has no parser for it");
}

TEST(Report, TheReasonIsTheFirstError) {
  ReportBuilder builder({}, "safetensors");
  builder.Add(Rule::kStDtypeUnknown, 7);
  builder.Add(Rule::kStSizeMismatch, 8);
  builder.Add(Rule::kIoChanged, 9);
  builder.Add(Rule::kScanUnknown, 0);
  const Report report = builder.Finish();
  ASSERT_NE(report.reason(), nullptr);
  EXPECT_EQ(report.reason()->rule, Rule::kIoChanged);
  // A finding that is not an error does not hide an error, wherever it is in the table.
  for (const RuleInfo& rule : AllRules()) {
    if (rule.strict == Level::kOff || rule.strict == Level::kError) continue;
    ReportBuilder mixed({}, "safetensors");
    mixed.Add(rule.rule, 0);
    mixed.Add(Rule::kCpShardRejected, 0);
    const Report refused = mixed.Finish();
    ASSERT_NE(refused.reason(), nullptr) << rule.id;
    EXPECT_EQ(refused.reason()->rule, Rule::kCpShardRejected) << rule.id;
  }
}

TEST(Message, SystemErrorsInWords) {
  const Report report = With(Rule::kIoOpenFailed, {.found = 2});
  EXPECT_THAT(Message(report, report.findings()[0]), HasSubstr("No such file or directory"));
  // An error unknown to the system: only the number.
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{60'000}, std::uint64_t{0x1'0000}, UINT64_MAX}) {
    const Report strange = With(Rule::kIoOpenFailed, {.found = number});
    EXPECT_THAT(Message(strange, strange.findings()[0]), HasSubstr(std::to_string(number)));
    EXPECT_EQ(internal::SystemErrorText(number), "") << number;
  }
}

// Every field of every template is filled.
TEST(Message, EveryRule) {
  for (const RuleInfo& rule : AllRules()) {
    if (rule.strict == Level::kOff && rule.reference == Level::kOff) continue;
    ReportBuilder builder({}, "safetensors");
    builder.Add(rule.rule, 0, {.found = 1, .allowed = 2, .subject = "name", .found_text = "text"});
    const Report report = builder.Finish();
    const std::string message = Message(report, report.findings()[0]);
    for (const char* field : {"{subject}", "{found}", "{allowed}", "{text}"}) {
      EXPECT_THAT(message, Not(HasSubstr(field))) << rule.id;
    }
    EXPECT_THAT(RenderText("p", report, {.verbose = true}), HasSubstr(std::string(rule.id)));
    EXPECT_THAT(RenderJson("p", report), HasSubstr("\"rule\":\"" + std::string(rule.id) + "\""));
  }
}

TEST(RenderText, NamesUnsupportedFormats) {
  ReportBuilder builder({}, "gguf");
  builder.SetUnsupported(FileClass::kModel);
  EXPECT_EQ(RenderText("x", builder.Finish()), "unsupported  x  (gguf, model)\n");
}

TEST(RenderText, NotesOnlyIfVerbose) {
  const Report report = With(Rule::kStNameLong, {.found = 300, .subject = "n"});
  EXPECT_EQ(RenderText("x\x1b", report), "accepted     x\\x1b\n");
  EXPECT_THAT(RenderText("x", report, {.verbose = true}),
              HasSubstr("note     safetensors/name-long at byte 5"));
}

// One block for a rule: the first finding as a sentence, the names and places of the others, each name once.
TEST(RenderText, GathersFindingsOfARule) {
  ReportBuilder builder({}, "pickle");
  builder.Add(Rule::kPickleGlobalOutside, 5, {.found_text = "os.system"});
  builder.Add(Rule::kPickleCallTarget, 7, {.found_text = "tuple"});
  builder.Add(Rule::kPickleGlobalOutside, 20, {.found_text = "eval"});
  builder.Add(Rule::kPickleGlobalOutside, 31, {.found_text = "a\x1b.b"});
  builder.Add(Rule::kPickleGlobalOutside, 44, {.found_text = "eval"});
  const Report report = builder.Finish();
  const std::string text = RenderText("x", report);
  EXPECT_THAT(text, HasSubstr("pickle/global-outside at byte 5: os.system"));
  EXPECT_THAT(text, HasSubstr("\n             also: eval at byte 20, 44; a\\x1b.b at byte 31\n"));
  const auto count = [](const std::string& in, std::string_view what) {
    std::size_t found = 0;
    for (std::size_t at = in.find(what); at != in.npos; at = in.find(what, at + 1)) ++found;
    return found;
  };
  // Only the reason is explained, unless asked for more.
  EXPECT_EQ(count(text, "pickle/global-outside at byte"), 1U);
  EXPECT_EQ(count(text, " why: "), 1U);
  EXPECT_THAT(text, HasSubstr("docs/rules.md#pickleglobal-outside"));
  EXPECT_THAT(text, HasSubstr("`tensorgate rules ID`"));
  const std::string verbose = RenderText("x", report, {.verbose = true});
  EXPECT_EQ(count(verbose, "pickle/global-outside at byte"), 4U);
  EXPECT_EQ(count(verbose, " why: "), 2U);
}

// "The protocol is 4" is not what the reader of a hostile pickle needs to know first.
TEST(RenderText, NamesComeFirst) {
  ReportBuilder builder({}, "pickle");
  builder.Add(Rule::kPickleProtoVersion, 0, {.found = 4});
  builder.Add(Rule::kPickleGlobalOutside, 20, {.found_text = "posix.system"});
  const Report report = builder.Finish();
  EXPECT_EQ(report.reason()->rule, Rule::kPickleProtoVersion);
  const std::string text = RenderText("x", report);
  EXPECT_TRUE(text.starts_with(
      "rejected     x  (runs code)\n    error    pickle/global-outside at byte 20: posix.system"));
  const std::size_t why = text.find(" why: ");
  EXPECT_LT(why, text.find("pickle/proto-version"));
  EXPECT_EQ(why, text.rfind(" why: "));
}

// A name that could be taken for two is in quotes, and keeps its spaces.
TEST(RenderText, GathersNamesThatLookLikeSeveral) {
  ReportBuilder builder({}, "pickle");
  for (const std::string_view name : {"a.b", "c.d; e.f  at byte 9"}) {
    builder.Add(Rule::kPickleGlobalOutside, 5, {.found_text = name});
  }
  EXPECT_THAT(RenderText("x", builder.Finish()),
              HasSubstr("also: \"c.d; e.f  at byte 9\" at byte 5\n"));
  ReportBuilder subjects({}, "safetensors");
  for (const std::string_view name : {"a", "b", "c\n"}) {
    subjects.Add(Rule::kStOffsetsOverlap, 7, {.found = 1, .allowed = 2, .subject = name});
  }
  EXPECT_THAT(RenderText("x", subjects.Finish()),
              HasSubstr("also: \"b\" at byte 7; \"c\\n\" at byte 7\n"));
}

// Where names do not differ, the places do.
TEST(RenderText, GathersPlaces) {
  ReportBuilder builder({}, "pickle");
  for (const std::uint64_t place : {4, 9, 11}) builder.Add(Rule::kPickleProtoLate, place);
  EXPECT_THAT(RenderText("x", builder.Finish()), HasSubstr("also: at byte 9, 11\n"));
}

TEST(RenderText, ColorsWordsOnly) {
  const Report report = With(Rule::kStDtypeUnknown, {.subject = "\x1b[31m"});
  const std::string plain = RenderText("x", report);
  EXPECT_FALSE(plain.contains('\x1b'));
  std::string colored = RenderText("x", report, {.color = true});
  EXPECT_TRUE(colored.starts_with("\x1b[1;31mrejected\x1b[0m     x  (malformed)\n"));
  for (const std::string_view code : {"\x1b[1;31m", "\x1b[31m", "\x1b[0m"}) {
    for (std::size_t at = colored.find(code); at != colored.npos; at = colored.find(code)) {
      colored.erase(at, code.size());
    }
  }
  EXPECT_EQ(colored, plain);
}

TEST(RenderText, WrapsAtWords) {
  const Report report = With(Rule::kPickleGlobalOutside, {.found_text = "os.system"});
  const std::string text = RenderText("x", report, {.width = 60});
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string_view line = std::string_view(text).substr(at, end - at);
    if (line.starts_with("             ")) longest = std::max(longest, line.size());
    at = end + 1;
  }
  EXPECT_LE(longest, 60U);
  EXPECT_GT(longest, 40U);
  std::string once = text, whole = RenderText("x", report);
  for (std::string* each : {&once, &whole})
    std::erase_if(*each, [](char c) { return c == ' ' || c == '\n'; });
  EXPECT_EQ(once, whole);
}

TEST(RenderText, PlacesOnlyWhereThereIsOne) {
  EXPECT_THAT(RenderText("x", With(Rule::kIoReadFailed, {.found = 5}, 7)),
              HasSubstr("io/read-failed at byte 7: "));
  ReportBuilder builder({}, "unknown");
  builder.Add(Rule::kIoOpenFailed, 0, {.found = 2});
  builder.Add(Rule::kStHeaderStart, 0, {.found = 2});
  const std::string text = RenderText("x", builder.Finish());
  EXPECT_THAT(text, HasSubstr("io/open-failed: "));
  EXPECT_THAT(text, HasSubstr("safetensors/header-start at byte 0: "));
}

TEST(RenderText, NamesTheReferencesError) {
  const Report report =
      safetensors::CheckBytes(std::as_bytes(std::span("x", 1)), {.profile = Profile::kReference});
  const std::string text = RenderText("x", report);
  EXPECT_TRUE(
      text.starts_with("rejected     x  (damaged or incomplete)  by the reference profile\n"));
  EXPECT_THAT(text, HasSubstr("the reference fails with HeaderTooSmall\n"));
}

TEST(RenderText, CountsWhatWasDropped) {
  ReportBuilder builder({.max_findings = 1}, "safetensors");
  for (int i = 0; i < 4; ++i) builder.Add(Rule::kStNameEmpty, 1);
  EXPECT_THAT(RenderText("x", builder.Finish()), HasSubstr("3 more findings"));
}

TEST(RenderJson, PathThatIsNotUtf8) {
  const Report report = With(Rule::kStNameEmpty, {});
  EXPECT_THAT(RenderJson("a\xFF", report), HasSubstr(R"("path":null,"path_base64":"Yf8=")"));
  EXPECT_THAT(RenderJson("\xFF\xFE\xFD", report), HasSubstr(R"("path_base64":"//79")"));
  EXPECT_THAT(RenderJson("\xFF", report), HasSubstr(R"("path_base64":"/w==")"));
  EXPECT_THAT(RenderJson("\xC3\xA9", report),
              HasSubstr("\"path\":\"\xC3\xA9\",\"path_base64\":null"));
}

TEST(RenderJson, SubjectsAndNumbers) {
  const Report named = With(Rule::kStSizeMismatch, {.found = 7, .allowed = 8, .subject = ""});
  EXPECT_THAT(RenderJson("x", named),
              HasSubstr(R"("offset":5,"subject":"","found":7,"allowed":8,)"));
  const Report whole = With(Rule::kStRootNotObject, {.found_text = "a string"}, 99);
  EXPECT_THAT(RenderJson("x", whole),
              HasSubstr(R"("offset":10,"subject":null,"found":"a string","allowed":"an object",)"));
}

// A subject is truncated at a number of bytes: an incomplete character is dropped, other bytes that
// are not UTF-8 are shown as such.
TEST(RenderJson, ACutCharacterIsLeftOut) {
  const std::string cut = std::string(255, 'n') + "\xC3\xA9";
  const Report at_end = With(Rule::kStNameEmpty, {.subject = cut});
  EXPECT_THAT(RenderJson("x", at_end), HasSubstr("\"subject\":\"" + std::string(255, 'n') + "\","));
  const Report inside = With(Rule::kStNameEmpty, {.subject = "a\xFF\xC3 and more"});
  EXPECT_THAT(RenderJson("x", inside), HasSubstr("\"a\xEF\xBF\xBD\xEF\xBF\xBD and more\""));
}

TEST(RenderJson, OutOfMemory) {
  const Report report = ReportBuilder::OutOfMemory({}, "unknown");
  EXPECT_THAT(
      RenderJson("x", report),
      HasSubstr(R"("verdict":"undecided","impact":null,"findings":[{"rule":"io/out-of-memory")"));
}

// A run over hostile paths and files, in one format.
std::string WriteAll(const internal::ReportFormat& format, const internal::ReportRun& run,
                     std::span<const std::string_view> paths) {
  const std::unique_ptr<internal::ReportWriter> writer = format.make();
  internal::ReportTotals totals;
  std::string out = writer->Begin(run);
  for (const std::string_view path : paths) {
    const Report report = safetensors::CheckBytes(std::as_bytes(std::span(path)));
    totals.Add(report);
    out += writer->Add(path, report, {});
  }
  return out + writer->End(totals);
}

TEST(ReportFormats, EachShowsNothingDeceptive) {
  constexpr std::string_view kHostile[] = {"a\n\r\x1b]0;\x07", "\xE2\x80\xAE\xC2\x85", "\xFF\xC0"};
  std::set<std::string_view> names;
  for (const internal::ReportFormat& format : internal::ReportFormats()) {
    EXPECT_TRUE(names.insert(format.name).second) << format.name;
    EXPECT_FALSE(format.help.empty());
    for (const bool verbose : {false, true}) {
      std::string out = WriteAll(format, {.text = {.verbose = verbose}}, kHostile);
      ASSERT_TRUE(out.ends_with("\n"));
      EXPECT_GE(std::ranges::count(out, '\n'), 3) << format.name;
      std::ranges::replace(out, '\n', ' ');
      EXPECT_FALSE(HoldsDeceptive(out)) << format.name << out;
    }
  }
  EXPECT_EQ(internal::ReportFormats().front().name, "text");
}

TEST(ReportFormats, EachKeepsNothingOfAnotherRun) {
  constexpr std::string_view kPaths[] = {"a", "b"};
  for (const internal::ReportFormat& format : internal::ReportFormats()) {
    EXPECT_EQ(WriteAll(format, {}, kPaths), WriteAll(format, {}, kPaths)) << format.name;
    // A run without reports gives a document, or nothing.
    const std::string none = WriteAll(format, {}, {});
    EXPECT_TRUE(none.empty() || none.ends_with("[\n]}\n")) << format.name << none;
  }
}

// A run of the text format: files of these bytes and names, found in a folder unless their name begins with '!'.
std::string TextOf(const internal::ReportRun& run,
                   std::span<const std::pair<std::string, std::string>> files) {
  const std::unique_ptr<internal::ReportWriter> writer = internal::ReportFormats().front().make();
  internal::ReportTotals totals;
  std::string out = writer->Begin(run);
  for (const auto& [name, bytes] : files) {
    MemorySource source(std::as_bytes(std::span(bytes)));
    const Report report = Scan(source, name);
    totals.Add(report);
    out += writer->Add(name, report, {.named = name.starts_with('!')});
  }
  return out + writer->End(totals);
}

TEST(TextWriter, ShowsWhatNeedsAttention) {
  using Files = std::vector<std::pair<std::string, std::string>>;
  const std::string good("\2\0\0\0\0\0\0\0{}", 10);
  const std::string pickle = "\x80\2}.";
  const Files one = {{"a.pkl", pickle}};
  EXPECT_EQ(TextOf({}, one), "accepted     a.pkl\n");
  EXPECT_EQ(TextOf({.quiet = true}, one), "");
  // What is not accepted first, then what is, then the counts. Of text nothing, unless it was named.
  Files files = {{"a.pkl", pickle},
                 {"b.pt", "\x80\2cos\nsystem\n."},
                 {"c.txt", "hello"},
                 {"d.gguf", "GGUF"},
                 {"!e.txt", "hello"},
                 {"f.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"}};
  const std::string text = TextOf({}, files);
  EXPECT_TRUE(text.starts_with("rejected     b.pt  (runs code)\n")) << text;
  EXPECT_THAT(text, HasSubstr("unsupported  d.gguf  (gguf, model)\n"));
  EXPECT_THAT(text, HasSubstr("unsupported  !e.txt  (text, other)\n    note "));
  EXPECT_THAT(text, Not(HasSubstr("c.txt")));
  EXPECT_THAT(text,
              HasSubstr("accepted     a.pkl\n6 files: 1 accepted, 1 rejected (1 runs code), 1 "
                        "unsupported, 1 not fetched, 2 other\n"
                        "    rejected            1  pickle/global-outside  (runs code)\n"
                        "    unsupported         1  gguf\n"
                        "    unsupported         1  scan/pointer\n"
                        "    (unsupported: no parser, so not checked; "));
  EXPECT_THAT(TextOf({.text = {.verbose = true}}, files), HasSubstr("c.txt"));
  const std::string quiet = TextOf({.quiet = true}, files);
  EXPECT_THAT(quiet, Not(HasSubstr("a.pkl")));
  EXPECT_THAT(quiet, HasSubstr("6 files: "));
  EXPECT_EQ(TextOf({.quiet = true}, Files{{"a.pkl", pickle}, {"c.txt", "hello"}}), "");
}

TEST(TextWriter, ListsWhatIsAcceptedIfThatIsFew) {
  std::vector<std::pair<std::string, std::string>> files(20, {"a.pkl", "\x80\2}."});
  const std::string few = TextOf({}, files);
  EXPECT_EQ(std::ranges::count(few, '\n'), 21);
  files.emplace_back("b.pkl", "\x80\2}.");
  EXPECT_EQ(TextOf({}, files),
            "accepted     21 files in folders (-v lists them)\n21 files: 21 accepted\n");
  files.emplace_back("!c.pkl", "\x80\2}.");
  EXPECT_TRUE(TextOf({}, files).starts_with("accepted     !c.pkl\n"));
  // One with a warning needs attention.
  files.emplace_back("d.gguf", "\x80\2}.");
  EXPECT_THAT(TextOf({}, files), HasSubstr("accepted     d.gguf\n    warning  scan/suffix: "));
}

// Each rule is explained where it comes up first.
TEST(TextWriter, ExplainsOnce) {
  const std::vector<std::pair<std::string, std::string>> files(3, {"b.pt", "\x80\2cos\nsystem\n."});
  const std::string text = TextOf({}, files);
  EXPECT_EQ(text.find(" why: "), text.rfind(" why: "));
  EXPECT_NE(text.find(" why: "), text.npos);
  // So is how to have the others explained.
  const std::vector<std::pair<std::string, std::string>> two(3, {"b.pt", "\x80\4cos\nsystem\n."});
  const std::string hints = TextOf({}, two);
  EXPECT_EQ(hints.find("`tensorgate rules ID`"), hints.rfind("`tensorgate rules ID`"));
  EXPECT_NE(hints.find("`tensorgate rules ID`"), hints.npos);
}

TEST(ReportTotals, CountByVerdictAndClass) {
  internal::ReportTotals totals;
  for (const std::string_view bytes : {"", "GGUF", "hello"}) {
    MemorySource source(std::as_bytes(std::span(bytes)));
    totals.Add(Scan(source, "x"));
  }
  totals.Add(safetensors::CheckBytes({}));
  EXPECT_EQ(totals.files, 4u);
  EXPECT_EQ(totals[Verdict::kUnsupported], 3u);
  EXPECT_EQ(totals[Verdict::kRejected], 1u);
  EXPECT_EQ(totals.impacts.at(static_cast<std::size_t>(Impact::kDamaged)), 1u);
  EXPECT_EQ(totals[Verdict::kAccepted], 0u);
  EXPECT_EQ(totals[FileClass::kModel] + totals[FileClass::kOther], 3u);
  EXPECT_EQ(totals[FileClass::kNotFetched], 0u);
}

TEST(Names, OfUndefinedValues) {
  EXPECT_EQ(Name(Verdict::kUnsupported), "unsupported");
  EXPECT_EQ(Name(Scope::kFull), "full");
  for (const std::string_view name :
       {Name(static_cast<Verdict>(4)), Name(static_cast<Profile>(2)), Name(static_cast<Scope>(2)),
        Name(static_cast<Severity>(3)), Name(static_cast<FileClass>(3))}) {
    EXPECT_EQ(name, "unknown");
  }
}

TEST(Versions, Spelled) {
  EXPECT_EQ(RulesVersion().size(), 16u);
  EXPECT_THAT(std::string(ToolVersion()), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace tensorgate
