// NumPy's type strings, such as "<f4".
#ifndef TENSORGATE_FORMATS_NUMPY_TYPE_STRING_H_
#define TENSORGATE_FORMATS_NUMPY_TYPE_STRING_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "tensorgate/dtype.h"

namespace tensorgate::numpy::internal {

/// NumPy keeps the size of an element as a C int.
inline constexpr std::uint64_t kMaxElement = INT32_MAX;

struct TypeString {
  char kind = 0;               ///< 0: NumPy has no such type.
  std::uint64_t bytes = 0;     ///< Size of one element.
  std::optional<DType> dtype;  ///< The equivalent safetensors dtype, if there is one.
  bool plain = true;           ///< NumPy's own spelling.
};

/// True if the byte order has no meaning for the type.
inline bool HasOneOrder(const TypeString& type) {
  return type.bytes == 1 || type.kind == 'S' || type.kind == 'V';
}

TypeString ReadTypeString(std::string_view text);

}  // namespace tensorgate::numpy::internal

#endif  // TENSORGATE_FORMATS_NUMPY_TYPE_STRING_H_
