// The text form of a report: a block for each rule, the reason explained.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/report/message.h"
#include "lib/report/text.h"
#include "tensorgate/render.h"

namespace tensorgate {
namespace {

using internal::AppendCount;
using internal::AppendEscaped;
using internal::AppendNumber;

constexpr std::string_view kIndent = "             ";

struct Style {
  std::string_view word, code;  // of the SGR sequence
};
// Every verdict and severity.
constexpr std::array kStyles = {
    Style{"accepted", "32"},    Style{"rejected", "1;31"}, Style{"undecided", "1;33"},
    Style{"unsupported", "36"}, Style{"error", "31"},      Style{"warning", "33"},
    Style{"note", "2"},
};

// `word` and spaces to `width` columns.
void AppendWord(std::string& out, std::string_view word, std::size_t width, bool color) {
  if (color) {
    out.append("\x1b[").append(std::ranges::find(kStyles, word, &Style::word)->code) += 'm';
  }
  out += word;
  if (color) out += "\x1b[0m";
  out.append(width - std::min(word.size(), width - 1), ' ');
}

// All findings of one rule, which are of one severity.
struct Block {
  std::vector<const Finding*> findings;
  const Finding& first() const { return *findings.front(); }
};

std::vector<Block> BlocksOf(const Report& report, bool verbose) {
  std::vector<Block> blocks;
  std::vector<std::size_t> places(AllRules().size(), SIZE_MAX);
  for (const Finding& finding : report.findings()) {
    if (finding.severity == Severity::kNote && !verbose) continue;
    std::size_t& place = places.at(static_cast<std::size_t>(finding.rule));
    if (place == SIZE_MAX) {
      place = blocks.size();
      blocks.emplace_back();
    }
    blocks[place].findings.push_back(&finding);
  }
  return blocks;
}

// Failures of the system, of a call and of writing, and findings about a whole file, have no offset.
bool HasPlace(const RuleInfo& rule, std::uint64_t offset) {
  constexpr std::array<std::string_view, 5> kWhole = {"io/", "scan/", "use/", "save/", "convert/"};
  return offset != 0 || std::ranges::none_of(kWhole, [&](std::string_view area) {
           return rule.id.starts_with(area);
         });
}

class TextReport {
 public:
  TextReport(std::string& out, const Report& report, const TextOptions& options,
             internal::Explained& explained)
      : out_(out), report_(report), options_(options), explained_(explained) {}
  void Append(std::string_view path);

 private:
  void AppendSummary();
  void AppendBlock(const Block& block, bool explained);
  void AppendFinding(const Finding& finding);
  void AppendFurther(const Block& block);
  void AppendLabel(std::string& out, const Finding& finding) const;
  void AppendLine(std::string_view label, std::string_view text);

