// The formats that a file can have: those that are proven, and those that are only recognized.
//
//   for (const tensorgate::FormatInfo& format : tensorgate::AllFormats()) {
//     if (format.is_proven) std::printf("%s\n", std::string(format.words).c_str());
//   }
#ifndef TENSORGATE_FORMATS_H_
#define TENSORGATE_FORMATS_H_

#include <span>
#include <string_view>

#include "tensorgate/export.h"
#include "tensorgate/report.h"

namespace tensorgate {

/// One format. All text is static.
struct FormatInfo {
  std::string_view name;   ///< Report::format() of such a file; stable.
  std::string_view words;  ///< For people, with its article: "a GGUF file".
  FileClass file_class;
  /// There is a parser: such a file is accepted or rejected. Otherwise it is `unsupported`, or
  /// `rejected` if it is in a model's place and provably not a model.
  bool is_proven;
  std::string_view proof;      ///< What is proven, for people; empty if there is no parser.
  std::string_view reference;  ///< Whose reading the reference profile predicts; may be empty.
  /// With the dot, in lower case: those that promise this format.
  std::span<const std::string_view> suffixes;
  std::string_view shards;        ///< Report::format() of its shards under an index; may be empty.
  std::string_view shards_index;  ///< The usual name of that index; empty if there are no shards.
};

/// All of them. Of two that match a file, the first one counts; the last one matches everything.
TENSORGATE_API std::span<const FormatInfo> AllFormats();

}  // namespace tensorgate

#endif  // TENSORGATE_FORMATS_H_
