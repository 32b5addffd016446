#include "lib/report/writers.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/json/writer.h"
#include "lib/report/text.h"

namespace tensorgate::internal {
namespace {

// For people. What needs attention is written as it comes; what was found in a folder and accepted is listed at the
// end, if that is few. A file that is not a model is shown where it was named, with the note that says what it is.
class TextWriter final : public ReportWriter {
 public:
  std::string Begin(const ReportRun& run) override {
    run_ = run;
    return {};
  }

  std::string Add(std::string_view path, const Report& report,
                  const ReportExtras& extras) override {
    const bool accepted = report.verdict() == Verdict::kAccepted;
    const bool other = report.file_class() == FileClass::kOther;
    if (run_.quiet && (accepted || (other && !extras.named))) return {};
    const bool unsupported = report.verdict() == Verdict::kUnsupported;
    if (extras.named || run_.text.verbose) return Text(path, report, unsupported && extras.named);
    if (other) return {};
    const bool quiet = std::ranges::all_of(
        report.findings(), [](const Finding& each) { return each.severity == Severity::kNote; });
    if (!accepted || !quiet) return Text(path, report, false);
    if (++held_count_ <= kFew) held_ += Text(path, report, false);
    return {};
  }

  std::string End(const ReportTotals& totals) override {
    std::string text;
    if (held_count_ <= kFew) text = std::move(held_);
    const bool clean = totals[Verdict::kAccepted] + totals[FileClass::kOther] == totals.files;
    if (totals.files < 2 || (run_.quiet && clean)) return text;
    if (held_count_ > kFew) {
      text += "accepted     " + GroupDigits(held_count_) + " files in folders (-v lists them)\n";
    }
    text += Counts(totals) + Reasons(totals);
    if (totals[FileClass::kModel] != 0) {
      text +=
          "    (unsupported: no parser, so not checked; `tensorgate inspect --globals FILE` finds "
          "pickles in any file)\n";
    }
    return text;
  }

 private:
  static constexpr std::uint64_t kFew = 20;

  std::string Text(std::string_view path, const Report& report, bool notes) {
    TextOptions options = run_.text;
    options.verbose |= notes;
    return RenderText(path, report, options, explained_);
  }

  static std::string Counts(const ReportTotals& totals) {
    std::string line = GroupDigits(totals.files) + " files:";
    const char* separator = " ";
    const auto add = [&](std::uint64_t count, const char* what) {
      if (count == 0) return;
      line.append(separator).append(GroupDigits(count)).append(" ").append(what);
      separator = ", ";
    };
    add(totals[Verdict::kAccepted], "accepted");
    add(totals[Verdict::kRejected], "rejected");
    if (totals[Verdict::kRejected] != 0) line += Impacts(totals);
    add(totals[Verdict::kUndecided], "undecided");
    add(totals[FileClass::kModel], "unsupported");
    add(totals[FileClass::kNotFetched], "not fetched");
    add(totals[FileClass::kOther], "other");
    return line + "\n";
  }

  // " (2 runs code, 1 malformed)"
  static std::string Impacts(const ReportTotals& totals) {
    std::string text = " (";
    for (std::size_t i = 0; i < totals.impacts.size(); ++i) {
      if (totals.impacts[i] == 0) continue;
      if (text.size() > 2) text += ", ";
      text.append(GroupDigits(totals.impacts[i])).append(" ");
      text.append(Words(static_cast<Impact>(i)));
    }
    return text + ")";
  }

  // The worst impact first, then the commonest.
  static std::string Reasons(const ReportTotals& totals) {
    std::vector<std::pair<ReportTotals::Reason, std::uint64_t>> reasons(totals.reasons.begin(),
                                                                        totals.reasons.end());
    std::ranges::sort(reasons, {}, [](const auto& each) {
      return std::tuple(each.first.verdict, each.first.impact, ~each.second, each.first.name);
    });
    std::string text;
    for (const auto& [reason, count] : reasons) {
      const std::string number = GroupDigits(count);
      const std::string_view verdict = Name(reason.verdict);
      text.append("    ").append(verdict).append(12 - verdict.size(), ' ');
      text.append(9 - std::min<std::size_t>(number.size(), 8), ' ').append(number);
      text.append("  ").append(reason.name);
      if (reason.impact) text.append("  (").append(Words(*reason.impact)) += ')';
      text += '\n';
    }
    return text;
  }

  ReportRun run_;
  Explained explained_;
  std::string held_;  // of what is accepted, in folders
  std::uint64_t held_count_ = 0;
};

// One object that holds all reports, a line each.
class JsonDocumentWriter final : public ReportWriter {
 public:
  std::string Begin(const ReportRun&) override {
    json_.BeginObject();
    json_.Member("schema_version", std::uint64_t{1});
    json_.Member("tool_version", ToolVersion());
    json_.Member("rules_version", RulesVersion());
    json_.Key("files");
    json_.BeginArray();
    json_.BreakLine();
    return std::exchange(text_, {});
  }

  std::string Add(std::string_view path, const Report& report,
                  const ReportExtras& extras) override {
    json_.Raw(RenderJson(path, report, extras.json));
    json_.BreakLine();
    return std::exchange(text_, {});
  }

  std::string End(const ReportTotals&) override {
    json_.EndArray();
    json_.EndObject();
    return std::exchange(text_, {}) + "\n";
  }

 private:
  std::string text_;
  JsonWriter json_{text_};
};

// An object and a line for each report.
class JsonLinesWriter final : public ReportWriter {
 public:
  std::string Begin(const ReportRun&) override { return {}; }
  std::string Add(std::string_view path, const Report& report,
                  const ReportExtras& extras) override {
    return RenderJson(path, report, extras.json) + "\n";
  }
  std::string End(const ReportTotals&) override { return {}; }
};

template <typename Writer>
std::unique_ptr<ReportWriter> Make() {
  return std::make_unique<Writer>();
}

using enum ReportFormat::Reader;
constexpr ReportFormat kFormats[] = {
    {.name = "text", .help = "for people", .reader = kPerson, .make = Make<TextWriter>},
    {.name = "json", .help = "one object", .reader = kOfWhole, .make = Make<JsonDocumentWriter>},
    {.name = "jsonl",
     .help = "an object and a line for each file",
     .reader = kOfEach,
     .make = Make<JsonLinesWriter>},
};

}  // namespace

void ReportTotals::Add(const Report& report) {
  ++files;
  ++verdicts.at(static_cast<std::size_t>(report.verdict()));
  if (report.impact()) ++impacts.at(static_cast<std::size_t>(*report.impact()));
  if (report.verdict() == Verdict::kUnsupported) {
    ++classes.at(static_cast<std::size_t>(*report.file_class()));
    if (report.file_class() == FileClass::kOther) return;
    // A placeholder's format may be unknown: the rule says what it is.
    const bool fetched = report.file_class() == FileClass::kModel;
    ++reasons[{report.verdict(), {}, fetched ? report.format() : Info(report.reason()->rule).id}];
  } else if (const Finding* reason = LeadOf(report)) {
    ++reasons[{report.verdict(), report.impact(), Info(reason->rule).id}];
  }
}

std::span<const ReportFormat> ReportFormats() { return kFormats; }

}  // namespace tensorgate::internal
