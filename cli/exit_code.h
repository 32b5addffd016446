// Exit codes, and their precedence.
#ifndef TENSORGATE_CLI_EXIT_CODE_H_
#define TENSORGATE_CLI_EXIT_CODE_H_

#include "tensorgate/report.h"
#include "tensorgate/status.h"

namespace tensorgate::cli {

enum ExitCode : int {
  kDone = 0,         ///< scan: something was accepted, and no other code applies.
  kRejected = 1,     ///< diff: or they differ.
  kUndecided = 2,    ///< Or the output could not be written.
  kUnsupported = 3,  ///< No parser, not a model, not fetched, or the command does not apply.
  kUsage = 4,
};

/// The one that takes precedence: 4, 2, 1, 3, 0.
ExitCode Worse(ExitCode a, ExitCode b);

/// The code for one file.
ExitCode CodeOf(const Report& report);

/// The code for a call that failed on an accepted file.
ExitCode CodeOf(const Status& status);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_EXIT_CODE_H_
