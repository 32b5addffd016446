// NumPy's dtypes, scalars and arrays, decoded by a closed schema: numbers of whole bytes in an
// explicit byte order, with sizes that agree exactly. For files checked with a trust list that has
// the line `numpy`; PyTorch's restricted unpickler refuses these names.
//
//   const auto name = torch::internal::FindNumpy("numpy.core.multiarray", "scalar");
//   if (name) made = torch::internal::CallNumpy(machine, torch::internal::NumpyNames()[*name].role, arguments);
//
// They cannot be entries of a user's list: the state of a dtype says which bytes of an array are
// pointers, and NumPy follows them.
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
  kBytes,        // nothing: how Python pickles the bytes of an empty array
};

struct NumpyName {
  std::string_view module, name;
  NumpyRole role;
};

/// As written by NumPy 1 and 2.
std::span<const NumpyName> NumpyNames();
/// The index in NumpyNames().
std::optional<std::size_t> FindNumpy(std::string_view module, std::string_view name);
/// True for functions that take memory as their caller describes it, in any module of NumPy.
bool TakesRawMemory(std::string_view module, std::string_view name);

/// Returns a value, or std::nullopt if a rule was reported. `is_ndarray`: one of the arguments is
/// the class ndarray.
std::optional<pickle::Value> CallNumpy(pickle::Machine& machine, NumpyRole role,
                                       std::span<const pickle::Value> arguments, bool is_ndarray);
/// BUILD. Returns false if a rule was reported.
bool BuildNumpy(pickle::Machine& machine, const pickle::Value& target, const pickle::Value& state);
/// True if a dtype or array has received its state.
bool IsBuilt(const pickle::Values& values, const pickle::Value& value);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_NUMPY_H_
