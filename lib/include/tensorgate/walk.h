// Every file in a folder, opened where it was found, and the report on each.
//
//   tensorgate::Walk("models/", {}, [](tensorgate::FoundFile& file) {
//     std::fputs(tensorgate::RenderText(file.path(), file.Scan()).c_str(), stdout);
//     return true;  // go on
//   });
//
// Guarantees: a file is judged as it was opened, by a name relative to its folder, which is held open; what becomes of
// paths meanwhile does not matter. Nothing that is not a regular file is opened for reading. What cannot be opened, read or
// followed is visited as well, so that nothing is left out without a word. A walk throws std::bad_alloc, and what the visitor
// throws.
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

/// One file, whatever its names.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

struct WalkOptions {
  /// Follow every symbolic link. Without it only those are followed that end at a regular file in the folder that was
  /// named, each step of the way below it, or in the blobs/ of their own hub cache. A link to a folder is
  /// not: what is in there has been visited already, or is elsewhere.
  bool follow_links = false;
  /// Never visited: a file that is being written.
  FileIdentity skip;
};

class FoundFile;
/// False ends the walk.
using Visitor = std::function<bool(FoundFile& file)>;

/// Visits `path` if it is a file, and what is in it if it is a folder: bytewise by name, folders in the place of their
/// names. `path` itself may be a link. Keeps the names of one folder for each level; a folder nested too deeply or
/// unreadable is visited as a failure. False if `visitor` ended it.
TENSORGATE_API bool Walk(const std::string& path, const WalkOptions& options,
                         const Visitor& visitor);

/// A file that a walk has come to. Valid until the visit is over.
class TENSORGATE_API FoundFile {
 public:
  const std::string& path() const { return path_; }
  /// The path that was given, not one found in a folder.
  bool named() const { return folder_ < 0; }
  /// The open file, or why there is none.
  Result<std::unique_ptr<Source>>& source() { return source_; }
  /// The report on it, by its name and content. That on the index of a sharded checkpoint speaks of all its shards.
  Report Scan(const CheckOptions& options = {});
  /// The same of bytes that come by way of `reader`, which reads source().
  Report Scan(Source& reader, const CheckOptions& options = {}) const;

 private:
  friend bool Walk(const std::string& path, const WalkOptions& options, const Visitor& visitor);
  FoundFile(const std::string& path, int folder, Result<std::unique_ptr<Source>> source)
      : path_(path), folder_(folder), source_(std::move(source)) {}
  const std::string& path_;
  int folder_;  // in which it was found; -1: that of the path
  Result<std::unique_ptr<Source>> source_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_WALK_H_
