// Builds safetensors files in memory for tests.
#ifndef TENSORGATE_TESTS_LIB_FORMATS_SAFETENSORS_BUILD_H_
#define TENSORGATE_TESTS_LIB_FORMATS_SAFETENSORS_BUILD_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tensorgate::testing {

/// The eight length bytes, the given header, and `data_size` zero bytes.
inline std::string BuildFile(std::string_view header, std::size_t data_size = 0) {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) {
    file.push_back(static_cast<char>(std::uint64_t{header.size()} >> shift));
  }
  return file.append(header).append(data_size, '\0');
}

inline std::string TensorEntry(std::string_view name, std::string_view dtype,
                               std::string_view shape, std::uint64_t begin, std::uint64_t end) {
  return "\"" + std::string(name) + "\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":[" +
         std::string(shape) + "],\"data_offsets\":[" + std::to_string(begin) + "," +
         std::to_string(end) + "]}";
}

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// Three tensors and metadata; small enough to be damaged at every byte.
inline std::string SmallFile() {
  return BuildFile("{\"__metadata__\":{\"k\":\"v\"}," + TensorEntry("a", "F32", "2,2", 0, 16) +
                       "," + TensorEntry("b\\u00e9", "F4", "3,2", 16, 19) + "," +
                       TensorEntry("c", "U8", "", 19, 20) + "}   ",
                   20);
}

}  // namespace tensorgate::testing

#endif  // TENSORGATE_TESTS_LIB_FORMATS_SAFETENSORS_BUILD_H_
