// The C interface for `tensorgate::Report`. Exceptions are caught, and raw bytes cross the language
// border, only in this folder.
#include "tensorgate.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/capi/handles.h"
#include "lib/report/message.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/render.h"
#include "tensorgate/report.h"
#include "tensorgate/rules.h"

using tensorgate::CheckOptions;
using tensorgate::Finding;
using tensorgate::Report;
using tensorgate::Result;
using tensorgate::Rule;
using tensorgate::Severity;
using tensorgate::Status;
using tensorgate::Verdict;
using tensorgate::capi::Keep;
using tensorgate::capi::OutOfMemoryReport;

static_assert(int(Verdict::kAccepted) == TENSORGATE_ACCEPTED);
static_assert(int(Verdict::kRejected) == TENSORGATE_REJECTED);
static_assert(int(Verdict::kUndecided) == TENSORGATE_UNDECIDED);
static_assert(int(Verdict::kUnsupported) == TENSORGATE_UNSUPPORTED);
static_assert(int(Severity::kNote) == TENSORGATE_NOTE);
static_assert(int(Severity::kWarning) == TENSORGATE_WARNING);
static_assert(int(Severity::kError) == TENSORGATE_ERROR);

namespace {

using Options = tensorgate_options;
using tensorgate::Limits;

struct NamedLimit {
  std::uint64_t Options::* here;
  std::uint64_t Limits::* there;
};
// A limit that is missing in the C struct is a compile error.
constexpr std::array kCaps = {
#define TENSORGATE_LIMIT(name, ...) NamedLimit{&Options::max_##name, &Limits::name},
#include "tensorgate/limits.def"
#undef TENSORGATE_LIMIT
};

Options Defaults() {
  const CheckOptions defaults;
  Options all{};
  all.struct_size = sizeof all;
  all.profile = TENSORGATE_STRICT;
  all.max_findings = defaults.max_findings;
  for (const NamedLimit& cap : kCaps) all.*cap.here = defaults.limits.*cap.there;
  return all;
}

}  // namespace

Result<CheckOptions> tensorgate::capi::ToOptions(const tensorgate_options* given) {
  Options all = Defaults();
  Take(given, all);
  const auto profile = ToNumber(all.profile);
  if (profile != TENSORGATE_STRICT && profile != TENSORGATE_REFERENCE) {
    return std::unexpected(Status{.rule = Rule::kUseUnknownOption, .found = profile});
  }
  CheckOptions options;
  options.profile = profile == TENSORGATE_REFERENCE ? Profile::kReference : Profile::kStrict;
  options.max_findings = std::max<std::uint32_t>(all.max_findings, 1);
  for (const NamedLimit& cap : kCaps) options.limits.*cap.there = all.*cap.here;
  if (all.trusted != nullptr) options.trusted = all.trusted->list;
  if (all.timeout_ms != 0) {
    const std::chrono::duration<double, std::milli> timeout(all.timeout_ms);
    options.deadline = DeadlineIn(timeout);
  }
  if (all.keep_going != nullptr) {
    options.keep_going = [call = all.keep_going, context = all.keep_going_context] {
      return call(context) != 0;
    };
  }
  return options;
}

tensorgate_report* tensorgate::capi::OutOfMemoryReport() noexcept {
  static tensorgate_report report(ReportBuilder::OutOfMemory(CheckOptions(), "unknown"));
  return &report;
}

namespace {

/// Runs `make` once. If it throws, the flag stays unset, so that a later call can succeed.
template <typename Make>
void Once(std::once_flag& flag, Make&& make) noexcept {
  try {
    std::call_once(flag, std::forward<Make>(make));
  } catch (...) {
    return;
  }
}

void MakeMessages(const tensorgate_report& report) {
  Once(report.messages_once, [&] {
    std::vector<std::string> made;
    made.reserve(report.report.findings().size());
    for (const Finding& each : report.report.findings()) {
      tensorgate::internal::AppendMessage(made.emplace_back(), report.report, each);
    }
    report.messages = std::move(made);
  });
}

template <typename Read>
std::uint64_t Fact(const tensorgate_report* report, Read read) {
  if (report == nullptr || !report->report.facts()) return 0;
  return read(*report->report.facts());
}

}  // namespace

