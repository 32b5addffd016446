// Nothing that a command reads is overwritten by what it writes.
#ifndef TENSORGATE_CLI_OVERWRITE_H_
#define TENSORGATE_CLI_OVERWRITE_H_

#include <span>
#include <string>

#include "cli/options.h"

namespace tensorgate::cli {

/// Checks only the command line: whether --output or the target is an input (by its path, a symbolic link or a hard
/// link), or --output is the target or is in a scanned folder. If so, reports it on standard error.
bool Overwrites(const Options& options);

/// The same for every file that is written, compared with every file that is read.
bool Overwrites(std::span<const std::string> read, std::span<const std::string> written);

/// Splitting into `target` removes its earlier shards: whether one of them is an input.
bool Removes(std::span<const std::string> read, const std::string& target);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_OVERWRITE_H_
