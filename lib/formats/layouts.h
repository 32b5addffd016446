// Names that say what a file is without its content: parts of checkpoints in layouts that are not
// read here, and unfinished downloads.
#ifndef TENSORGATE_FORMATS_LAYOUTS_H_
#define TENSORGATE_FORMATS_LAYOUTS_H_

#include <string_view>

namespace tensorgate::internal {

/// What a file with this name or path is part of, with the tool that converts it: "part of …;
/// TOOL converts it". "" if the name says nothing.
std::string_view OtherLayout(std::string_view path);

/// The same for a folder in which no index was found: also whole models under unusual names.
std::string_view FolderLayout(std::string_view name);

/// The end of the name of an unfinished download (".incomplete"); "" if it is not named like one.
std::string_view UnfinishedSuffix(std::string_view path);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_FORMATS_LAYOUTS_H_
