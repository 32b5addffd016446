// What the handles of the C interface hold, and how its calls end.
#ifndef TENSORGATE_CAPI_HANDLES_H_
#define TENSORGATE_CAPI_HANDLES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tensorgate.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/dtype.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/scan.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"
#include "tensorgate/trust.h"

/// A report, and the text made of it when it is first asked for; many threads may ask.
struct tensorgate_report {
  explicit tensorgate_report(tensorgate::Report made, std::string opened = {})
      : report(std::move(made)), path(std::move(opened)) {}
  const tensorgate::Report report;
  const std::string path;  // "" for bytes that have none
  mutable std::once_flag messages_once, text_once, json_once;
  mutable std::vector<std::string> messages;
  mutable std::string text, json;
};

struct tensorgate_error {
  tensorgate::Status status;
  std::string text;
  std::optional<tensorgate_report> report;
};

struct tensorgate_trust_list {
  tensorgate::TrustList list;
};

struct tensorgate_checkpoint {
  tensorgate::Checkpoint checkpoint;
};

namespace tensorgate::capi {

/// What is handed out where there is no memory for an error. Never freed, never written to.
tensorgate_error* OutOfMemory() noexcept;

/// `use/unknown-option` if there is a value that means nothing here. Throws std::bad_alloc.
Result<CheckOptions> ToOptions(const tensorgate_options* given);

/// What is handed out where there is no memory for a report. Never freed, never written to.
tensorgate_report* OutOfMemoryReport() noexcept;

/// Puts the report that `check` makes on the heap. It may throw for want of memory.
template <typename Check>
tensorgate_report* Keep(Check&& check, std::string_view path = {}) noexcept {
  try {
    return new tensorgate_report(check(), std::string(path));
  } catch (...) {
    return OutOfMemoryReport();
  }
}

/// The same of a check by `options`.
template <typename Check>
tensorgate_report* Judge(const tensorgate_options* options, Check&& check,
                         std::string_view path = {}) noexcept {
  const auto judge = [&] {
    const Result<CheckOptions> taken = ToOptions(options);
    return taken ? check(*taken) : ScanFailure(taken.error());
  };
  return Keep(judge, path);
}

/// Reads by a function of C's; it may answer anything.
Result<std::size_t> CallRead(tensorgate_read_function read, void* context, std::uint64_t offset,
                             std::span<std::byte> into);

/// The number in an enumeration of C's, which may hold any; C++ must not read it as one of the enumeration.
template <typename Enum>
std::underlying_type_t<Enum> ToNumber(const Enum& given) {
  std::underlying_type_t<Enum> number;
  std::memcpy(&number, &given, sizeof number);
  return number;
}

/// A dtype of this library, if C's number is one.
std::optional<DType> ToDType(const tensorgate_dtype& given);

inline std::string_view ToView(const char* bytes, std::size_t length) {
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, length);
}

inline tensorgate_text ToText(std::string_view view) {
  return {view.empty() ? "" : view.data(), view.size()};
}

/// Puts `status` into `*error`, if the caller wants it.
void AddFinding(tensorgate_error** error, const Status& status) noexcept;
void AddFinding(tensorgate_error** error, const TrustError& reason) noexcept;
void AddFinding(tensorgate_error** error, Report report, std::string path) noexcept;

/// Runs a call that fails with a status; 1 if it did not.
template <typename Call>
int Run(tensorgate_error** error, Call&& call) noexcept {
  try {
    const Result<void> done = call();
    if (done) return 1;
    AddFinding(error, done.error());
  } catch (...) {
    // Only running out of memory throws here: what the caller's functions return are numbers.
    AddFinding(error, Status{.rule = Rule::kIoOutOfMemory});
  }
  return 0;
}

/// Makes a handle of what a call returns. Its error is told, `about` which path where it is a report.
template <typename Handle, typename Call, typename... About>
Handle* Make(tensorgate_error** error, Call&& call, const About&... about) noexcept {
  try {
    auto made = call();
    if (made) return new Handle{std::move(*made)};
    AddFinding(error, std::move(made.error()), about...);
  } catch (...) {
    AddFinding(error, Status{.rule = Rule::kIoOutOfMemory});
  }
  return nullptr;
}

inline std::unexpected<Status> Misuse(Rule rule, std::uint64_t found = 0) {
  return std::unexpected(Status{.rule = rule, .found = found});
}

/// Copies as many bytes as the caller's structure has; its own struct_size stays.
template <typename T>
int Deliver(T full, T* into) {
  const std::size_t size = into->struct_size;
  if (size < sizeof size) return 0;
  full.struct_size = size;
  std::memcpy(into, &full, std::min(size, sizeof full));
  return 1;
}

/// Copies what a caller-owned structure has, which may be shorter or longer than this library's. A size that
/// ends within a pointer does not count it: half of one leads anywhere.
template <typename T>
void Take(const T* given, T& into) {
  if (given == nullptr) return;
  const std::size_t whole = given->struct_size / sizeof(void*) * sizeof(void*);
  if (whole > sizeof given->struct_size) std::memcpy(&into, given, std::min(whole, sizeof into));
}

/// The same; the rest is zero.
template <typename T>
T Taken(const T* given) {
  T all{};
  Take(given, all);
  return all;
}

/// The progress of either kind of options as the library asks for it.
template <typename T>
auto ToProgress(const T& options) {
  using Progress = std::function<bool(std::uint64_t, std::uint64_t)>;
  if (options.progress == nullptr) return Progress();
  return Progress(
      [call = options.progress, context = options.progress_context](
          std::uint64_t done, std::uint64_t all) { return call(context, done, all) != 0; });
}

}  // namespace tensorgate::capi

#endif  // TENSORGATE_CAPI_HANDLES_H_
