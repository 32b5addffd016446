// The `descr` of an .npy header, from which NumPy creates an element type.
#ifndef TENSORGATE_FORMATS_NUMPY_DESCR_H_
#define TENSORGATE_FORMATS_NUMPY_DESCR_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/formats/numpy/literal.h"
#include "tensorgate/dtype.h"

namespace tensorgate::numpy::internal {

/// The offset of the first value of `descr` with some property.
using Place = std::optional<std::uint32_t>;

struct Descr {
  std::uint64_t bytes = 0;     ///< Size of one element.
  std::optional<DType> dtype;  ///< The equivalent safetensors dtype, if there is one.

  // Set if NumPy refuses it.
  Place object;     ///< A Python object: the data would be a pickle.
  Place unknown;    ///< Not an element type.
  Place duplicate;  ///< A field has the same name or title as an earlier one.

  // Set if NumPy reads it, but not everywhere in the same way.
  Place alias;    ///< Not NumPy's own spelling, so its meaning may depend on the machine.
  Place machine;  ///< `long double`: its format depends on the machine.
  Place big_endian;

  bool refused() const { return object || unknown || duplicate; }
};

/// Throws std::bad_alloc.
Descr ReadDescr(const Literal& literal, const Value& descr);

}  // namespace tensorgate::numpy::internal

#endif  // TENSORGATE_FORMATS_NUMPY_DESCR_H_
