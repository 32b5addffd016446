// Checks of the C interface: of any file, and for callers that read only safetensors.
#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/capi/handles.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"

using tensorgate::CheckOptions;
using tensorgate::Report;
using tensorgate::Source;
using tensorgate::Status;

namespace {

/// How to judge bytes, and files that could not be opened.
struct Judge {
  Report (*source)(Source& source, const CheckOptions& options);
  Report (*path)(const std::string& path, const CheckOptions& options);
  Report (*failed)(const Status& status, const CheckOptions& options);
};

constexpr Judge kAny = {
    .source = [](Source& source,
                 const CheckOptions& options) { return tensorgate::Scan(source, {}, options); },
    .path = tensorgate::ScanPath,
    .failed = tensorgate::ScanFailure,
};

constexpr Judge kSafetensors = {
    .source = tensorgate::safetensors::Check,
    .path = tensorgate::safetensors::CheckPath,
    .failed =
        [](const Status& status, const CheckOptions& options) {
          return tensorgate::ReportBuilder::Failed(status, options, "safetensors");
        },
};

tensorgate_report* CheckCallback(const Judge& judge, uint64_t size, tensorgate_read_function read,
                                 void* context, const tensorgate_options* options) {
  return tensorgate::capi::Judge(options, [&](const CheckOptions& taken) {
    tensorgate::CallbackSource source(size, [&](std::uint64_t offset, std::span<std::byte> into) {
      return tensorgate::capi::CallRead(read, context, offset, into);
    });
    return judge.source(source, taken);
  });
}

tensorgate_report* CheckMemory(const Judge& judge, const void* bytes, size_t length,
                               const tensorgate_options* options) {
  // A null pointer with a length is a source that fails.
  if (bytes == nullptr && length != 0) {
    return CheckCallback(judge, length, nullptr, nullptr, options);
  }
  return tensorgate::capi::Judge(options, [&](const CheckOptions& taken) {
    tensorgate::MemorySource source(std::span(static_cast<const std::byte*>(bytes), length));
    return judge.source(source, taken);
  });
}

tensorgate_report* CheckDescriptor(const Judge& judge, int descriptor,
                                   const tensorgate_options* options) {
  return tensorgate::capi::Judge(options, [&](const CheckOptions& taken) {
    auto source = tensorgate::FileSource::FromDescriptor(descriptor);
    return source ? judge.source(*source, taken) : judge.failed(source.error(), taken);
  });
}

tensorgate_report* CheckPath(const Judge& judge, const char* path,
                             const tensorgate_options* options) {
  if (path == nullptr) path = "";
  return tensorgate::capi::Judge(
      options, [&](const CheckOptions& taken) { return judge.path(path, taken); }, path);
}

}  // namespace

extern "C" {

tensorgate_report* tensorgate_check_memory(const void* bytes, size_t length,
                                           const tensorgate_options* options) {
  return CheckMemory(kAny, bytes, length, options);
}

tensorgate_report* tensorgate_check_fd(int descriptor, const tensorgate_options* options) {
  return CheckDescriptor(kAny, descriptor, options);
}

tensorgate_report* tensorgate_check_path(const char* path, const tensorgate_options* options) {
  return CheckPath(kAny, path, options);
}

tensorgate_report* tensorgate_check_callback(uint64_t size, tensorgate_read_function read,
                                             void* context, const tensorgate_options* options) {
  return CheckCallback(kAny, size, read, context, options);
}

tensorgate_report* tensorgate_check_safetensors_memory(const void* bytes, size_t length,
                                                       const tensorgate_options* options) {
  return CheckMemory(kSafetensors, bytes, length, options);
}

tensorgate_report* tensorgate_check_safetensors_fd(int descriptor,
                                                   const tensorgate_options* options) {
  return CheckDescriptor(kSafetensors, descriptor, options);
}

tensorgate_report* tensorgate_check_safetensors_path(const char* path,
                                                     const tensorgate_options* options) {
  return CheckPath(kSafetensors, path, options);
}

tensorgate_report* tensorgate_check_safetensors_callback(uint64_t size,
                                                         tensorgate_read_function read,
                                                         void* context,
                                                         const tensorgate_options* options) {
  return CheckCallback(kSafetensors, size, read, context, options);
}

}  // extern "C"
