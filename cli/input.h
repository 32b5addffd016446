// Input files of commands that work on tensors.
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
  // Instead, if the reference's reading is used: the file or all shards.
  std::vector<std::unique_ptr<Source>> sources;
  internal::ToSave contents;        // of either
  std::vector<std::string> shards;  // their names, of a checkpoint of shards
  /// By the strict profile. Errors in it are those that the reference's reading repairs.
  Report report;
  struct Repaired {
    std::string path;
    Report report;  // as above
  };
  std::vector<Repaired> repaired;  // the shards that strict refuses

  /// `io/changed` if the files are known to have changed since they were opened.
  Result<void> CheckUnchanged();
};

/// Why a command refuses a file.
struct Refusal {
  Report report;
  /// For an accepted file: why this command does not apply to it.
  std::optional<Status> error = std::nullopt;
  std::string message = {};  ///< The message of `error`; "": the rule's message.
};
ExitCode CodeOf(const Refusal& refusal);

/// The report of a failed open of an accepted file: it has a `use/` rule.
bool IsOfNoUse(const Report& report);
Refusal WhyOfNoUse(const std::string& path, const Report& report, const Options& options);

/// Opens and judges a file. With the reference profile, a file that strict refuses is read as the format's reference
/// reads it; shards only if their index is valid.
std::expected<std::unique_ptr<Input>, Refusal> OpenInput(const std::string& path,
                                                         const Options& options);

/// The refusal for an accepted input on which a call failed with `status`.
Refusal ReadFailed(const Input& input, const Status& status, const Options& options);

/// Writes `status` and its fix to standard error. `message`, already escaped, replaces the rule's message.
void AddError(const std::string& path, const Status& status, std::string_view message = {});
/// Writes the report as text, and to standard error why the command does not apply to an accepted file.
void WriteRefusal(Output& output, const std::string& path, const Refusal& refusal,
                  const Options& options);

/// The digest of its header is shown.
bool HasHeaderDigest(const Report& report);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_INPUT_H_
