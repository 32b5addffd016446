// Opens the files of a checkpoint to convert them or to take tensors from them.
#ifndef TENSORGATE_CONVERT_OPEN_PARTS_H_
#define TENSORGATE_CONVERT_OPEN_PARTS_H_

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/formats/registry.h"
#include "tensorgate/convert.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

struct OpenedPart {
  std::string path;
  std::unique_ptr<Source> source;
  OpenedFile file;
  Report report;                         ///< By the strict profile.
  std::optional<Extraction> extraction;  ///< Set if the file is not accepted.
};

struct OpenedParts {
  std::vector<OpenedPart> parts;
  std::optional<Report> report;  ///< On the checkpoint, if it has an index.
  bool from_folder = false;      ///< A folder without an index was named.
};

/// `from` as for Convert. `extract`: take what may be taken from files that are refused. Throws
/// std::bad_alloc.
std::expected<OpenedParts, ConvertError> OpenParts(const std::string& from,
                                                   const CheckOptions& options, bool extract);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CONVERT_OPEN_PARTS_H_
