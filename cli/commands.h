// The subcommands; each returns the exit code.
#ifndef TENSORGATE_CLI_COMMANDS_H_
#define TENSORGATE_CLI_COMMANDS_H_

#include <string>
#include <vector>

#include "cli/input.h"
#include "cli/options.h"
#include "cli/output.h"
#include "tensorgate/extraction.h"
#include "tensorgate/report.h"

namespace tensorgate::cli {

int RunScan(const Options& options);
int RunInspect(const Options& options);
int RunConvert(const Options& options);
int RunRules(const Options& options);
int RunFormats(const Options& options);
int RunHash(const Options& options);
/// hash --check and hash --pin.
int RunPins(const Options& options);
int RunDiff(const Options& options);
int RunMetadata(const Options& options);
int RunIndex(const Options& options);
/// sanitize --repair.
int RunRepair(const Options& options);
/// sanitize, split and merge.
int RunWrite(const Options& options);

/// For inspect and hash: writes the report of a file whose contents cannot be shown; returns the exit code.
int Refuse(Output& output, const std::string& path, const Refusal& refusal,
           const std::string& digest, const Options& options);

/// inspect --opcodes and --globals.
int InspectPickle(const Options& options);

/// inspect --extract.
int InspectExtract(const Options& options);
/// What was taken and what was left out, in lines for people; `all`: each tensor that was taken, too.
std::string ExtractionText(const std::vector<Extraction>& extractions, bool all);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_COMMANDS_H_
