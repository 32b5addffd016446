#include "tensorgate/scan.h"

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/interrupt.h"
#include "lib/formats/mistaken.h"
#include "lib/rules/report_builder.h"
#include "lib/scan/detect.h"
#include "lib/scan/early.h"
#include "lib/scan/judge.h"
#include "lib/source/spool.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/shards.h"

namespace tensorgate {
using internal::Format;
using internal::Judge;
using internal::kScanHead;
using internal::StreamMode;

Report Scan(Source& source, std::string_view name, const CheckOptions& options) {
  return Judge(source, name, options);
}

Report ScanPath(const std::string& path, const CheckOptions& options) {
  if (IsNamedIndex(path)) return CheckCheckpoint(path, options).report;
  Result<FileSource> source = FileSource::Open(path);
  return source ? Scan(*source, path, options) : ScanFailure(source.error(), options);
}

Report ScanFailure(const Status& status, const CheckOptions& options) {
  try {
    return internal::NotRead(status, std::nullopt, options);
  } catch (const std::bad_alloc&) {
    return ReportBuilder::Fatal(options, internal::UnknownFormat().name, status.rule);
  }
}

// A spooled stream is first examined at this size, and again whenever it has grown by this factor.
constexpr std::uint64_t kFirstLook = 64 << 10, kLookGrowth = 4;

// The head is kept: it identifies the format if the stream does not prove to be safetensors.
struct StreamScan::State {
  State(const CheckOptions& given, std::string given_name)
      : options(given),
        interrupt(options),
        name(std::move(given_name)),
        check(options),
        checking(IsForward(internal::FormatBySuffix(name))),
        certain(checking) {}
  static bool IsForward(const Format* format) {
    return format != nullptr && format->stream == StreamMode::kForward;
  }
  CheckOptions options;
  internal::Interrupt interrupt;
  std::string name;
  safetensors::StreamCheck check;
  std::array<std::byte, kScanHead> head;
  std::size_t length = 0;
  std::uint64_t bytes_read = 0;
  bool checking, spooling = false, open = true;
  bool wanted = true;  // Feed returned true: more bytes may follow
  bool certain;        // by its name it is safetensors, whatever it contains
  internal::Spool spool;
  std::uint64_t next_look = kFirstLook;
  std::optional<Status> failure;
  std::optional<Report> early;  // set once it is certain whatever follows

  std::span<const std::byte> seen() const { return std::span(head).first(length); }
  bool Feed(std::span<const std::byte> bytes);
  bool SpoolInstead(std::span<const std::byte> bytes, std::size_t kept);
  bool Keep(std::span<const std::byte> bytes);
  bool Look();
  bool MayBeMistaken() const;
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
    if (open) return true;
    return certain ? MayBeMistaken() : SpoolInstead(bytes, kept);
  }
  if (spooling) return open = Keep(bytes);
  if (!internal::IsEnoughToProve(seen())) return true;
  if (IsForward(internal::MayProve(seen()))) {
    checking = true;
    // Only the bytes in the head so far; those that did not fit into it are fed after them.
    open = check.Feed(seen());
    if (open && kept < bytes.size()) open = check.Feed(bytes.subspan(kept));
    return open || SpoolInstead(bytes, kept);
  }
  if (internal::IsJudgedFromItsEnd(seen())) {
    spooling = true;
    return open = Keep(seen()) && Keep(bytes.subspan(kept));
  }
  return open = length < kScanHead;  // more bytes are needed to identify it
}

// For a stream refused as safetensors, while all of it is still available: if it starts like
// another format, it is judged as that.
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

// Returns true if the verdict is already certain.
bool StreamScan::State::Look() {
  if (spool.size() < next_look) return false;
  while (next_look <= spool.size()) next_look *= kLookGrowth;
  const Result<std::unique_ptr<Source>> prefix = spool.Open();
  if (prefix) early = internal::EarlyReport(**prefix, options);
  return early.has_value();
}

// True if more of the head is needed to say what a refused file is.
bool StreamScan::State::MayBeMistaken() const {
  if (length == kScanHead) return false;
  const internal::FormatKind kind = internal::DetectHead(seen(), UINT64_MAX, name);
  return internal::FindMistaken(kind, {internal::AsText(seen()), UINT64_MAX}, name).has_value();
}

Report StreamScan::State::Failed() const {
  ReportBuilder builder(options, internal::DetectHead(seen(), UINT64_MAX, name).format->name);
  if (failure->rule == Rule::kLimitFileBytes || failure->rule == Rule::kLimitSpoolBytes) {
    builder.Add(failure->rule, 0, {.found = bytes_read, .allowed = failure->found});
  } else {
    builder.Add(*failure);
  }
  return builder.Finish();
}

Report StreamScan::State::FinishSpooled() {
  if (early) return *std::move(early);
  const Result<std::unique_ptr<Source>> source = spool.Open();
  return source ? Judge(**source, name, options) : internal::NotRead(source.error(), {}, options);
}

Report StreamScan::State::Finish(bool at_end) {
  if (failure) return Failed();
  const bool whole = at_end && open;
  const std::uint64_t size = whole ? bytes_read : UINT64_MAX;
  if (checking) {
    // If it was refused early, it does not matter that the stream continued.
    Report report = check.Finish(at_end || !open);
    if (certain) {
      const std::uint64_t all = at_end && wanted ? bytes_read : UINT64_MAX;
      return internal::UnlessMistaken(std::move(report), seen(), all, name, options);
    }
    if (internal::IsDecided(report, seen(), size, name)) {
      return internal::WithSuffix(std::move(report), name, options);
    }
  } else if (!at_end && open) {
    // The caller gives up on a sender that is silent for too long.
    const Rule rule = interrupt.Ended().value_or(Rule::kIoReadFailed);
    return internal::NotRead(Status{.rule = rule, .offset = bytes_read}, {}, options);
  }
  if (spooling) return FinishSpooled();
  if (whole && length == bytes_read) {
    MemorySource source(seen());
    return Judge(source, name, options);
  }
  const internal::FormatKind kind = internal::DetectHead(seen(), size, name);
  const auto known = whole ? std::optional(bytes_read) : std::nullopt;
  return internal::Unsupported({kind, seen(), known, bytes_read, {}, {}}, name, options);
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
    return state_ && (state_->wanted = state_->Feed(bytes));
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
  return ReportBuilder::OutOfMemory(state_ ? state_->options : CheckOptions(),
                                    internal::UnknownFormat().name);
}

}  // namespace tensorgate
