#include "lib/rules/report_builder.h"

#include <algorithm>
#include <new>
#include <tuple>
#include <utility>

#include "lib/rules/impact.h"

namespace tensorgate {
namespace {

constexpr std::size_t kTextCap = 256;

// The rules' order, then the offset. A heap in this order keeps the findings that come first.
bool Before(const Finding& a, const Finding& b) {
  return std::tie(a.rule, a.offset, a.text_begin) < std::tie(b.rule, b.offset, b.text_begin);
}

Level LevelIn(const RuleInfo& info, Profile profile) {
  return profile == Profile::kStrict ? info.strict : info.reference;
}

}  // namespace

std::string_view Report::Subject(const Finding& finding) const {
  if (finding.text_begin > text_.size()) return {};
  return std::string_view(text_).substr(finding.text_begin, finding.subject_text);
}

std::string_view Report::FoundText(const Finding& finding) const {
  if (std::uint64_t{finding.text_begin} + finding.subject_text > text_.size()) return {};
  return std::string_view(text_).substr(finding.text_begin + finding.subject_text,
                                        finding.found_text);
}

const Finding* Report::reason() const {
  if (verdict_ == Verdict::kAccepted || findings().empty()) return nullptr;
  const auto error = std::ranges::find(findings(), Severity::kError, &Finding::severity);
  return error == findings().end() ? &findings().front() : &*error;
}

ReportBuilder::ReportBuilder(const CheckOptions& options, std::string_view format)
    : options_(options), interrupt_(options_) {
  options_.max_findings = std::max<std::uint32_t>(options_.max_findings, 1);
  report_.profile_ = options.profile;
  report_.limits_ = options.limits;
  report_.format_ = format;
}

void ReportBuilder::Add(Rule rule, std::uint64_t offset, const Detail& detail) {
  const RuleInfo& info = Info(rule);
  const Level level = LevelIn(info, report_.profile_);
  if (level == Level::kOff) return;
  // What ended the check is reported once, even if several places notice it.
  if (internal::IsInterrupt(rule) && std::exchange(ended_, true)) return;
  Finding finding;
  finding.rule = rule;
  finding.severity = static_cast<Severity>(static_cast<int>(level) - 1);
  finding.offset = offset;
  finding.has_found = detail.found.has_value();
  finding.found = detail.found.value_or(0);
  finding.has_allowed = detail.allowed.has_value();
  finding.allowed = detail.allowed.value_or(0);
  finding.subject_offset = detail.subject_offset;
  finding.subject_length =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(detail.subject_length, UINT32_MAX));
  has_error_ |= level == Level::kError;
  undecided_ |= level == Level::kError && info.effect == Effect::kUndecided;
  if (info.effect == Effect::kNotFetched) report_.file_class_ = FileClass::kNotFetched;
  if (level == Level::kError) AddImpact(internal::ImpactOf(rule, detail.found_text));

  auto& findings = report_.findings_;
  finding.text_begin = static_cast<std::uint32_t>(report_.text_.size());
  if (findings.size() >= options_.max_findings) {
    ++report_.dropped_;
    if (!Before(finding, findings.front())) return;
    std::pop_heap(findings.begin(), findings.end(), Before);
    findings.pop_back();
    CompactText();
    finding.text_begin = static_cast<std::uint32_t>(report_.text_.size());
  }
  const std::string_view subject = detail.subject.substr(0, kTextCap);
  const std::string_view found_text = detail.found_text.substr(0, kTextCap);
  if (report_.text_.size() < UINT32_MAX / 2) {
    finding.subject_text = static_cast<std::uint16_t>(subject.size());
    finding.found_text = static_cast<std::uint16_t>(found_text.size());
    report_.text_.append(subject).append(found_text);
  }
  findings.push_back(finding);
  std::push_heap(findings.begin(), findings.end(), Before);
}

void ReportBuilder::AddImpact(std::optional<Impact> impact) {
  if (!impact || !internal::IsDangerous(*impact)) return;
  danger_ = std::min(danger_.value_or(*impact), *impact);
}

// The text of replaced findings is still there; compact it before it outgrows the text that is
// kept.
void ReportBuilder::CompactText() {
  auto& findings = report_.findings_;
  if (report_.text_.size() < 4 * kTextCap * (findings.size() + 64)) return;
  std::sort(findings.begin(), findings.end(),
            [](const Finding& a, const Finding& b) { return a.text_begin < b.text_begin; });
  std::string text;
  for (Finding& finding : findings) {
    const auto begin = static_cast<std::uint32_t>(text.size());
    text.append(report_.Subject(finding)).append(report_.FoundText(finding));
    finding.text_begin = begin;
  }
  report_.text_ = std::move(text);
  std::make_heap(findings.begin(), findings.end(), Before);
}

