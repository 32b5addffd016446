// The contents of the C interface's handles, and how its calls return errors.
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

/// A report and its text, which is created on first use. Thread-safe.
struct tensorgate_report {
  explicit tensorgate_report(tensorgate::Report made, std::string opened = {})
      : report(std::move(made)), path(std::move(opened)) {}
  const tensorgate::Report report;
  const std::string path;  // "" for bytes without a path
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

/// Returned if there is no memory for an error. Never freed, never written to.
tensorgate_error* OutOfMemory() noexcept;

/// Fails with `use/unknown-option` if an option has an invalid value. Throws std::bad_alloc.
Result<CheckOptions> ToOptions(const tensorgate_options* given);

/// Returned if there is no memory for a report. Never freed, never written to.
tensorgate_report* OutOfMemoryReport() noexcept;

/// Moves the report that `check` returns to the heap. Either may throw if memory runs out.
template <typename Check>
tensorgate_report* Keep(Check&& check, std::string_view path = {}) noexcept {
  try {
    return new tensorgate_report(check(), std::string(path));
  } catch (...) {
    return OutOfMemoryReport();
  }
}

/// The same for a check with `options`.
template <typename Check>
tensorgate_report* Judge(const tensorgate_options* options, Check&& check,
                         std::string_view path = {}) noexcept {
  const auto judge = [&] {
    const Result<CheckOptions> taken = ToOptions(options);
    return taken ? check(*taken) : ScanFailure(taken.error());
  };
  return Keep(judge, path);
}

/// Reads with a C function, which may return anything.
Result<std::size_t> CallRead(tensorgate_read_function read, void* context, std::uint64_t offset,
                             std::span<std::byte> into);

/// The number in a C enumeration, which may have any value; C++ must not read it as the
/// enumeration.
template <typename Enum>
std::underlying_type_t<Enum> ToNumber(const Enum& given) {
  std::underlying_type_t<Enum> number;
  std::memcpy(&number, &given, sizeof number);
  return number;
}

/// The dtype with this number, if there is one.
std::optional<DType> ToDType(const tensorgate_dtype& given);

inline std::string_view ToView(const char* bytes, std::size_t length) {
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, length);
}

inline tensorgate_text ToText(std::string_view view) {
  return {view.empty() ? "" : view.data(), view.size()};
}

/// Stores `status` in `*error`, if the caller wants it.
void AddFinding(tensorgate_error** error, const Status& status) noexcept;
void AddFinding(tensorgate_error** error, const TrustError& reason) noexcept;
void AddFinding(tensorgate_error** error, Report report, std::string path) noexcept;

/// Runs a call that returns a Result; returns 1 if it succeeded, otherwise stores the error.
template <typename Call>
int Run(tensorgate_error** error, Call&& call) noexcept {
  try {
    const Result<void> done = call();
    if (done) return 1;
    AddFinding(error, done.error());
  } catch (...) {
    // Only running out of memory throws here: callers' functions are C functions, which return
    // numbers.
    AddFinding(error, Status{.rule = Rule::kIoOutOfMemory});
  }
  return 0;
}

/// Creates a handle from the result of a call. If it fails, stores the error, for a report with the
/// path `about`.
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

/// Copies as many bytes as the caller's structure has; its struct_size does not change.
template <typename T>
int Deliver(T full, T* into) {
  const std::size_t size = into->struct_size;
  if (size < sizeof size) return 0;
  full.struct_size = size;
  std::memcpy(into, &full, std::min(size, sizeof full));
  return 1;
}

/// Copies the members of a caller-owned structure, which may be shorter or longer than this
/// library's. If the size ends within a pointer, that pointer is not copied, since half a pointer
/// is invalid.
template <typename T>
void Take(const T* given, T& into) {
  if (given == nullptr) return;
  const std::size_t whole = given->struct_size / sizeof(void*) * sizeof(void*);
  if (whole > sizeof given->struct_size) std::memcpy(&into, given, std::min(whole, sizeof into));
}

/// The same; the other members are zero.
template <typename T>
T Taken(const T* given) {
  T all{};
  Take(given, all);
  return all;
}

/// Converts the progress callback of either kind of options.
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
