// Visits every file in a folder, opened where it was found, and reports on each.
//
//   tensorgate::Walk("models/", {}, [](tensorgate::FoundFile& file) {
//     std::fputs(tensorgate::RenderText(file.path(), file.Scan()).c_str(), stdout);
//     return true;  // continue
//   });
//
// Guarantees: a file is judged as it was opened, by a name relative to its folder, which is held
// open; renaming or replacing paths in the meantime has no effect. Only regular files are opened
// for reading. What cannot be opened, read or followed is visited as well, so that nothing is
// skipped silently. A walk throws std::bad_alloc, and what the visitor throws.
#ifndef TENSORGATE_WALK_H_
#define TENSORGATE_WALK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "tensorgate/export.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate {

/// Identifies a file, whatever names it has.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

struct WalkOptions {
  /// Follow every symbolic link. By default only links to regular files are followed, and only if
  /// every step of the path is below the folder that was named, or leads into the blobs/ of the
  /// file's own hub cache. A link to a folder is not followed by default: its contents are visited
  /// anyway, or are elsewhere.
  bool follow_links = false;
  /// A file that is never visited, such as one that is being written.
  FileIdentity skip;
};

class FoundFile;
/// Returns false to end the walk.
using Visitor = std::function<bool(FoundFile& file)>;

/// Visits `path` if it is a file, and its contents if it is a folder: sorted bytewise by name, with
/// a folder's contents at the place of its name. `path` itself may be a symbolic link. Keeps the
/// names of one folder per level; a folder that is nested too deeply or cannot be read is visited
/// as a failure. Returns false if `visitor` ended the walk.
TENSORGATE_API bool Walk(const std::string& path, const WalkOptions& options,
                         const Visitor& visitor);

/// A file found by a walk. Valid during the visit.
class TENSORGATE_API FoundFile {
 public:
  const std::string& path() const { return path_; }
  /// True if this path was given by the caller, not found in a folder.
  bool named() const { return folder_ < 0; }
  /// The open file, or the reason why it could not be opened.
  Result<std::unique_ptr<Source>>& source() { return source_; }
  /// The report on it, by its name and content. For the index of a sharded checkpoint it covers all
  /// shards.
  Report Scan(const CheckOptions& options = {});
  /// The same, with bytes read through `reader`, which reads from source().
  Report Scan(Source& reader, const CheckOptions& options = {}) const;

 private:
  friend bool Walk(const std::string& path, const WalkOptions& options, const Visitor& visitor);
  FoundFile(const std::string& path, int folder, Result<std::unique_ptr<Source>> source)
      : path_(path), folder_(folder), source_(std::move(source)) {}
  const std::string& path_;
  int folder_;  // the folder it was found in; -1: the path was given
  Result<std::unique_ptr<Source>> source_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_WALK_H_