bool ReportBuilder::Ended() {
  if (ended_) return true;
  const std::optional<Rule> rule = interrupt_.Ended();
  if (!rule) return false;
  Add(*rule, 0);
  return true;
}

void ReportBuilder::Add(const Status& status) {
  if (internal::IsInterrupt(status.rule)) return Add(status.rule, 0);
  Detail detail;
  // For `io/...` the number is the system's, unless it counts bytes; any number that the system
  // gave is, too.
  const bool is_system = status.system_error != 0 || (Info(status.rule).id.starts_with("io/") &&
                                                      status.rule != Rule::kIoShortRead);
  detail.found = is_system ? static_cast<std::uint64_t>(status.system_error) : status.found;
  if (status.rule == Rule::kIoShortRead) detail.allowed = report_.size_;
  Add(status.rule, status.offset, detail);
}

// What could do harm comes before what is merely wrong; of the rest the reason decides.
Impact ReportBuilder::ImpactOfReason() const {
  if (danger_) return *danger_;
  const auto error = std::ranges::find(report_.findings_, Severity::kError, &Finding::severity);
  const bool found = error != report_.findings_.end();
  return (found ? internal::ImpactOf(error->rule, report_.FoundText(*error)) : std::nullopt)
      .value_or(Impact::kMalformed);
}

Report ReportBuilder::Finish() {
  auto& findings = report_.findings_;
  std::sort_heap(findings.begin(), findings.end(), Before);
  if (report_.size_) {
    for (Finding& finding : findings) finding.offset = std::min(finding.offset, *report_.size_);
  }
  if (undecided_) {
    report_.verdict_ = Verdict::kUndecided;
  } else if (has_error_) {
    report_.verdict_ = Verdict::kRejected;
    report_.impact_ = ImpactOfReason();
  } else if (report_.file_class_) {
    report_.verdict_ = Verdict::kUnsupported;
  } else {
    report_.verdict_ = Verdict::kAccepted;
  }
  const bool predicted =
      report_.verdict_ == Verdict::kRejected && report_.profile_ == Profile::kReference;
  if (!predicted) {
    report_.reference_error_ = {};
  } else if (report_.reference_error_.empty()) {
    report_.reference_error_ = Info(findings.front().rule).reference_error;
  }
  return std::move(report_);
}

void ReportBuilder::AppendAfterFinish(Report& report, Rule rule, const Detail& detail) {
  const Level level = LevelIn(Info(rule), report.profile_);
  if (report.fatal_ || level == Level::kOff || level == Level::kError) return;
  Finding finding;
  finding.rule = rule;
  finding.severity = static_cast<Severity>(static_cast<int>(level) - 1);
  const std::string_view text = detail.found_text.substr(0, kTextCap);
  finding.text_begin = static_cast<std::uint32_t>(report.text_.size());
  finding.found_text = static_cast<std::uint16_t>(text.size());
  report.text_ += text;
  const auto place = std::ranges::upper_bound(report.findings_, rule, {}, &Finding::rule);
  report.findings_.insert(place, finding);
}

void ReportBuilder::AddImpactAfterFinish(Report& report, std::optional<Impact> impact) {
  if (!report.impact_ || !impact || !internal::IsDangerous(*impact)) return;
  report.impact_ = std::min(*report.impact_, *impact);
}

void ReportBuilder::ForgetEnd(Report& report) {
  for (Finding& finding : report.findings_) {
    const bool to_end = report.size_ && finding.found == *report.size_ - finding.offset;
    if (to_end) finding.has_found = false;
  }
  report.size_.reset();
}

Report ReportBuilder::Failed(const Status& status, const CheckOptions& options,
                             std::string_view format) noexcept {
  try {
    ReportBuilder builder(options, format);
    builder.Add(status);
    return builder.Finish();
  } catch (const std::bad_alloc&) {
    return OutOfMemory(options, format);
  }
}

Report ReportBuilder::Fatal(const CheckOptions& options, std::string_view format,
                            Rule rule) noexcept {
  Report report;
  report.profile_ = options.profile;
  report.limits_ = options.limits;
  report.format_ = format;
  report.verdict_ = Verdict::kUndecided;
  Finding& finding = report.fatal_.emplace();
  finding.rule = rule;
  finding.severity = Severity::kError;
  return report;
}

Report ReportBuilder::Caught(const CheckOptions& options, std::string_view format) noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return OutOfMemory(options, format);
  } catch (...) {
    return Fatal(options, format, Rule::kIoReadFailed);
  }
}

}  // namespace tensorgate
