// Scans any file: detects its format from its content and reports on it.
//
//   tensorgate::Report report = tensorgate::ScanPath("model.bin");
//   if (report.verdict() == tensorgate::Verdict::kUnsupported) {
//     std::printf("no parser for %s\n", std::string(report.format()).c_str());
//   }
//
// A file that parses as safetensors is safetensors, whatever its name. The suffix only decides
// whose rules refuse a file that is not recognized: a file named `.safetensors` is judged as
// safetensors, whatever it contains. One exception: what has a model's suffix and is provably not a
// model (an error page, an empty file) or a placeholder (a pointer, an unfinished download) is
// reported as that under every suffix. No call throws; running out of memory is a report
// (`io/out-of-memory`).
#ifndef TENSORGATE_SCAN_H_
#define TENSORGATE_SCAN_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tensorgate/export.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate {

/// `name`: the file's name or path, used for its suffix; may be empty.
TENSORGATE_API Report Scan(Source& source, std::string_view name, const CheckOptions& options = {});
/// Follows `path` if it is a symbolic link, and nothing else; refuses anything that is not a
/// regular file, without blocking. The report on the index of a sharded checkpoint covers all its
/// shards (`CheckCheckpoint`).
TENSORGATE_API Report ScanPath(const std::string& path, const CheckOptions& options = {});
/// The report on a file that could not be opened or read.
TENSORGATE_API Report ScanFailure(const Status& status, const CheckOptions& options = {});

/// Scans bytes that arrive in order and whose number is not known in advance. Files that can only
/// be judged as a whole (archives, pickles) are kept in an unnamed temporary file of at most
/// `Limits::spool_bytes`. It is in /var/tmp, which is on a disk where /tmp may be memory.
///
/// A stream is ended as soon as it is certain that it will not be accepted. Its report then has the
/// verdict and the first error that the whole file would have, limits aside, and no size. What an
/// archive contains is only known at its end: if no checkpoint starts with its first member, it is
/// `unsupported` after 1 MiB, though the whole file might be `rejected`.
///
/// The deadline in `options` applies to the whole stream. A caller that waits for a sender must
/// check it as well, and call Finish(false) after it.
class TENSORGATE_API StreamScan {
 public:
  /// `name`: the name of the stream, used for its suffix, as in Scan; may be empty.
  explicit StreamScan(const CheckOptions& options = {}, std::string name = {});
  StreamScan(StreamScan&&) noexcept;
  StreamScan& operator=(StreamScan&&) noexcept;
  ~StreamScan();
  /// Adds the next bytes. Returns false if the verdict is certain whatever follows; then call
  /// Finish().
  bool Feed(std::span<const std::byte> bytes);
  /// Gives the report. `at_end`: the stream is complete; otherwise it stopped early
  /// (`io/read-failed`). Call once.
  Report Finish(bool at_end = true);

 private:
  struct TENSORGATE_LOCAL State;
  std::unique_ptr<State> state_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_SCAN_H_
