// Whether Python's tarfile, and with it torch.load and NeMo, takes a file for a tar archive.
#ifndef TENSORGATE_SECOND_READINGS_TAR_H_
#define TENSORGATE_SECOND_READINGS_TAR_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace tensorgate::internal {

inline constexpr std::size_t kTarBlock = 512;

/// The name of the first member, if `head` begins with a header block that tarfile reads: its checksum fits, and all its
/// numbers are numbers. A block of zeros is an archive without members to tarfile, and none here.
std::optional<std::string_view> FirstTarMember(std::string_view head);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_TAR_H_
