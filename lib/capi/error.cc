// Errors of the C interface, and functions that its calls share.
#include "lib/capi/handles.h"

namespace tensorgate::capi {

tensorgate_error* OutOfMemory() noexcept {
  // Has no text: the summary of its rule is returned instead.
  static tensorgate_error error{{.rule = Rule::kIoOutOfMemory}, {}, {}};
  return &error;
}

Result<std::size_t> CallRead(tensorgate_read_function read, void* context, std::uint64_t offset,
                             std::span<std::byte> into) {
  const std::int64_t came = read == nullptr ? -1 : read(context, offset, into.data(), into.size());
  if (came < 0 || static_cast<std::uint64_t>(came) > into.size()) {
    return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
  }
  return static_cast<std::size_t>(came);
}

std::optional<DType> ToDType(const tensorgate_dtype& given) {
  const auto number = ToNumber(given);
  if (static_cast<std::uint64_t>(number) >= kDTypeCount) return std::nullopt;
  return static_cast<DType>(number);
}

namespace {

/// Stores what `make` returns in `*error`, if the caller wants it.
template <typename Make>
void Put(tensorgate_error** error, Make&& make) noexcept {
  if (error == nullptr) return;
  try {
    *error = make().release();
  } catch (...) {
    *error = OutOfMemory();
  }
}

}  // namespace

void AddFinding(tensorgate_error** error, const Status& status) noexcept {
  Put(error,
      [&] { return std::make_unique<tensorgate_error>(status, Message(status), std::nullopt); });
}

void AddFinding(tensorgate_error** error, const TrustError& reason) noexcept {
  Put(error, [&] {
    if (reason.line == 0) throw std::bad_alloc();
    return std::make_unique<tensorgate_error>(
        Status{.rule = Rule::kUseTrustList, .found = reason.line},
        "line " + std::to_string(reason.line) + ": " + reason.reason, std::nullopt);
  });
}

void AddFinding(tensorgate_error** error, Report report, std::string path) noexcept {
  Put(error, [&] {
    auto made = std::make_unique<tensorgate_error>();
    const Finding& reason = *report.reason();  // a refused file always has a reason
    made->status = {.rule = reason.rule, .offset = reason.offset, .found = reason.found};
    made->text = Message(report, reason);
    made->report.emplace(std::move(report), std::move(path));
    return made;
  });
}

}  // namespace tensorgate::capi

using tensorgate::capi::OutOfMemory;

extern "C" {

void tensorgate_error_free(tensorgate_error* error) {
  if (error != OutOfMemory()) delete error;
}

const char* tensorgate_error_rule(const tensorgate_error* error) {
  return error == nullptr ? "" : tensorgate::Info(error->status.rule).id.data();
}

uint64_t tensorgate_error_offset(const tensorgate_error* error) {
  return error == nullptr ? 0 : error->status.offset;
}

size_t tensorgate_error_part(const tensorgate_error* error) {
  return error == nullptr ? 0 : error->status.part;
}

int tensorgate_error_system(const tensorgate_error* error) {
  return error == nullptr ? 0 : error->status.system_error;
}

const char* tensorgate_error_text(const tensorgate_error* error) {
  if (error == nullptr) return "";
  return error->text.empty() ? tensorgate::Info(error->status.rule).summary.data()
                             : error->text.c_str();
}

const tensorgate_report* tensorgate_error_report(const tensorgate_error* error) {
  return error == nullptr || !error->report ? nullptr : &*error->report;
}

}  // extern "C"
