// What was asked for on the command line.
#ifndef TENSORGATE_CLI_OPTIONS_H_
#define TENSORGATE_CLI_OPTIONS_H_

#include <string>
#include <vector>

#include "tensorgate/limits.h"

namespace tensorgate::cli {

enum ExitCode : int {
  kAllAccepted = 0,
  kSomeRejected = 1,
  kSomeUndecided = 2,
  kSomeUnsupported = 3,
  kUsage = 4,
};

enum class Format { kText, kJson, kJsonLines, kMarkdown };

struct Options {
  enum class Command { kScan, kInspect, kRules } command = Command::kScan;
  Format format = Format::kText;
  CheckOptions check;
  std::vector<std::string> paths;  // of scan; of inspect the one file; of rules the id, if any
  std::string output;              // "": standard output
  bool digest = false;
  bool follow_links = false;
  bool verbose = false;
  bool quiet = false;
};

/// Parses the arguments. Negative: go on with `options`; otherwise the exit code, and what there
/// was to say was said.
int ParseArguments(int count, char** arguments, Options& options);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_OPTIONS_H_
