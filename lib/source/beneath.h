// What a symbolic link leads to, as long as every step of the way stays in one folder.
#ifndef TENSORGATE_SOURCE_BENEATH_H_
#define TENSORGATE_SOURCE_BENEATH_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/source/descriptor.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

/// `name` in the last of `folders`, which are open, each in the one before it; nothing above the first is reached. Opens
/// the regular file that it is or that links lead to. Each part is looked up in a folder that is held open, without
/// following anything: no name on the way can be exchanged for a way out, and no magic link of /proc is taken for more
/// than its text. Works on every kernel, which openat2 does not, and takes absolute links that begin with one of `roots`,
/// which are paths of the first folder.
///
/// `io/link-not-followed`: it leads out of the first folder, or to a folder. `io/open-failed`: to nothing, or in a
/// circle. `io/not-regular`: it is a folder itself, or leads to a device or FIFO, which is not opened. Throws
/// std::bad_alloc.
Result<Descriptor> OpenBeneath(std::span<const int> folders, std::span<const std::string> roots,
                               std::string_view name);

/// The path of an open folder with no link in it; empty where the system does not tell. Throws std::bad_alloc.
std::string PathOf(int folder);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_BENEATH_H_
