// The C interface over `tensorgate::Report`. Here alone exceptions are caught and raw bytes cross the border.
#include "tensorgate.h"

#include <algorithm>
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

#include "lib/base/report_builder.h"
#include "lib/capi/handles.h"
#include "lib/report/message.h"
#include "tensorgate/render.h"
#include "tensorgate/report.h"
#include "tensorgate/rules.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"
#include "tensorgate/source.h"

using tensorgate::CheckOptions;
using tensorgate::Finding;
using tensorgate::Report;
using tensorgate::Result;
using tensorgate::Rule;
using tensorgate::Severity;
using tensorgate::Status;
using tensorgate::Verdict;
using tensorgate::capi::ToOptions;

static_assert(int(Verdict::kAccepted) == TENSORGATE_ACCEPTED);
static_assert(int(Verdict::kRejected) == TENSORGATE_REJECTED);
static_assert(int(Verdict::kUndecided) == TENSORGATE_UNDECIDED);
static_assert(int(Verdict::kUnsupported) == TENSORGATE_UNSUPPORTED);
static_assert(int(Severity::kNote) == TENSORGATE_NOTE);
static_assert(int(Severity::kWarning) == TENSORGATE_WARNING);
static_assert(int(Severity::kError) == TENSORGATE_ERROR);

CheckOptions tensorgate::capi::ToOptions(const tensorgate_options* given) {
  tensorgate_options all;
  all.struct_size = sizeof all;
  tensorgate_options_init(&all);
  if (given != nullptr && given->struct_size > sizeof given->struct_size) {
    std::memcpy(&all, given, std::min(given->struct_size, sizeof all));
  }
  CheckOptions options;
  // A profile of a later version is not known here: the strictest answer is the safe one.
  options.profile = tensorgate::capi::ToNumber(all.profile) == TENSORGATE_REFERENCE
                        ? tensorgate::Profile::kReference
                        : tensorgate::Profile::kStrict;
  options.max_findings = std::max<std::uint32_t>(all.max_findings, 1);
  options.limits.file_bytes = all.max_file_bytes;
  options.limits.header_bytes = all.max_header_bytes;
  options.limits.tensors = all.max_tensors;
  options.limits.metadata_entries = all.max_metadata_entries;
  options.limits.name_bytes = all.max_name_bytes;
  options.limits.rank = all.max_rank;
  options.limits.pickle_operations = all.max_pickle_operations;
  options.limits.index_bytes = all.max_index_bytes;
  options.limits.shards = all.max_shards;
  options.limits.checkpoint_header_bytes = all.max_checkpoint_header_bytes;
  if (all.trusted != nullptr) options.trusted = all.trusted->list;
  return options;
}

