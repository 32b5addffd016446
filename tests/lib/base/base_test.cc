// UTF-8, signatures, buffers, reports and the table of rules.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "lib/base/base64.h"
#include "lib/base/bytes.h"
#include "lib/base/huge_pages.h"
#include "lib/base/magic.h"
#include "lib/base/pod_buffer.h"
#include "lib/base/utf8.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/rules.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_literals;

TEST(Utf8Test, TakesExactlyWhatRfc3629Allows) {
  std::size_t valid = 0;
  // Every sequence of two bytes, and those of three and four at the ends of their ranges.
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string text = {static_cast<char>(a), static_cast<char>(b)};
      const bool expected =
          (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF);
      ASSERT_EQ(ValidUtf8Length(text) == 2, expected) << a << " " << b;
      valid += expected;
    }
  }
  EXPECT_EQ(valid, 128u * 128 + 30 * 64);
  for (const char* good : {"\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(ValidUtf8Length(good), std::string(good).size()) << good;
  }
  for (const char* bad :
       {"\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xE1\x80", "\xF1\x80\x80", "\xE1\x80\xC0", "\xF1\x80\x80\x7F"}) {
    EXPECT_EQ(ValidUtf8Length("ok"s + bad), 2u) << bad;
  }
  EXPECT_EQ(DecodeUtf8("\xF0\x9F\x98\x80").value, 0x1F600u);
  EXPECT_EQ(DecodeUtf8("").length, 0u);
}

TEST(Utf8Test, SurrogatesWhereTheyAreAsked) {
  for (const char* spelled : {"\xED\xA0\x80", "\xED\xAF\xBF", "\xED\xBF\xBF"}) {
    EXPECT_EQ(ValidUtf8Length("ok"s + spelled + "!"), 2u) << spelled;
    EXPECT_EQ(ValidUtf8Length("ok"s + spelled + "!", true), 6u) << spelled;
  }
  // Truncated or almost valid sequences.
  for (const char* bad : {"\xED", "\xED\xA0", "\xED\xA0\x7F", "\xED\xA0\xC0", "\xED\xC0\x80",
                          "\xED\x7F\x80", "\xEE\x7F\x80", "\xFF\xA0\x80"}) {
    EXPECT_EQ(ValidUtf8Length("ok"s + bad, true), 2u) << bad;
  }
}

