#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/overwrite.h"

int main(int count, char** arguments) {
  using namespace tensorgate::cli;
  // A closed pipe is an error to report, not a reason to die.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    Options options;
    const int code = ParseArguments(count, arguments, options);
    if (code >= 0) return code;
    if (Overwrites(options)) return kUsage;
    switch (options.command) {
      case Options::Command::kScan:
        return RunScan(options);
      case Options::Command::kInspect:
        return RunInspect(options);
      case Options::Command::kConvert:
        return RunConvert(options);
      case Options::Command::kRules:
        return RunRules(options);
      case Options::Command::kFormats:
        return RunFormats(options);
      case Options::Command::kHash:
        return RunHash(options);
      case Options::Command::kDiff:
        return RunDiff(options);
      case Options::Command::kMetadata:
        return RunMetadata(options);
      case Options::Command::kIndex:
        return RunIndex(options);
      case Options::Command::kSanitize:
      case Options::Command::kSplit:
      case Options::Command::kMerge:
        return RunWrite(options);
    }
  } catch (const std::exception&) {
    // Only running out of memory throws here. What was not judged is undecided.
    std::fputs("tensorgate: out of memory\n", stderr);
  }
  return kUndecided;
}