namespace {

/// What is handed out where there is no memory for a report. Never freed, never written to.
tensorgate_report* OutOfMemory() {
  static tensorgate_report report(
      tensorgate::ReportBuilder::OutOfMemory(CheckOptions(), "safetensors"));
  return &report;
}

/// Runs `check`, which may throw for want of memory, and puts its report on the heap.
template <typename Check>
tensorgate_report* Keep(Check&& check, std::string_view path = {}) noexcept {
  try {
    return new tensorgate_report(check(), std::string(path));
  } catch (...) {
    return OutOfMemory();
  }
}

/// Makes `made` once. What throws leaves the flag unset, so that a later call may do better.
template <typename Make>
void Once(std::once_flag& flag, Make&& make) noexcept {
  try {
    std::call_once(flag, std::forward<Make>(make));
  } catch (...) {
    return;
  }
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
  const CheckOptions defaults;
  tensorgate_options all{};
  all.struct_size = options->struct_size;
  all.profile = TENSORGATE_STRICT;
  all.max_findings = defaults.max_findings;
  all.max_file_bytes = defaults.limits.file_bytes;
  all.max_header_bytes = defaults.limits.header_bytes;
  all.max_tensors = defaults.limits.tensors;
  all.max_metadata_entries = defaults.limits.metadata_entries;
  all.max_name_bytes = defaults.limits.name_bytes;
  all.max_rank = defaults.limits.rank;
  all.max_pickle_operations = defaults.limits.pickle_operations;
  all.max_index_bytes = defaults.limits.index_bytes;
  all.max_shards = defaults.limits.shards;
  all.max_checkpoint_header_bytes = defaults.limits.checkpoint_header_bytes;
  std::memcpy(options, &all, std::min(options->struct_size, sizeof all));
}

tensorgate_trust_list* tensorgate_trust_list_parse(const char* text, size_t length,
                                                   tensorgate_error** error) {
  return tensorgate::capi::Make<tensorgate_trust_list>(
      error, [&] { return tensorgate::TrustList::Parse(tensorgate::capi::ToView(text, length)); });
}

void tensorgate_trust_list_free(tensorgate_trust_list* list) { delete list; }

tensorgate_report* tensorgate_check_memory(const void* bytes, size_t length,
                                           const tensorgate_options* options) {
  if (bytes == nullptr && length != 0) {
    return tensorgate_check_callback(length, nullptr, nullptr, options);
  }
  return Keep([&] {
    return tensorgate::safetensors::CheckBytes(
        std::span(static_cast<const std::byte*>(bytes), length), ToOptions(options));
  });
}

tensorgate_report* tensorgate_check_fd(int descriptor, const tensorgate_options* options) {
  return Keep([&] {
    auto source = tensorgate::FileSource::FromDescriptor(descriptor);
    if (source) return tensorgate::safetensors::Check(*source, ToOptions(options));
    tensorgate::ReportBuilder unread(ToOptions(options), "safetensors");
    unread.Add(source.error());
    return unread.Finish();
  });
}

tensorgate_report* tensorgate_check_path(const char* path, const tensorgate_options* options) {
  if (path == nullptr) path = "";
  return Keep([&] { return tensorgate::safetensors::CheckPath(path, ToOptions(options)); }, path);
}

tensorgate_report* tensorgate_check_callback(uint64_t size, tensorgate_read_function read,
                                             void* context, const tensorgate_options* options) {
  return Keep([&] {
    tensorgate::CallbackSource source(size, [&](std::uint64_t offset, std::span<std::byte> into) {
      return tensorgate::capi::CallRead(read, context, offset, into);
    });
    return tensorgate::safetensors::Check(source, ToOptions(options));
  });
}

tensorgate_report* tensorgate_scan_memory(const void* bytes, size_t length,
                                          const tensorgate_options* options) {
  if (bytes == nullptr && length != 0) {
    return tensorgate_check_callback(length, nullptr, nullptr, options);
  }
  return Keep([&] {
    tensorgate::MemorySource source(std::span(static_cast<const std::byte*>(bytes), length));
    return tensorgate::Scan(source, {}, ToOptions(options));
  });
}

tensorgate_report* tensorgate_scan_fd(int descriptor, const tensorgate_options* options) {
  return Keep([&] {
    auto source = tensorgate::FileSource::FromDescriptor(descriptor);
    return source ? tensorgate::Scan(*source, {}, ToOptions(options))
                  : tensorgate::ScanFailure(source.error(), ToOptions(options));
  });
}

tensorgate_report* tensorgate_scan_path(const char* path, const tensorgate_options* options) {
  if (path == nullptr) path = "";
  return Keep([&] { return tensorgate::ScanPath(path, ToOptions(options)); }, path);
}

tensorgate_report* tensorgate_checkpoint_report(const tensorgate_checkpoint* checkpoint) {
  const tensorgate::Checkpoint& of = checkpoint->checkpoint;
  return Keep([&] { return Report(of.report()); }, of.path());
}

void tensorgate_report_free(tensorgate_report* report) {
  if (report != OutOfMemory()) delete report;
}

tensorgate_verdict tensorgate_report_verdict(const tensorgate_report* report) {
  if (report == nullptr) return TENSORGATE_UNDECIDED;
  return static_cast<tensorgate_verdict>(report->report.verdict());
}

const char* tensorgate_report_format(const tensorgate_report* report) {
  return report == nullptr ? "unknown" : report->report.format().data();
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
  const std::span<const Finding> all = report->report.findings();
  Once(report->messages_once, [&] {
    std::vector<std::string> made;
    made.reserve(all.size());
    for (const Finding& each : all) {
      tensorgate::internal::AppendMessage(made.emplace_back(), report->report, each);
    }
    report->messages = std::move(made);
  });
  const Finding& from = all[index];
  const std::string_view subject = report->report.Subject(from);
  tensorgate_finding full{};
  full.rule = tensorgate::Info(from.rule).id.data();
  full.severity = static_cast<tensorgate_severity>(from.severity);
  full.has_found = from.has_found;
  full.has_allowed = from.has_allowed;
  full.offset = from.offset;
  full.found = from.found;
  full.allowed = from.allowed;
  full.subject = subject.empty() ? "" : subject.data();
  full.subject_length = subject.size();
  full.message = report->messages.empty() ? tensorgate::Info(from.rule).summary.data()
                                          : report->messages[index].c_str();
  return tensorgate::capi::Deliver(full, finding);
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