  std::string& out_;
  const Report& report_;
  const TextOptions& options_;
  internal::Explained& explained_;
};

void TextReport::AppendSummary() {
  if (report_.verdict() == Verdict::kUnsupported) {
    out_.append("  (").append(report_.format()).append(", ");
    out_.append(Name(*report_.file_class())) += ')';
  } else if (report_.impact()) {
    out_.append("  (").append(Words(*report_.impact())) += ')';
  } else if (report_.verdict() == Verdict::kAccepted && report_.facts()) {
    out_ += "  (";
    if (!report_.shards().empty()) {
      AppendCount(out_, report_.shards().size(), "shard", "shards");
      out_ += ", ";
    }
    AppendCount(out_, report_.facts()->tensors, "tensor", "tensors");
    out_ += ", ";
    AppendCount(out_, report_.facts()->parameters, "parameter", "parameters");
    out_ += ')';
  }
  if (report_.profile() == Profile::kReference) out_ += "  by the reference profile";
}

// Wraps at spaces, if there is a width; all lines are indented.
void TextReport::AppendLine(std::string_view label, std::string_view text) {
  if (text.empty()) return;
  out_.append(kIndent).append(label);
  std::size_t column = kIndent.size() + label.size();
  const std::size_t width = options_.width > 2 * kIndent.size() ? options_.width : SIZE_MAX;
  while (true) {
    const std::size_t end = std::min(text.find(' '), text.size());
    out_.append(text.substr(0, end));
    column += end;
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
    if (column + 1 + std::min(text.find(' '), text.size()) > width) {
      (out_ += '\n') += kIndent;
      column = kIndent.size();
    } else {
      out_ += ' ';
      ++column;
    }
  }
  out_ += '\n';
}

void TextReport::AppendFinding(const Finding& finding) {
  const RuleInfo& rule = Info(finding.rule);
  out_ += "    ";
  AppendWord(out_, Name(finding.severity), 9, options_.color);
  out_ += rule.id;
  if (HasPlace(rule, finding.offset)) {
    out_ += " at byte ";
    AppendNumber(out_, finding.offset);
  }
  out_ += ": ";
  internal::AppendMessage(out_, report_, finding);
  out_ += '\n';
}

// The name that distinguishes this finding from others of its rule; in quotes if it could be taken for several.
void TextReport::AppendLabel(std::string& out, const Finding& finding) const {
  const std::string_view message = Info(finding.rule).message;
  if (message.contains("{text}")) {
    const std::string_view text = report_.FoundText(finding);
    if (text.find_first_of(" ,;\"") != text.npos) return internal::AppendSubject(out, text);
    AppendEscaped(out, text, internal::kShownText);
  } else if (message.contains("{subject}")) {
    internal::AppendSubject(out, report_.Subject(finding));
  }
}

// Names and places of all but the first: "os.system at byte 7, 20; eval at byte 31".
void TextReport::AppendFurther(const Block& block) {
  std::vector<std::pair<std::string, std::string>> labels;
  std::unordered_map<std::string, std::size_t> places;
  for (const Finding* finding : std::span(block.findings).subspan(1)) {
    std::string label;
    AppendLabel(label, *finding);
    const auto [place, added] = places.try_emplace(label, labels.size());
    if (added) labels.emplace_back(std::move(label), std::string());
    std::string& at = labels[place->second].second;
    if (!at.empty()) at += ", ";
    AppendNumber(at, finding->offset);
  }
  std::string text;
  for (const auto& [label, at] : labels) {
    if (!text.empty()) text += "; ";
    text += label;
    text.append(label.empty() ? "at byte " : " at byte ").append(at);
  }
  AppendLine("also: ", text);
}

void TextReport::AppendBlock(const Block& block, bool explained) {
  const RuleInfo& rule = Info(block.first().rule);
  AppendFinding(block.first());
  if (options_.verbose) {
    for (const Finding* finding : block.findings) {
      if (finding != block.findings.front()) AppendFinding(*finding);
    }
  } else if (block.findings.size() > 1) {
    AppendFurther(block);
  }
  const bool note = block.first().severity == Severity::kNote;
  if (!explained || (note && report_.verdict() != Verdict::kUnsupported)) return;
  AppendLine("allowed: ", rule.allowed);
  AppendLine("why: ", rule.why);
  AppendLine("fix: ", rule.fix);
  std::string more = "tensorgate rules ";
  more.append(rule.id).append(", docs/rules.md#");
  std::ranges::remove_copy(rule.id, std::back_inserter(more), '/');
  AppendLine("more: ", more);
}

void TextReport::Append(std::string_view path) {
  AppendWord(out_, Name(report_.verdict()), 13, options_.color);
  AppendEscaped(out_, path);
  AppendSummary();
  out_ += '\n';
  std::vector<Block> blocks = BlocksOf(report_, options_.verbose);
  const Finding* const reason = internal::LeadOf(report_);
  const auto lead = std::ranges::find_if(blocks, [&](const Block& block) {
    return reason != nullptr && block.first().rule == reason->rule;
  });
  if (lead != blocks.end()) std::rotate(blocks.begin(), lead, lead + 1);
  bool left = false;
  for (const Block& block : blocks) {
    const Rule rule = block.first().rule;
    const bool is_reason = reason == nullptr ? &block == blocks.data() : rule == reason->rule;
    const bool explain = (is_reason || options_.verbose) && explained_.Add(rule);
    AppendBlock(block, explain);
    left |= !is_reason && !options_.verbose;
  }
  if (!report_.reference_error().empty()) {
    out_.append("    the reference fails with ").append(report_.reference_error()) += '\n';
  }
  if (report_.dropped_findings() != 0) {
    out_ += "    and ";
    AppendCount(out_, report_.dropped_findings(), "more finding", "more findings");
    out_ += " (--max-findings)\n";
  }
  if (left && !explained_.hinted) {
    out_ += "    (`tensorgate rules ID` explains each rule)\n";
    explained_.hinted = true;
  }
}

}  // namespace

const Finding* internal::LeadOf(const Report& report) {
  const Finding* const reason = report.reason();
  const auto named =
      std::ranges::find(report.findings(), Rule::kPickleGlobalOutside, &Finding::rule);
  return reason == nullptr || named == report.findings().end() ? reason : &*named;
}

bool internal::Explained::Add(Rule rule) {
  rules.resize(AllRules().size());
  const auto place = static_cast<std::size_t>(rule);
  if (rules[place]) return false;
  rules[place] = true;
  return true;
}

std::string internal::RenderText(std::string_view path, const Report& report,
                                 const TextOptions& options, Explained& explained) {
  std::string out;
  TextReport(out, report, options, explained).Append(path);
  return out;
}

std::string RenderText(std::string_view path, const Report& report, const TextOptions& options) {
  return internal::OrEmpty([&](std::string& out) {
    internal::Explained explained;
    out = internal::RenderText(path, report, options, explained);
  });
}

}  // namespace tensorgate
