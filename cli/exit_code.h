// What the command ends with, and which of several counts.
#ifndef TENSORGATE_CLI_EXIT_CODE_H_
#define TENSORGATE_CLI_EXIT_CODE_H_

#include "tensorgate/report.h"
#include "tensorgate/status.h"

namespace tensorgate::cli {

enum ExitCode : int {
  kDone = 0,         ///< scan: something was accepted and nothing speaks against the rest.
  kRejected = 1,     ///< diff: or they differ.
  kUndecided = 2,    ///< Or the output could not be written.
  kUnsupported = 3,  ///< No parser, no model, not fetched, or nothing here for this command.
  kUsage = 4,
};

/// The one that counts where both apply: 4 over 2 over 1 over 3 over 0.
ExitCode Worse(ExitCode a, ExitCode b);

/// What one file alone leads to.
ExitCode CodeOf(const Report& report);

/// What a call leads to that failed, though the file was accepted.
ExitCode CodeOf(const Status& status);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_EXIT_CODE_H_