TEST(Utf8Test, DeceptiveCharacters) {
  for (const std::uint32_t c :
       {0u, 0x1Fu, 0x7Fu, 0x9Fu, 0x200Eu, 0x202Eu, 0x2066u, 0xFEFFu, 0xE0041u})
    EXPECT_TRUE(IsDeceptive(c)) << c;
  for (const std::uint32_t c : {0x20u, 0x7Eu, 0xA0u, 0xE9u, 0x4E2Du, 0x1F600u})
    EXPECT_FALSE(IsDeceptive(c)) << c;
  // Control characters, invisible characters and those that change the direction of text: both ends
  // of each range.
  constexpr std::uint32_t kRanges[][2] = {
      {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},   {0x180E, 0x180E}, {0x200B, 0x200F},
      {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
  for (const auto& [first, last] : kRanges) {
    EXPECT_FALSE(IsDeceptive(first - 1)) << first;
    EXPECT_TRUE(IsDeceptive(first)) << first;
    EXPECT_TRUE(IsDeceptive(last)) << last;
    EXPECT_FALSE(IsDeceptive(last + 1)) << last;
  }
}

std::string_view MagicOf(const std::string& text) {
  return ForeignMagic(AsBytes(text), text.size());
}

TEST(MagicTest, KnowsSignaturesAndNotLengths) {
  EXPECT_NE(MagicOf("PK\3\4rest"), "");
  EXPECT_NE(MagicOf("\x7f"
                    "ELF"),
            "");
  EXPECT_EQ(MagicOf("PK\3"), "");
  EXPECT_EQ(MagicOf("\x80\x04}q\x00."s), "a pickle");
  EXPECT_EQ(MagicOf("\x80\x04\x95\x01\0\0\0\0\0\0\0."s), "a pickle");
  // A frame that does not fit, and header lengths that start like a pickle.
  EXPECT_EQ(MagicOf("\x80\x04\x95\xff\0\0\0\0\0\0\0."s), "");
  EXPECT_EQ(MagicOf("\x80\x02\0\0\0\0\0\0{\"a"s), "");
  EXPECT_EQ(MagicOf("\x80\x04\x58\0\0\0\0\0{}"s), "");
  EXPECT_EQ(MagicOf("\x80\x04Zq"), "");  // not an opcode
  EXPECT_EQ(MagicOf("MZ and no more"), "");
}

TEST(MagicTest, PicklesAtTheirBoundaries) {
  for (const char version : {'\2', '\5'}) EXPECT_EQ(MagicOf("\x80"s + version + "}q"), "a pickle");
  for (const char version : {'\1', '\6'}) EXPECT_EQ(MagicOf("\x80"s + version + "}q"), "");
  const auto framed = [](char size, std::uint64_t limit) {
    const std::string text = "\x80\x04\x95"s + size + "\0\0\0\0\0\0\0."s;
    return ForeignMagic(AsBytes(text), limit);
  };
  EXPECT_EQ(framed(1, 12), "a pickle");
  EXPECT_EQ(framed(9, 20), "a pickle");
  EXPECT_EQ(framed(0, 12), "");
  EXPECT_EQ(framed(2, 12), "");
  EXPECT_EQ(framed(1, 11), "");
  EXPECT_EQ(framed(1, 10), "");
  EXPECT_EQ(MagicOf("\x80\x04\x95\0\0\0\0\0\0\0\0"s), "");  // truncated in the frame
  EXPECT_EQ(MagicOf("\x80\x04"), "");
  EXPECT_EQ(MagicOf("\x80\x04]"), "a pickle");
}

TEST(MagicTest, WindowsExecutablesAtTheirBoundaries) {
  const auto with = [](unsigned char low, unsigned char high, std::uint64_t limit,
                       std::size_t size = 64) {
    std::string text = "MZ" + std::string(62, '\0');
    text[60] = static_cast<char>(low);
    text[62] = static_cast<char>(high);
    return ForeignMagic(AsBytes(text.substr(0, size)), limit);
  };
  EXPECT_EQ(with(64, 0, 65), "a Windows executable");
  EXPECT_EQ(with(128, 0, 1000), "a Windows executable");
  EXPECT_EQ(with(64, 0, 64), "");
  EXPECT_EQ(with(56, 0, 1000), "");
  EXPECT_EQ(with(68, 0, 1000), "");
  EXPECT_EQ(with(64, 1, 1000), "");
  EXPECT_EQ(with(64, 0, 1000, 63), "");
  for (const char* letters : {"XZ", "MX"}) {
    std::string text = letters + std::string(62, '\0');
    text[60] = 64;
    EXPECT_EQ(ForeignMagic(AsBytes(text), 1000), "") << letters;
  }
}

// RFC 4648, section 10, and the last two characters of the alphabet.
TEST(Base64Test, WhatTheRfcShows) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"},
                                                                 {"\xFB\xFF\xFE", "+//+"}};
  for (const auto& [bytes, text] : cases) EXPECT_EQ(Base64(bytes), text);
}

