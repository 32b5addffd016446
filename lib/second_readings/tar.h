// Whether Python's tarfile, and with it torch.load and NeMo, takes a file for a tar archive.
#ifndef TENSORGATE_SECOND_READINGS_TAR_H_
#define TENSORGATE_SECOND_READINGS_TAR_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace tensorgate::internal {

inline constexpr std::size_t kTarBlock = 512;

/// The name of the first member, if `head` starts with a header block that tarfile reads: its
/// checksum is right, and its numeric fields are numbers. For tarfile a block of zeros is an
/// archive without members; here it does not count.
std::optional<std::string_view> FirstTarMember(std::string_view head);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_TAR_H_
