// The C interface over `tensorgate::StreamScan`.
#include <optional>

#include "lib/capi/handles.h"
#include "tensorgate/scan.h"

using tensorgate::CheckOptions;
using tensorgate::Result;
using tensorgate::Status;
using tensorgate::StreamScan;

struct tensorgate_stream {
  tensorgate_stream(const char* name, const Result<CheckOptions>& options)
      : scan(options.value_or(CheckOptions()), name == nullptr ? "" : name) {
    if (!options) refused = options.error();
  }
  StreamScan scan;
  std::optional<Status> refused;  // because of invalid options: no bytes are looked at
};

extern "C" {

tensorgate_stream* tensorgate_stream_create(const char* name, const tensorgate_options* options) {
  try {
    return new tensorgate_stream(name, tensorgate::capi::ToOptions(options));
  } catch (...) {
    return nullptr;
  }
}

int tensorgate_stream_feed(tensorgate_stream* stream, const void* bytes, size_t length) {
  if (stream == nullptr || stream->refused || (bytes == nullptr && length != 0)) return 0;
  return stream->scan.Feed(std::span(static_cast<const std::byte*>(bytes), length));
}

tensorgate_report* tensorgate_stream_finish(tensorgate_stream* stream, int at_end) {
  if (stream == nullptr) return tensorgate::capi::OutOfMemoryReport();
  tensorgate_report* report = tensorgate::capi::Keep([&] {
    return stream->refused ? tensorgate::ScanFailure(*stream->refused)
                           : stream->scan.Finish(at_end != 0);
  });
  delete stream;
  return report;
}

}  // extern "C"