// Advising blocks of any size does not change their bytes.
TEST(HugePagesTest, LeavesTheBytesAlone) {
  for (const std::size_t size : {0uz, 1uz, 4096uz, 100'000uz}) {
    std::string block(size, 'x');
    AdviseHugePages(block.data(), block.size());
    EXPECT_EQ(block, std::string(size, 'x'));
  }
}

TEST(HugePagesTest, LargeBlocksFillWholePages) {
  constexpr std::size_t kPage = 2uz << 20;
  EXPECT_EQ(WithWholeHugePages(0), 0u);
  EXPECT_EQ(WithWholeHugePages(kHugeBlock - 1), kHugeBlock - 1);
  EXPECT_EQ(WithWholeHugePages(kHugeBlock), kPage - 32);
  EXPECT_EQ(WithWholeHugePages(kPage - 32), kPage - 32);
  EXPECT_EQ(WithWholeHugePages(kPage - 31), 2 * kPage - 32);
  EXPECT_EQ(WithWholeHugePages(static_cast<std::size_t>(-1)), static_cast<std::size_t>(-1));
  PodBuffer<int> buffer;
  buffer.Expect(1'000'000);
  EXPECT_EQ(buffer.capacity(), (2 * kPage - 32) / sizeof(int));
  EXPECT_THROW(buffer.Expect(static_cast<std::size_t>(-1) / 2), std::bad_alloc);
}

TEST(PodBufferTest, GrowsShrinksMoves) {
  PodBuffer<int> buffer;
  for (int i = 0; i < 1000; ++i) buffer.PushBack(i);
  buffer.ShrinkToFit();
  EXPECT_EQ(buffer.capacity(), 1000u);
  PodBuffer<int> other = std::move(buffer);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(other[999], 999);
  other.Clear();
  EXPECT_EQ(other.capacity(), 0u);
  EXPECT_THROW(other.Reserve(static_cast<std::size_t>(-1) / 2), std::bad_alloc);
}

TEST(PodBufferTest, Zeros) {
  PodBuffer<int> buffer;
  buffer.PushBack(7);
  buffer.AssignZero(3);
  EXPECT_EQ(buffer.size(), 3u);
  EXPECT_EQ(buffer[2], 0);
  buffer.AssignZero(0);
  EXPECT_TRUE(buffer.empty());
  buffer.PushBack(8);
  EXPECT_EQ(buffer[0], 8);
}

TEST(PodBufferDeathTest, AnIndexPastTheEndEndsTheProgram) {
  PodBuffer<int> buffer;
  buffer.PushBack(1);
  EXPECT_DEATH((void)buffer[1], "");
}

TEST(OffsetWithinTest, ViewsInsideAndOutside) {
  const std::string text = "0123456789";
  EXPECT_EQ(OffsetWithin(text, std::string_view(text).substr(4, 2)), 4u);
  EXPECT_EQ(OffsetWithin(text, std::string_view(text).substr(10)), 10u);
  EXPECT_EQ(OffsetWithin(std::string_view(text).substr(2, 3), std::string_view(text).substr(4, 2)),
            std::nullopt);
  EXPECT_EQ(OffsetWithin(std::string_view(text).substr(2), text), std::nullopt);
}

TEST(RulesTest, TableIsWhole) {
  std::set<std::string_view> ids;
  for (const RuleInfo& info : AllRules()) {
    EXPECT_TRUE(ids.insert(info.id).second) << info.id;
    EXPECT_EQ(&Info(info.rule), &info);
    EXPECT_EQ(FindRule(info.id), &info);
    EXPECT_FALSE(info.summary.empty() || info.message.empty() || info.why.empty() ||
                 info.fix.empty())
        << info.id;
    EXPECT_TRUE(info.summary.ends_with('.')) << info.id;
    // The reference refuses exactly the files that the strict profile refuses by a rule that names
    // the reference's error.
    if (info.effect == Effect::kReport && info.id.starts_with("safetensors/")) {
      EXPECT_EQ(info.reference == Level::kError,
                !info.reference_error.empty() || info.id == "safetensors/foreign-format")
          << info.id;
    }
    EXPECT_TRUE(info.reference != Level::kError || info.strict == Level::kError) << info.id;
  }
  EXPECT_EQ(FindRule("no/such"), nullptr);
}

TEST(ReportBuilderTest, KeepsTheFirstInTableOrderAndCountsTheRest) {
  CheckOptions options;
  options.max_findings = 2;
  ReportBuilder builder(options, "test");
  for (int i = 0; i < 100; ++i) {
    builder.Add(Rule::kStSizeMismatch, static_cast<std::uint64_t>(100 - i),
                {.found = 1, .subject = "late", .found_text = "x"});
  }
  builder.Add(Rule::kStOffsetsHole, 5, {.subject = "early"});
  const Report report = builder.Finish();
  ASSERT_EQ(report.findings().size(), 2u);
  EXPECT_EQ(report.findings()[0].rule, Rule::kStOffsetsHole);
  EXPECT_EQ(report.Subject(report.findings()[0]), "early");
  EXPECT_EQ(report.findings()[1].offset, 1u);
  EXPECT_EQ(report.Subject(report.findings()[1]), "late");
  EXPECT_EQ(report.FoundText(report.findings()[1]), "x");
  EXPECT_EQ(report.dropped_findings(), 99u);
  EXPECT_EQ(report.verdict(), Verdict::kRejected);
}

TEST(ReportBuilderTest, UndecidedWinsAndWarningsDoNotReject) {
  CheckOptions options;
  ReportBuilder warned(options, "test");
  warned.Add(Rule::kStNameEmpty, 0);
  EXPECT_EQ(warned.Finish().verdict(), Verdict::kAccepted);
  ReportBuilder both(options, "test");
  both.Add(Rule::kStOffsetsHole, 0);
  both.Add(Status{.rule = Rule::kIoChanged});
  EXPECT_EQ(both.Finish().verdict(), Verdict::kUndecided);
}

TEST(ReportBuilderTest, OnlyTheReferenceProfileReportsTheReferencesError) {
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    ReportBuilder builder({.profile = profile}, "test");
    builder.Add(Rule::kStDataPastEnd, 0);
    EXPECT_EQ(builder.Finish().reference_error(),
              profile == Profile::kStrict ? "" : "MetadataIncompleteBuffer");
    ReportBuilder accepted({.profile = profile}, "test");
    accepted.SetReferenceError("InvalidHeader");
    EXPECT_EQ(accepted.Finish().reference_error(), "");
  }
}

