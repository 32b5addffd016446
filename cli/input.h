// Files that a command reads to do something with what they hold.
#ifndef TENSORGATE_CLI_INPUT_H_
#define TENSORGATE_CLI_INPUT_H_

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/output.h"
#include "lib/checkpoint/to_save.h"

namespace tensorgate::cli {

struct Input {
  std::string path;
  std::optional<Checkpoint> checkpoint;
  // Instead, where the reference's reading is taken: the file or all shards.
  std::vector<std::unique_ptr<Source>> sources;
  internal::ToSave contents;        // of either
  std::vector<std::string> shards;  // their names, of a checkpoint of shards
  /// Of the strict profile. Its errors, if any, are what taking the reference's reading repairs.
  Report report;
  struct Repaired {
    std::string path;
    Report report;  // as above
  };
  std::vector<Repaired> repaired;  // the shards that strict refuses

  /// `io/changed` if the files are known to have changed since they were opened.
  Result<void> CheckUnchanged();
};

/// A file with which a command does nothing.
struct Refusal {
  Report report;
  /// Of a file that is accepted: why this command can do nothing with it.
  std::optional<Status> error = std::nullopt;
  std::string message = {};  ///< Of that; "": what its rule says.
};
ExitCode CodeOf(const Refusal& refusal);

/// The report by which opening an accepted file failed: it says why the file is of no use.
bool IsOfNoUse(const Report& report);
Refusal WhyOfNoUse(const std::string& path, const Report& report, const Options& options);

/// Opened and judged. The reference profile takes what the format's reference reads where strict refuses; of shards,
/// where the index and what it says of them hold nonetheless.
std::expected<std::unique_ptr<Input>, Refusal> OpenInput(const std::string& path,
                                                         const Options& options);

/// What became of an input that was accepted, when a call on it failed with `status`.
Refusal ReadFailed(const Input& input, const Status& status, const Options& options);

/// `status` on standard error, and what can be done about it. `message`: instead of its rule's, which is fit to be shown.
void AddError(const std::string& path, const Status& status, std::string_view message = {});
/// The report as text, and on standard error why an accepted file is of no use.
void WriteRefusal(Output& output, const std::string& path, const Refusal& refusal,
                  const Options& options);

/// The digest of its header is shown.
bool HasHeaderDigest(const Report& report);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_INPUT_H_
