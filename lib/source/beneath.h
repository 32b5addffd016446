// Follows symbolic links as long as every step stays inside one folder.
#ifndef TENSORGATE_SOURCE_BENEATH_H_
#define TENSORGATE_SOURCE_BENEATH_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/source/descriptor.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

/// Opens `name` in the last of `folders`, which are open, each inside the one before it; nothing
/// above the first is reached. The result is the regular file with that name, or the one its links
/// lead to. Each part is looked up in a folder that is held open, without following links in the
/// system call: no name on the path can be replaced to get outside, and a magic link of /proc is
/// only followed by its text. Works on every kernel, unlike openat2, and follows absolute links
/// that start with one of `roots`, which are paths of the first folder.
///
/// `io/link-not-followed`: it leads outside the first folder, or to a folder. `io/open-failed`: it
/// leads to nothing, or in a circle. `io/not-regular`: it is a folder itself, or leads to a device
/// or FIFO, which is not opened. Throws std::bad_alloc.
Result<Descriptor> OpenBeneath(std::span<const int> folders, std::span<const std::string> roots,
                               std::string_view name);

/// The path of an open folder without symbolic links; empty if the system does not know it. Throws
/// std::bad_alloc.
std::string PathOf(int folder);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_BENEATH_H_
