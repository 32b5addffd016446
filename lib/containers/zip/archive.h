// A ZIP archive whose list of members was read: names, positions and sizes, but no contents.
#ifndef TENSORGATE_CONTAINERS_ZIP_ARCHIVE_H_
#define TENSORGATE_CONTAINERS_ZIP_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/names.h"
#include "lib/base/pod_buffer.h"

namespace tensorgate::zip::internal {

struct Member {
  std::uint32_t name = 0;  ///< Its offset in the directory.
  std::uint16_t name_length = 0;
  bool wide = false;  ///< The local header has a ZIP64 field, so the descriptor is wide, too.
  bool has_descriptor = false;
  bool is_npy = false;  ///< Its data start with NumPy's magic string.
  std::uint32_t crc = 0;
  std::uint64_t size = 0;  ///< Members are stored, so both sizes are equal.
  std::uint64_t packed_size = 0;
  std::uint64_t local_offset = 0;
  std::uint64_t data_offset = 0;  ///< 0 until the local header is read.

  std::uint64_t data_end() const { return data_offset + packed_size; }
};

struct Archive {
  tensorgate::internal::PodBuffer<std::byte> directory;
  std::uint64_t directory_offset = 0;
  tensorgate::internal::PodBuffer<Member> members;  ///< In the order of the directory.
  // Names after ASCII folding, followed by `kSlack` bytes, and an index of them.
  tensorgate::internal::PodBuffer<std::byte> folded;
  tensorgate::internal::NameIndex index;
  // If names are equal: for the first of them, the last one. Otherwise empty.
  tensorgate::internal::PodBuffer<std::uint32_t> last;

  std::string_view NameOf(const Member& member) const {
    return tensorgate::internal::AsText(directory.span()).substr(member.name, member.name_length);
  }
  std::string_view FoldedName(std::size_t i) const {
    const Member& member = members[i];
    return tensorgate::internal::AsText(folded.span()).substr(member.name, member.name_length);
  }
  std::uint64_t NameOffset(const Member& member) const { return directory_offset + member.name; }
};

}  // namespace tensorgate::zip::internal

#endif  // TENSORGATE_CONTAINERS_ZIP_ARCHIVE_H_
