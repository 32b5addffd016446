// The subcommands; each returns the exit code.
#ifndef TENSORGATE_CLI_COMMANDS_H_
#define TENSORGATE_CLI_COMMANDS_H_

#include "cli/options.h"
#include "tensorgate/report.h"

namespace tensorgate::cli {

int RunScan(const Options& options);
int RunInspect(const Options& options);
int RunRules(const Options& options);

/// What one file alone leads to.
ExitCode CodeOf(const Report& report);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_COMMANDS_H_
