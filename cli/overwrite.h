// Nothing that a command reads is overwritten by what it writes.
#ifndef TENSORGATE_CLI_OVERWRITE_H_
#define TENSORGATE_CLI_OVERWRITE_H_

#include <span>
#include <string>

#include "cli/options.h"

namespace tensorgate::cli {

/// By what is on the command line alone: --output or the target is an input, by its path, a symbolic link or a hard
/// link; --output is the target too, or is in a folder that is scanned. True: that was said on standard error.
bool Overwrites(const Options& options);

/// The same of each file that is written, against each that is read.
bool Overwrites(std::span<const std::string> read, std::span<const std::string> written);

/// Splitting into `target` removes the shards of that name that were there before: one of them is read.
bool Removes(std::span<const std::string> read, const std::string& target);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_OVERWRITE_H_
