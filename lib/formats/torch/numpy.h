// NumPy's dtypes, scalars and arrays, decoded by a closed schema: numbers of whole bytes in an explicit order, sizes that
// agree exactly. For files whose list of trust has the line `numpy`; PyTorch's restricted unpickler refuses the names.
//
//   const auto name = torch::internal::FindNumpy("numpy.core.multiarray", "scalar");
//   if (name) made = torch::internal::CallNumpy(machine, torch::internal::NumpyNames()[*name].role, arguments);
//
// As names of a user's list they cannot be trusted: the state of a dtype says which of an array's bytes are pointers, and
// NumPy follows them.
#ifndef TENSORGATE_FORMATS_TORCH_NUMPY_H_
#define TENSORGATE_FORMATS_TORCH_NUMPY_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/containers/pickle/machine.h"

namespace tensorgate::torch::internal {

enum class NumpyRole : std::uint8_t {
  kDtype,        // name, False, True; then BUILD
  kScalar,       // dtype, bytes
  kReconstruct,  // ndarray, (0,), b"b"; then BUILD
  kNdarray,      // never called
  kBytes,        // nothing: so Python spells the bytes of an empty array
};

struct NumpyName {
  std::string_view module, name;
  NumpyRole role;
};

/// As NumPy 1 and 2 write them.
std::span<const NumpyName> NumpyNames();
/// The place in NumpyNames().
std::optional<std::size_t> FindNumpy(std::string_view module, std::string_view name);
/// What takes memory as its caller describes it, under whatever module of NumPy.
bool TakesRawMemory(std::string_view module, std::string_view name);

/// A value, or nothing and a rule was told. `is_ndarray` knows the class among the arguments.
std::optional<pickle::Value> CallNumpy(pickle::Machine& machine, NumpyRole role,
                                       std::span<const pickle::Value> arguments, bool is_ndarray);
/// BUILD; false: a rule was told.
bool BuildNumpy(pickle::Machine& machine, const pickle::Value& target, const pickle::Value& state);
/// It got its state. Of dtypes and arrays.
bool IsBuilt(const pickle::Values& values, const pickle::Value& value);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_NUMPY_H_
