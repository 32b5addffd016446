// `descr` of an .npy header: what NumPy makes an element type of.
#ifndef TENSORGATE_FORMATS_NUMPY_DESCR_H_
#define TENSORGATE_FORMATS_NUMPY_DESCR_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/formats/numpy/literal.h"
#include "tensorgate/dtype.h"

namespace tensorgate::numpy::internal {

/// The first value of `descr` that has some property.
using Place = std::optional<std::uint32_t>;

struct Descr {
  std::uint64_t bytes = 0;     ///< Of one element.
  std::optional<DType> dtype;  ///< The same numbers under safetensors' names, if it has them.

  // Where NumPy refuses it.
  Place object;     ///< A Python object: the data would be a pickle.
  Place unknown;    ///< Not an element type.
  Place duplicate;  ///< A field has the name or title of one before.

  // Where NumPy reads it.
  Place alias;    ///< Not as NumPy writes it, so that its meaning may be the machine's.
  Place machine;  ///< `long double`: another format on another machine.
  Place big_endian;

  bool refused() const { return object || unknown || duplicate; }
};

/// Throws std::bad_alloc.
Descr ReadDescr(const Literal& literal, const Value& descr);

}  // namespace tensorgate::numpy::internal

#endif  // TENSORGATE_FORMATS_NUMPY_DESCR_H_