TEST(ReportBuilderTest, ARuleThatIsOffInTheProfileSaysNothing) {
  ReportBuilder builder({.profile = Profile::kReference}, "test");
  builder.Add(Rule::kStSubByteRow, 0);
  const Report report = builder.Finish();
  EXPECT_EQ(report.verdict(), Verdict::kAccepted);
  EXPECT_TRUE(report.findings().empty());
}

TEST(ReportBuilderTest, AFindingOfAnotherReportHasNoText) {
  ReportBuilder builder({}, "test");
  builder.Add(Rule::kStOffsetsHole, 0, {.subject = "name", .found_text = "text"});
  Finding foreign = builder.Finish().findings()[0];
  const Report report = ReportBuilder({}, "test").Finish();
  EXPECT_EQ(report.Subject(foreign), "");
  EXPECT_EQ(report.FoundText(foreign), "");
  foreign.text_begin = 1;
  EXPECT_EQ(report.Subject(foreign), "");
  EXPECT_EQ(report.FoundText(foreign), "");
}

TEST(ReportBuilderTest, AFindingAfterFinishDoesNotChangeTheVerdict) {
  const auto count = [](Rule rule, Profile profile) {
    Report report = ReportBuilder({.profile = profile}, "test").Finish();
    ReportBuilder::AppendAfterFinish(report, rule, {.found_text = "x"});
    for (const Finding& finding : report.findings()) {
      EXPECT_EQ(finding.severity, Severity::kWarning);
      EXPECT_EQ(report.FoundText(finding), "x");
    }
    return report.findings().size();
  };
  EXPECT_EQ(count(Rule::kStNameEmpty, Profile::kStrict), 1u);
  EXPECT_EQ(count(Rule::kStOffsetsHole, Profile::kStrict), 0u);    // an error
  EXPECT_EQ(count(Rule::kStSubByteRow, Profile::kReference), 0u);  // off
  Report fatal = ReportBuilder::Fatal({}, "test", Rule::kIoOutOfMemory);
  ReportBuilder::AppendAfterFinish(fatal, Rule::kStNameEmpty, {});
  EXPECT_EQ(fatal.findings().size(), 1u);
  EXPECT_EQ(fatal.findings()[0].rule, Rule::kIoOutOfMemory);
}

