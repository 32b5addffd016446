// The contents of an .npy header, verified as far as is possible without the data.
#ifndef TENSORGATE_FORMATS_NUMPY_HEADER_H_
#define TENSORGATE_FORMATS_NUMPY_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/rules/report_builder.h"
#include "tensorgate/dtype.h"

namespace tensorgate::numpy::internal {

inline constexpr std::string_view kMagic = "\x93NUMPY";
/// Magic, version, and a length of 2 or 4 bytes.
inline constexpr std::size_t kShortPrefix = 10, kLongPrefix = 12;
/// Maximum number of characters in a header: `max_header_size` of numpy.load. In UTF-8 a character
/// has up to four bytes.
inline constexpr std::uint64_t kMaxHeader = 10'000, kMaxHeaderBytes = 4 * kMaxHeader;

struct Version {
  std::uint8_t major = 0, minor = 0;
  bool known() const { return major >= 1 && major <= 3 && minor == 0; }
  std::size_t prefix() const { return major == 1 ? kShortPrefix : kLongPrefix; }
  bool utf8() const { return major == 3; }
};

struct Header {
  std::string descr;  ///< As written, for a string without its quotes.
  std::uint64_t element_bytes = 0;
  std::optional<DType> dtype;  ///< The equivalent safetensors dtype, if little-endian.
  bool column_major = false;   ///< `fortran_order`: the first index changes fastest.
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t data_offset = 0;
  std::uint64_t file_size = 0;
};

/// Reports the errors of the header's text and contents; `header` is complete unless an error was
/// added. Throws std::bad_alloc.
void ReadHeader(std::span<const std::byte> text, Version version, Header& header,
                ReportBuilder& builder);

/// Call this once file_size is known, too.
void CheckDataSize(const Header& header, ReportBuilder& builder);

}  // namespace tensorgate::numpy::internal

#endif  // TENSORGATE_FORMATS_NUMPY_HEADER_H_
