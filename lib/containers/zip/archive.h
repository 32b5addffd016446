// A ZIP archive whose list of members was read: names, places and sizes, no contents.
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
  std::uint32_t name = 0;  ///< Where it begins in the directory.
  std::uint16_t name_length = 0;
  bool wide = false;  ///< The local header has ZIP64's field: so has the descriptor.
  bool has_descriptor = false;
  bool is_npy = false;  ///< Its bytes begin as a NumPy array.
  std::uint32_t crc = 0;
  std::uint64_t size = 0;  ///< Stored, so it is the same packed and unpacked.
  std::uint64_t packed_size = 0;
  std::uint64_t local_offset = 0;
  std::uint64_t data_offset = 0;  ///< 0 until the local header was read.

  std::uint64_t data_end() const { return data_offset + packed_size; }
};

struct Archive {
  tensorgate::internal::PodBuffer<std::byte> directory;
  std::uint64_t directory_offset = 0;
  tensorgate::internal::PodBuffer<Member> members;  ///< In the order of the directory.
  // Names after ASCII folding, `kSlack` bytes behind them, and where to find them.
  tensorgate::internal::PodBuffer<std::byte> folded;
  tensorgate::internal::NameIndex index;
  // Where names are equal: for the first of them the last. Else empty.
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
