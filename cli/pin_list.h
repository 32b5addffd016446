// Lists of approved digests: what sha256sum prints, what hash --pin prints, and what hash prints.
#ifndef TENSORGATE_CLI_PIN_LIST_H_
#define TENSORGATE_CLI_PIN_LIST_H_

#include <cstddef>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tensorgate::cli {

/// One approved file: SHA-256 of all its bytes; or of its contents and, if the format has one, of
/// its header. "" is not known.
struct Pin {
  std::string path;  ///< "" if the list names none.
  std::string file, header, content;
};

struct PinList {
  std::vector<Pin> pins;  ///< At least one.
  /// If the list is what hash prints: the lines of its tensors by their names, quoted as there.
  std::map<std::string, std::string> tensors;
};

struct PinListError {
  std::size_t line = 0;  ///< From 1 on; 0: the list as a whole.
  std::string reason;
};

/// Refuses a list with a line that it does not understand: a list that is read only in part would
/// approve something other than its author meant.
std::expected<PinList, PinListError> ParsePins(std::string_view text);

/// The line of a file with these digests, without a line feed.
std::string PinLine(const Pin& pin);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_PIN_LIST_H_
