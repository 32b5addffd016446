// Identifies the program that wrote a ZIP archive from the names in its directory. This is only a
// label: nothing is decompressed or judged.
#ifndef TENSORGATE_FORMATS_ARCHIVE_H_
#define TENSORGATE_FORMATS_ARCHIVE_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "tensorgate/source.h"

namespace tensorgate::internal {

/// Notable names among an archive's members.
struct ArchiveMembers {
  bool data_pkl = false, constants_pkl = false, code = false, mar = false, archive_format = false;
  bool keras_config = false, keras_weights = false, npy = false, only_npy = true;

  void Add(std::string_view name);
};

/// Reads at most 130 KB: the first member, from `head`, and the directory at the end, as far as
/// they can be read.
ArchiveMembers ReadMembers(Source& source, std::span<const std::byte> head);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_FORMATS_ARCHIVE_H_