TEST(ReportBuilderTest, LongSubjectsAreCutAndTextStaysBounded) {
  CheckOptions options;
  options.max_findings = 1;
  ReportBuilder builder(options, "test");
  const std::string name(5000, 'n');
  for (std::uint64_t i = 0; i < 100'000; ++i)
    builder.Add(Rule::kStSizeMismatch, 1'000'000 - i, {.subject = name});
  const Report report = builder.Finish();
  EXPECT_EQ(report.Subject(report.findings()[0]).size(), 256u);
  EXPECT_EQ(report.findings()[0].offset, 900'001u);
  EXPECT_LT(report.findings()[0].text_begin, 100'000u);
}

TEST(ReportBuilderTest, MovedTextsKeepTheOrderOfFindingsAtTheSameOffset) {
  ReportBuilder builder({.max_findings = 3}, "test");
  builder.Add(Rule::kStSizeMismatch, 5, {.subject = "first"});
  builder.Add(Rule::kStSizeMismatch, 5, {.subject = "second"});
  for (std::uint64_t i = 0; i < 2000; ++i)
    builder.Add(Rule::kStSizeMismatch, 10'000 - i, {.subject = std::string(300, 'n')});
  const Report report = builder.Finish();
  ASSERT_EQ(report.findings().size(), 3u);
  EXPECT_EQ(report.Subject(report.findings()[0]), "first");
  EXPECT_EQ(report.Subject(report.findings()[1]), "second");
}

TEST(ReportBuilderTest, AStatusReportsTheSystemsNumberOrTheFormats) {
  const auto found = [](const Status& status) {
    ReportBuilder builder({}, "test");
    builder.SetSize(100);
    builder.Add(status);
    const Report report = builder.Finish();
    return std::pair(report.findings()[0].found, report.findings()[0].has_allowed);
  };
  EXPECT_EQ(found({.rule = Rule::kIoReadFailed, .system_error = 5, .found = 7}),
            std::pair(std::uint64_t{5}, false));
  EXPECT_EQ(found({.rule = Rule::kIoReadFailed, .found = 7}), std::pair(std::uint64_t{0}, false));
  EXPECT_EQ(found({.rule = Rule::kIoShortRead, .found = 7}), std::pair(std::uint64_t{7}, true));
  EXPECT_EQ(found({.rule = Rule::kLimitFileBytes, .found = 7}), std::pair(std::uint64_t{7}, false));
  EXPECT_EQ(found({.rule = Rule::kLimitFileBytes, .system_error = 5, .found = 7}),
            std::pair(std::uint64_t{5}, false));
}

TEST(ReportBuilderTest, KeptFindingsKeepTheirText) {
  ReportBuilder builder({.max_findings = 3}, "test");
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const std::string name = std::to_string(i) + std::string(300, 'n');
    builder.Add(Rule::kStSizeMismatch, 10'000 - i,
                {.subject = name, .found_text = std::to_string(10'000 - i)});
  }
  const Report report = builder.Finish();
  ASSERT_EQ(report.findings().size(), 3u);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const Finding& finding = report.findings()[i];
    EXPECT_EQ(finding.offset, 8001 + i);
    EXPECT_TRUE(report.Subject(finding).starts_with(std::to_string(1999 - i) + "n"));
    EXPECT_EQ(report.FoundText(finding), std::to_string(8001 + i));
  }
}

}  // namespace
}  // namespace tensorgate::internal
