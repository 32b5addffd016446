// What people type: a file without a command, `help`, and words that are misspelled.
#ifndef TENSORGATE_CLI_ARGUMENTS_H_
#define TENSORGATE_CLI_ARGUMENTS_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tensorgate::cli {

/// What a subcommand is called with.
struct CommandWords {
  std::string name;
  std::vector<std::string> options;  ///< "--format" …
  std::string positionals;           ///< " IN OUT"
};

/// The subcommand of this name; null if there is none.
const CommandWords* FindCommand(std::span<const CommandWords> commands, std::string_view name);

/// Puts `scan` before a file, folder or option of scan, and turns `help COMMAND` into `COMMAND --help`. Decides by the first of
/// `arguments`, which must not be empty; returns an error message if it is neither a command nor a path.
std::optional<std::string> CompleteArguments(std::span<const CommandWords> commands,
                                             std::vector<std::string>& arguments);

/// The error message for an unknown option, with the nearest known one; otherwise `message`.
std::string UnknownArgument(std::span<const CommandWords> commands,
                            const std::vector<std::string>& arguments, std::string message);

/// The word nearest to `word`, if they differ in a few letters at most; otherwise empty.
std::string Nearest(std::string_view word, const std::vector<std::string>& words);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_ARGUMENTS_H_
