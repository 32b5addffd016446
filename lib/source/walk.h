// Files and folders, in a stable order, each file opened where it was found. The only part of
// scanning that depends on the system, besides Folder and FileSource.
#ifndef TENSORGATE_SOURCE_WALK_H_
#define TENSORGATE_SOURCE_WALK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tensorgate/source.h"

namespace tensorgate::internal {

/// What is never visited: the file that is being written.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

struct WalkOptions {
  /// Follow every symbolic link. Without it only those are followed that end at a regular file in the folder that was
  /// named, each step of the way below it (beneath.h), or in the blobs/ of their own hub cache. A link to a folder is
  /// not: what is in there has its lines already, or is elsewhere.
  bool follow_links = false;
  FileIdentity skip;
};

/// Called for each name of a file once: its path, which opens it as it stands; a descriptor of the folder it was
/// found in, open until the visit is over, or -1 for the path that was named; and the open file or
/// why there is none. False ends the walk.
using Visit =
    std::function<bool(const std::string& path, int folder, Result<std::unique_ptr<Source>> file)>;

/// Visits `path` if it is a file, and what is in it if it is a folder: bytewise by name, folders
/// where their names stand. `path` itself may be a link. Keeps the names of one folder a level, no
/// more; a folder nested too deeply or unreadable is visited as a failure. Throws std::bad_alloc.
/// False if `visit` ended it.
bool Walk(const std::string& path, const WalkOptions& options, const Visit& visit);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_WALK_H_
