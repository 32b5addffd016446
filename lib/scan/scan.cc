#include "tensorgate/scan.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/interrupt.h"
#include "lib/base/report_builder.h"
#include "lib/scan/detect.h"
#include "lib/scan/early.h"
#include "lib/scan/head_source.h"
#include "lib/scan/second_readings.h"
#include "lib/source/spool.h"
#include "lib/torch/pickle_file.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/shards.h"
#include "tensorgate/torch.h"

namespace tensorgate {
namespace {

using internal::HeadSource;
using internal::Kind;
using internal::kScanHead;

Report Unsupported(const Kind& kind, std::optional<std::uint64_t> size, std::uint64_t bytes_read,
                   const CheckOptions& options, std::string_view also = {}) {
  ReportBuilder builder(options, kind.format);
  if (size) builder.SetSize(*size);
  builder.AddBytesRead(bytes_read);
  builder.SetUnsupported(kind.file_class);
  if (kind.format == "unknown") {
    builder.Add(Rule::kScanUnknown, 0);
  } else {
    builder.Add(Rule::kScanUnsupported, 0, {.found_text = kind.words});
  }
  if (!also.empty()) builder.Add(Rule::kScanAlsoFormat, 0, {.found_text = also});
  return builder.Finish();
}

Report Failure(const Status& status, std::optional<std::uint64_t> size,
               const CheckOptions& options) {
  ReportBuilder builder(options, "unknown");
  if (size) builder.SetSize(*size);
  builder.Add(status);
  return builder.Finish();
}

// What is neither safetensors nor pretends to be.
Report Other(HeadSource& source, std::string_view name, const CheckOptions& options) {
  const auto detected = internal::Detect(source, source.head(), name);
  if (!detected) return Failure(detected.error(), source.size(), options);
  const Kind& kind = detected->kind;
  // Whatever the name: what a loader would unpickle is judged as that.
  if (kind.format == "pytorch-zip" || kind.format == "pytorch-legacy") {
    return torch::Check(source, options);
  }
  if (kind.format == "pickle") return torch::CheckPickle(source, options);
  if (const std::optional<Rule> ended = source.ended()) {
    return Failure(Status{.rule = *ended}, source.size(), options);
  }
  if (const Result<void> same = source.Unchanged(); !same) {
    return Failure(same.error(), source.size(), options);
  }
  return Unsupported(kind, source.size(), source.bytes_read(), options, detected->also);
}

// What is proven as safetensors is that. Another format's length bytes can look like a header's: of a refused file only its
// own signature says what it is.
bool IsSafetensors(const Report& report, std::span<const std::byte> head, std::uint64_t size,
                   std::string_view name) {
  return report.verdict() != Verdict::kRejected || internal::IsProvenButAmbiguous(report) ||
         !internal::IsForeign(head, size, name);
}

Report ScanUnnamed(Source& source, std::string_view name, const CheckOptions& options) {
  HeadSource cached(source, options);
  if (const Result<void> read = cached.ReadHead(); !read) {
    return Failure(read.error(), source.size(), options);
  }
  if (internal::MayBeSafetensors(cached.head())) {
    Report report = safetensors::Check(cached, options);
    if (IsSafetensors(report, cached.head(), cached.size(), name)) return report;
  }
  return Other(cached, name, options);
}

Report WithSuffix(Report report, std::string_view name) {
  if (internal::NamesOther(report.format(), name)) {
    ReportBuilder::AddLast(report, Rule::kScanSuffix, {.found_text = report.format()});
  }
  return report;
}

}  // namespace

Report Scan(Source& source, std::string_view name, const CheckOptions& options) {
  try {
    if (internal::IsNamedSafetensors(name)) return safetensors::Check(source, options);
    return WithSuffix(ScanUnnamed(source, name, options), name);
  } catch (...) {
    return ReportBuilder::Caught(options, "unknown");
  }
}

Report ScanPath(const std::string& path, const CheckOptions& options) {
  if (IsNamedIndex(path)) return CheckCheckpoint(path, options).report;
  Result<FileSource> source = FileSource::Open(path);
  return source ? Scan(*source, path, options) : ScanFailure(source.error(), options);
}

Report ScanFailure(const Status& status, const CheckOptions& options) {
  try {
    return Failure(status, std::nullopt, options);
  } catch (const std::bad_alloc&) {
    return ReportBuilder::Fatal(options, "unknown", status.rule);
  }
}

// What is spooled is looked at when so much has come, and whenever it has grown by as many times.
constexpr std::uint64_t kFirstLook = 64 << 10, kLookGrowth = 4;

// The head is kept: it tells what the stream is if it does not prove to be safetensors.
struct StreamScan::State {
  State(const CheckOptions& given, std::string given_name)
      : options(given),
        interrupt(options),
        name(std::move(given_name)),
        check(options),
        checking(internal::IsNamedSafetensors(name)),
        certain(checking) {}
  CheckOptions options;
  internal::Interrupt interrupt;
  std::string name;
  safetensors::StreamCheck check;
  std::array<std::byte, kScanHead> head;
  std::size_t length = 0;
  std::uint64_t bytes_read = 0;
  bool checking, spooling = false, open = true;
  bool certain;  // by its name it is safetensors, whatever is in it
  internal::Spool spool;
  std::uint64_t next_look = kFirstLook;
  std::optional<Status> failure;
  std::optional<Report> early;  // certain whatever follows

