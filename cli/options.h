// What was asked for on the command line.
#ifndef TENSORGATE_CLI_OPTIONS_H_
#define TENSORGATE_CLI_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/report/writers.h"
#include "tensorgate/limits.h"

namespace tensorgate::cli {

/// The output format of a command; scan has its own (lib/report/writers.h).
enum class Format { kText, kJson, kMarkdown };

struct Options {
  enum class Command {
    kScan,
    kInspect,
    kConvert,
    kRules,
    kHash,
    kDiff,
    kSanitize,
    kSplit,
    kMerge,
    kFormats,
    kMetadata,
    kIndex
  } command = Command::kScan;
  Format format = Format::kText;
  const internal::ReportFormat* reports = internal::ReportFormats().data();  // scan: their form
  CheckOptions check;
  std::optional<std::chrono::duration<double>> timeout;  // for each file
  // The positional arguments; for sanitize, split and merge without the last one, which is `target`.
  std::vector<std::string> paths;
  std::string trust_path;  // scan: of the list of trusted names
  std::string name;        // scan: what standard input is called
  std::string output;      // "": standard output
  bool digest = false;
  bool verbose = false;
  enum class Color { kAuto, kAlways, kNever } color = Color::kAuto;
  bool quiet = false;
  bool opcodes = false;   // inspect: of the pickles in a file, accepted or not
  bool globals = false;   // inspect: the names in them
  bool extract = false;   // inspect, convert: take tensors from a refused checkpoint
  bool stats = false;     // inspect: of the numbers in the tensors
  bool metadata = false;  // diff: compare them, too

  // metadata.
  std::vector<std::string> set_metadata;  // KEY=VALUE
  std::vector<std::string> delete_metadata;

  // hash.
  bool pin = false;
  std::string check_list;  // a file of approved digests; "": none

  // sanitize, split and merge.
  std::string target;
  std::uint64_t max_shard_bytes = 0;
  std::uint64_t alignment = 8;
  bool drop_metadata = false;
  std::vector<std::string> keep_metadata;  // empty: all
  bool repair = false;                     // sanitize: only cut the bytes after the data
  bool verify = false;
  bool no_sync = false;

  // convert.
  std::optional<std::string> select;  // not set: as the library does
  bool refuse_tied = false;
  bool dry_run = false;
};

/// The options for judging the next file: its deadline begins now, if there is a timeout.
CheckOptions CheckNow(const Options& options);

/// Parses the arguments. Returns a negative number if the command is to run with `options`; otherwise the exit code,
/// after printing the help or an error message.
int ParseArguments(int count, char** arguments, Options& options);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_OPTIONS_H_
