#include "lib/report/writers.h"

#include <cstddef>
#include <utility>

#include "lib/json/writer.h"

namespace tensorgate::internal {
namespace {

// For people: a summary ends more than one report.
class TextWriter final : public ReportWriter {
 public:
  std::string Begin(const ReportRun& run) override {
    run_ = run;
    return {};
  }

  // A file that is not a model changes nothing where it was found, and the exit code where it was named: then it is
  // shown with the note that says what it is.
  std::string Add(std::string_view path, const Report& report,
                  const ReportExtras& extras) override {
    const bool other = report.file_class() == FileClass::kOther;
    if (run_.quiet && (report.verdict() == Verdict::kAccepted || (other && !extras.named))) {
      return {};
    }
    return RenderText(path, report, run_.verbose || (other && extras.named));
  }

  std::string End(const ReportTotals& totals) override {
    if (run_.quiet || totals.files < 2) return {};
    std::string line = GroupDigits(totals.files) + " files:";
    const char* separator = " ";
    const auto add = [&](std::uint64_t count, const char* what) {
      if (count == 0) return;
      line.append(separator).append(GroupDigits(count)).append(" ").append(what);
      separator = ", ";
    };
    add(totals[Verdict::kAccepted], "accepted");
    add(totals[Verdict::kRejected], "rejected");
    add(totals[Verdict::kUndecided], "undecided");
    add(totals[FileClass::kModel], "unsupported");
    add(totals[FileClass::kNotFetched], "not fetched");
    add(totals[FileClass::kOther], "not models");
    return line + "\n";
  }

 private:
  ReportRun run_;
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
  if (report.verdict() == Verdict::kUnsupported) {
    ++classes.at(static_cast<std::size_t>(*report.file_class()));
  }
}

std::span<const ReportFormat> ReportFormats() { return kFormats; }

}  // namespace tensorgate::internal
