// A header of a tar archive, as Python's tarfile reads it.
#ifndef TENSORGATE_CLI_TAR_HEADER_H_
#define TENSORGATE_CLI_TAR_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tensorgate::cli {

struct TarHeader {
  static constexpr std::size_t kSize = 512;
  std::string name;
  std::uint64_t size = 0;  ///< Of the contents, which are padded to whole headers.
  bool file = false;       ///< Not a folder, a link or what describes the next header.
};

/// None: the checksum is wrong, or there is nothing but zeros.
std::optional<TarHeader> ReadTarHeader(std::string_view block);

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_TAR_HEADER_H_