  std::span<const std::byte> seen() const { return std::span(head).first(length); }
  bool Feed(std::span<const std::byte> bytes);
  bool SpoolInstead(std::span<const std::byte> bytes, std::size_t kept);
  bool Keep(std::span<const std::byte> bytes);
  bool Look();
  Report Finish(bool at_end);
  Report FinishSpooled();
  Report Failed() const;
};

bool StreamScan::State::Feed(std::span<const std::byte> bytes) {
  interrupt.Claim();
  if (const std::optional<Rule> ended = interrupt.Ended()) {
    failure = Status{.rule = *ended};
    return open = false;
  }
  bytes_read += bytes.size();
  const std::size_t kept = internal::CopyBytes(bytes, std::span(head).subspan(length));
  length += kept;
  if (checking) {
    open = check.Feed(bytes);
    return open || (!certain && SpoolInstead(bytes, kept));
  }
  if (spooling) return open = Keep(bytes);
  if (!internal::ShowsHeader(seen())) return true;
  if (internal::MayBeSafetensors(seen())) {
    checking = true;
    // Not more than the head has come before: what did not fit into it is fed after it.
    open = check.Feed(seen());
    if (open && kept < bytes.size()) open = check.Feed(bytes.subspan(kept));
    return open || SpoolInstead(bytes, kept);
  }
  if (internal::IsJudgedFromItsEnd(seen())) {
    spooling = true;
    return open = Keep(seen()) && Keep(bytes.subspan(kept));
  }
  return open = length < kScanHead;  // more of it, to tell what it is
}

// Refused as safetensors while all of it is still here: what begins like another format is judged as that.
bool StreamScan::State::SpoolInstead(std::span<const std::byte> bytes, std::size_t kept) {
  const bool all_here = length - kept == bytes_read - bytes.size();
  if (!all_here || !internal::IsJudgedFromItsEnd(seen())) return false;
  checking = false;
  spooling = true;
  return open = Keep(seen()) && Keep(bytes.subspan(kept));
}

bool StreamScan::State::Keep(std::span<const std::byte> bytes) {
  const Limits& limits = options.limits;
  const std::uint64_t cap = std::min(limits.file_bytes, limits.spool_bytes);
  if (bytes.size() > cap || spool.size() > cap - bytes.size()) {
    const bool file = limits.file_bytes <= limits.spool_bytes;
    failure = Status{.rule = file ? Rule::kLimitFileBytes : Rule::kLimitSpoolBytes, .found = cap};
    return false;
  }
  if (const Result<void> kept = spool.Append(bytes); !kept) failure = kept.error();
  return !failure && !Look();
}

// True: it is certain already.
bool StreamScan::State::Look() {
  if (spool.size() < next_look) return false;
  while (next_look <= spool.size()) next_look *= kLookGrowth;
  Result<FileSource> prefix = spool.Open();
  if (prefix) early = internal::EarlyReport(*prefix, options);
  return early.has_value();
}

Report StreamScan::State::Failed() const {
  ReportBuilder builder(options, internal::DetectHead(seen(), UINT64_MAX, name).format);
  if (failure->rule == Rule::kLimitFileBytes || failure->rule == Rule::kLimitSpoolBytes) {
    builder.Add(failure->rule, 0, {.found = bytes_read, .allowed = failure->found});
  } else {
    builder.Add(*failure);
  }
  return builder.Finish();
}

Report StreamScan::State::FinishSpooled() {
  if (early) return *std::move(early);
  Result<FileSource> source = spool.Open();
  return source ? Scan(*source, name, options) : Failure(source.error(), {}, options);
}

Report StreamScan::State::Finish(bool at_end) {
  if (failure) return Failed();
  const bool whole = at_end && open;
  const std::uint64_t size = whole ? bytes_read : UINT64_MAX;
  if (checking) {
    // Refused early: that the stream went on is no failure of it.
    Report report = check.Finish(at_end || !open);
    if (certain || IsSafetensors(report, seen(), size, name)) {
      return WithSuffix(std::move(report), name);
    }
  } else if (!at_end && open) {
    // A sender that is silent for too long is given up by the caller.
    const Rule rule = interrupt.Ended().value_or(Rule::kIoReadFailed);
    return Failure(Status{.rule = rule, .offset = bytes_read}, {}, options);
  }
  if (spooling) return FinishSpooled();
  if (whole && length == bytes_read) {
    MemorySource source(seen());
    return Scan(source, name, options);
  }
  const Kind kind = internal::DetectHead(seen(), size, name);
  if (!whole) return Unsupported(kind, std::nullopt, bytes_read, options);
  return Unsupported(kind, bytes_read, bytes_read, options);
}

StreamScan::StreamScan(const CheckOptions& options, std::string name) {
  try {
    state_ = std::make_unique<State>(options, std::move(name));
  } catch (const std::bad_alloc&) {
    state_ = nullptr;
  }
}
StreamScan::StreamScan(StreamScan&&) noexcept = default;
StreamScan& StreamScan::operator=(StreamScan&&) noexcept = default;
StreamScan::~StreamScan() = default;

bool StreamScan::Feed(std::span<const std::byte> bytes) {
  try {
    return state_ && state_->Feed(bytes);
  } catch (const std::bad_alloc&) {
    state_->failure = Status{.rule = Rule::kIoOutOfMemory};
    return state_->open = false;
  }
}

Report StreamScan::Finish(bool at_end) {
  try {
    if (state_) return state_->Finish(at_end);
  } catch (const std::bad_alloc&) {
  }
  return ReportBuilder::OutOfMemory(state_ ? state_->options : CheckOptions(), "unknown");
}

}  // namespace tensorgate
