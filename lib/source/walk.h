// Files and folders, in a stable order, each file opened where it was found; tensorgate::Walk judges them as well.
#ifndef TENSORGATE_SOURCE_WALK_H_
#define TENSORGATE_SOURCE_WALK_H_

#include <functional>
#include <memory>
#include <string>

#include "tensorgate/walk.h"

namespace tensorgate::internal {

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
