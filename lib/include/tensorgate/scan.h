// Any file: what it is by its content, and the report on it.
//
//   tensorgate::Report report = tensorgate::ScanPath("model.bin");
//   if (report.verdict() == tensorgate::Verdict::kUnsupported) {
//     std::printf("no parser for %s\n", std::string(report.format()).c_str());
//   }
//
// What parses as safetensors is safetensors, whatever its name. The suffix only says by which
// format's rules something unrecognizable is refused: a file named `.safetensors` is judged as one,
// whatever is in it. No call throws; running out of memory is a report (`io/out-of-memory`).
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

/// `name`: the file's name or path, for its suffix; may be empty.
TENSORGATE_API Report Scan(Source& source, std::string_view name, const CheckOptions& options = {});
/// Never follows anything but `path` itself; refuses what is not a regular file without blocking. The
/// report on the index of a sharded checkpoint speaks of all its shards (`CheckCheckpoint`).
TENSORGATE_API Report ScanPath(const std::string& path, const CheckOptions& options = {});
/// The report on a file that could not be opened or read.
TENSORGATE_API Report ScanFailure(const Status& status, const CheckOptions& options = {});

/// Bytes that come in order and whose number is not known before the end. What can only be judged as a
/// whole (archives, pickles) is kept in a temporary file without a name in /var/tmp, which is on a disk where
/// /tmp may be memory, of `Limits::spool_bytes` at most.
///
/// A stream is ended as soon as it is certain that it will not be accepted: its report has the verdict and
/// the first error that the whole would have, limits aside, and no size. What an archive is, only its
/// end says: one whose first member no checkpoint begins with is `unsupported` after 1 MiB, though the
/// whole might be `rejected`.
///
/// The deadline of `options` is that of the whole stream. A caller that waits for a sender must look at it
/// as well, and call Finish(false) past it.
class TENSORGATE_API StreamScan {
 public:
  /// `name`: what the stream is called, for its suffix, as in Scan; may be empty.
  explicit StreamScan(const CheckOptions& options = {}, std::string name = {});
  StreamScan(StreamScan&&) noexcept;
  StreamScan& operator=(StreamScan&&) noexcept;
  ~StreamScan();
  /// The next bytes. False: the verdict is certain whatever follows, call Finish().
  bool Feed(std::span<const std::byte> bytes);
  /// The end was reached (`at_end`), or the stream broke off (`io/read-failed`). Call once.
  Report Finish(bool at_end = true);

 private:
  struct TENSORGATE_LOCAL State;
  std::unique_ptr<State> state_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_SCAN_H_
