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

/// Puts `scan` before a file or folder, and turns `help COMMAND` into `COMMAND --help`. The first of `arguments`, of
/// which there is at least one, decides; if it is neither a command nor a path, returns a message that says so.
std::optional<std::string> CompleteArguments(const CLI::App& app,
                                             std::vector<std::string>& arguments);

/// The message for an option that the command lacks, with the nearest that it has; else `message`.
std::string UnknownArgument(const CLI::App& app, const std::vector<std::string>& arguments,
                            std::string message);

/// Its positional arguments as help shows them: " IN OUT".
std::string Positionals(const CLI::App& command);

/// How the command is called, where arguments are missing or too many; else `message`.
std::string UsageOf(const CLI::App& app, const std::vector<std::string>& arguments,
                    std::string message);

/// Of `words` the one nearest to `word`, if it differs by a few letters at most; else empty.
std::string Nearest(std::string_view word, const std::vector<std::string>& words);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_ARGUMENTS_H_
