#include "cli/arguments.h"

#include <fmt/format.h>
#include <sys/stat.h>

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

// A name with a slash or a suffix is meant as a path even if nothing is there: the scan then says so.
bool IsPath(const std::string& word) {
  struct stat status;
  return word == "-" || word.find_first_of("/.") != word.npos ||
         ::lstat(word.c_str(), &status) == 0;
}

}  // namespace

const CommandWords* FindCommand(std::span<const CommandWords> commands, std::string_view name) {
  const auto found = std::ranges::find(commands, name, &CommandWords::name);
  return found == commands.end() ? nullptr : &*found;
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

std::optional<std::string> CompleteArguments(std::span<const CommandWords> commands,
                                             std::vector<std::string>& arguments) {
  const std::string first = arguments.front();
  if (first == "help") {
    arguments.erase(arguments.begin());
    arguments.resize(std::min<std::size_t>(arguments.size(), 1));
    if (!arguments.empty() && FindCommand(commands, arguments.front()) == nullptr)
      arguments.clear();
    arguments.emplace_back("--help");
  } else if (FindCommand(commands, first) == nullptr && first != "-h" && first != "--help" &&
             first != "-V" && first != "--version") {
    if (!first.starts_with('-') && !IsPath(first)) {
      std::vector<std::string> names;
      for (const CommandWords& command : commands) names.push_back(command.name);
      const std::string nearest = Nearest(first, names);
      return fmt::format("there is no command or file \"{}\"{}", first,
                         nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest));
    }
    arguments.insert(arguments.begin(), "scan");
  }
  return std::nullopt;
}

std::string UnknownArgument(std::span<const CommandWords> commands,
                            const std::vector<std::string>& arguments, std::string message) {
  const CommandWords* command = FindCommand(commands, arguments.front());
  if (command == nullptr) return message;
  const std::vector<std::string>& known = command->options;
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    const bool is_known = std::ranges::find(known, name) != known.end();
    const bool is_option = name.size() > 1 && name.starts_with('-');
    if (!is_option || is_known) continue;
    // Several letters after one dash, a value after a letter, and numbers are for the parser to refuse.
    if (!name.starts_with("--") && name.size() != 2) continue;
    const std::string nearest = Nearest(name, known);
    if (nearest.empty()) return fmt::format("there is no option {}", name);
    return fmt::format("there is no option {}; did you mean {}?", name, nearest);
  }
  return message;
}

}  // namespace tensorgate::cli