extern "C" {

const char* tensorgate_version(void) { return TENSORGATE_VERSION; }

void tensorgate_options_init(tensorgate_options* options) {
  if (options == nullptr || options->struct_size < sizeof options->struct_size) return;
  Options all = Defaults();
  all.struct_size = options->struct_size;
  std::memcpy(options, &all, std::min(options->struct_size, sizeof all));
}

tensorgate_trust_list* tensorgate_trust_list_parse(const char* text, size_t length,
                                                   tensorgate_error** error) {
  return tensorgate::capi::Make<tensorgate_trust_list>(
      error, [&] { return tensorgate::TrustList::Parse(tensorgate::capi::ToView(text, length)); });
}

void tensorgate_trust_list_free(tensorgate_trust_list* list) { delete list; }

tensorgate_report* tensorgate_checkpoint_report(const tensorgate_checkpoint* checkpoint) {
  const tensorgate::Checkpoint& of = checkpoint->checkpoint;
  return Keep([&] { return Report(of.report()); }, of.path());
}

void tensorgate_report_free(tensorgate_report* report) {
  if (report != OutOfMemoryReport()) delete report;
}

tensorgate_verdict tensorgate_report_verdict(const tensorgate_report* report) {
  if (report == nullptr) return TENSORGATE_UNDECIDED;
  return static_cast<tensorgate_verdict>(report->report.verdict());
}

const char* tensorgate_report_format(const tensorgate_report* report) {
  return report == nullptr ? "unknown" : report->report.format().data();
}

const char* tensorgate_report_impact(const tensorgate_report* report) {
  if (report == nullptr || !report->report.impact()) return "";
  return tensorgate::Name(*report->report.impact()).data();
}

size_t tensorgate_report_finding_count(const tensorgate_report* report) {
  return report == nullptr ? 0 : report->report.findings().size();
}

uint64_t tensorgate_report_dropped_findings(const tensorgate_report* report) {
  return report == nullptr ? 0 : report->report.dropped_findings();
}

int tensorgate_report_finding(const tensorgate_report* report, size_t index,
                              tensorgate_finding* finding) {
  if (finding == nullptr || index >= tensorgate_report_finding_count(report)) return 0;
  MakeMessages(*report);
  const Finding& from = report->report.findings()[index];
  const tensorgate::RuleInfo& info = tensorgate::Info(from.rule);
  const std::string_view subject = report->report.Subject(from);
  const std::string_view found = report->report.FoundText(from);
  tensorgate_finding full{};
  full.rule = info.id.data();
  full.severity = static_cast<tensorgate_severity>(from.severity);
  full.has_found = from.has_found;
  full.has_allowed = from.has_allowed;
  full.offset = from.offset;
  full.found = from.found;
  full.allowed = from.allowed;
  full.subject = subject.empty() ? "" : subject.data();
  full.subject_length = subject.size();
  full.message = report->messages.empty() ? info.summary.data() : report->messages[index].c_str();
  full.found_text = found.empty() ? "" : found.data();
  full.found_text_length = found.size();
  full.why = info.why.data();
  full.fix = info.fix.data();
  full.cwe = info.cwe.data();
  return tensorgate::capi::Deliver(full, finding);
}

int tensorgate_report_reason(const tensorgate_report* report, tensorgate_finding* finding) {
  const Finding* const reason = report == nullptr ? nullptr : report->report.reason();
  if (reason == nullptr) return 0;
  const auto index = static_cast<size_t>(reason - report->report.findings().data());
  return tensorgate_report_finding(report, index, finding);
}

uint64_t tensorgate_report_tensor_count(const tensorgate_report* report) {
  return Fact(report, [](const Report::Facts& facts) { return facts.tensors; });
}

uint64_t tensorgate_report_header_bytes(const tensorgate_report* report) {
  return Fact(report, [](const Report::Facts& facts) { return facts.header_bytes; });
}

uint64_t tensorgate_report_data_bytes(const tensorgate_report* report) {
  return Fact(report, [](const Report::Facts& facts) { return facts.data_bytes; });
}

uint64_t tensorgate_report_bytes_read(const tensorgate_report* report) {
  return report == nullptr ? 0 : report->report.bytes_read();
}

const char* tensorgate_report_text(const tensorgate_report* report) {
  if (report == nullptr) return "";
  Once(report->text_once,
       [&] { report->text = tensorgate::RenderText(report->path, report->report); });
  return report->text.c_str();
}

const char* tensorgate_report_json(const tensorgate_report* report) {
  if (report == nullptr) return "";
  Once(report->json_once,
       [&] { report->json = tensorgate::RenderJson(report->path, report->report); });
  return report->json.c_str();
}

}  // extern "C"
