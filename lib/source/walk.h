// Visits files and folders in a stable order, with each file opened where it was found;
// tensorgate::Walk also judges them.
#ifndef TENSORGATE_SOURCE_WALK_H_
#define TENSORGATE_SOURCE_WALK_H_

#include <functional>
#include <memory>
#include <string>

#include "tensorgate/walk.h"

namespace tensorgate::internal {

/// Called once for each name of a file: its path, with which it can be opened; a descriptor of the
/// folder it was found in, open until the visit ends, or -1 for the given path; and the open file,
/// or the reason why it could not be opened. Returning false ends the walk.
using Visit =
    std::function<bool(const std::string& path, int folder, Result<std::unique_ptr<Source>> file)>;

/// Visits `path` if it is a file, or its contents if it is a folder: sorted bytewise by name, with
/// a folder's contents at the place of its name. `path` itself may be a symbolic link. Keeps only
/// the names of one folder per level; a folder that is nested too deeply or cannot be read is
/// visited as a failure. Throws std::bad_alloc. Returns false if `visit` ended the walk.
bool Walk(const std::string& path, const WalkOptions& options, const Visit& visit);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_WALK_H_
