// Files that a command reads to do something with what they hold.
#ifndef TENSORGATE_CLI_INPUT_H_
#define TENSORGATE_CLI_INPUT_H_

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/output.h"
#include "lib/json/writer.h"
#include "lib/ops/contents.h"

namespace tensorgate::cli {

struct Input {
  std::string path;
  std::optional<Checkpoint> checkpoint;
  std::optional<FileSource> source;  // instead, where the reference's reading is taken
  internal::Contents contents;       // of either
  /// Of the strict profile. Its errors, if any, are what taking the reference's reading repairs.
  Report report;

  /// `io/changed` if the files are known to have changed since they were opened.
  Result<void> Unchanged();
};

/// Opened and judged; the report on a file that is refused. The reference profile takes what the format's reference
/// reads where strict refuses.
std::expected<std::unique_ptr<Input>, Report> OpenInput(const std::string& path,
                                                        const Options& options);

/// `status` on standard error.
void TellError(const std::string& path, const Status& status);

/// `"error":null` or an object of rule and message.
void WriteError(internal::JsonWriter& json, const std::optional<Status>& error);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_INPUT_H_
