// What people type: a file without a command, `help`, and words that are misspelled.
#ifndef TENSORGATE_CLI_ARGUMENTS_H_
#define TENSORGATE_CLI_ARGUMENTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace tensorgate::cli {

/// The subcommand of this name; null if there is none.
const CLI::App* FindCommand(const CLI::App& app, std::string_view name);

/// Puts `scan` before a file or folder, and turns `help COMMAND` into `COMMAND --help`. Decides by the first of
/// `arguments`, which must not be empty; returns an error message if it is neither a command nor a path.
std::optional<std::string> CompleteArguments(const CLI::App& app,
                                             std::vector<std::string>& arguments);

/// The error message for an unknown option, with the nearest known one; otherwise `message`.
std::string UnknownArgument(const CLI::App& app, const std::vector<std::string>& arguments,
                            std::string message);

/// Its positional arguments as help shows them: " IN OUT".
std::string Positionals(const CLI::App& command);

/// The usage line of the command; `message` if there is no such command.
std::string UsageOf(const CLI::App& app, const std::vector<std::string>& arguments,
                    std::string message);

/// The word nearest to `word`, if they differ in a few letters at most; otherwise empty.
std::string Nearest(std::string_view word, const std::vector<std::string>& words);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_ARGUMENTS_H_
