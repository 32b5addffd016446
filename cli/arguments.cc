#include "cli/arguments.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <utility>

namespace tensorgate::cli {
namespace {

// Letters to be added, removed or replaced (Levenshtein); `a` and `b` are short.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> OptionNames(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// A name with a slash or a suffix is meant as a path even if nothing is there: the scan then says so.
bool IsPath(const std::string& word) {
  struct stat status;
  return word == "-" || word.find_first_of("/.") != word.npos ||
         ::lstat(word.c_str(), &status) == 0;
}

}  // namespace

const CLI::App* FindCommand(const CLI::App& app, std::string_view name) {
  const std::vector<const CLI::App*> commands = app.get_subcommands({});
  const auto found = std::ranges::find(commands, name, &CLI::App::get_name);
  return found == commands.end() ? nullptr : *found;
}

std::string Nearest(std::string_view word, const std::vector<std::string>& words) {
  constexpr std::size_t kLongest = 40;
  if (word.size() > kLongest) return {};
  std::string nearest;
  std::size_t least = 2 + word.size() / 3;
  for (const std::string& candidate : words) {
    const std::size_t distance = Distance(word, candidate);
    if (distance < least) least = distance, nearest = candidate;
  }
  return nearest;
}

std::optional<std::string> CompleteArguments(const CLI::App& app,
                                             std::vector<std::string>& arguments) {
  const std::string first = arguments.front();
  if (first == "help") {
    arguments.erase(arguments.begin());
    arguments.resize(std::min<std::size_t>(arguments.size(), 1));
    if (!arguments.empty() && FindCommand(app, arguments.front()) == nullptr) arguments.clear();
    arguments.emplace_back("--help");
  } else if (FindCommand(app, first) == nullptr && (first == "-" || !first.starts_with('-'))) {
    if (!IsPath(first)) {
      const std::string nearest = Nearest(first, CommandNames(app));
      return fmt::format("there is no command or file \"{}\"{}", first,
                         nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest));
    }
    arguments.insert(arguments.begin(), "scan");
  }
  return std::nullopt;
}

std::string Positionals(const CLI::App& command) {
  std::string text;
  for (const CLI::Option* option :
       command.get_options([](const CLI::Option* each) { return each->get_positional(); })) {
    text += (option->get_required() ? " " : " [") + option->get_name(true);
    if (option->get_expected_max() > 2) text += "...";
    if (!option->get_type_name().empty()) text += " " + option->get_type_name();
    if (!option->get_required()) text += "]";
  }
  return text;
}

std::string UsageOf(const CLI::App& app, const std::vector<std::string>& arguments,
                    std::string message) {
  const CLI::App* command = FindCommand(app, arguments.front());
  if (command == nullptr) return message;
  return "usage: tensorgate " + command->get_name() + " [OPTIONS]" + Positionals(*command);
}

std::string UnknownArgument(const CLI::App& app, const std::vector<std::string>& arguments,
                            std::string message) {
  const CLI::App* command = FindCommand(app, arguments.front());
  if (command == nullptr) return message;
  const std::vector<std::string> known = OptionNames(*command);
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    const bool is_known = std::ranges::find(known, name) != known.end();
    if (!name.starts_with("--") || is_known) continue;
    const std::string nearest = Nearest(name, known);
    if (nearest.empty()) return fmt::format("there is no option {}", name);
    return fmt::format("there is no option {}; did you mean {}?", name, nearest);
  }
  return message;
}

}  // namespace tensorgate::cli
