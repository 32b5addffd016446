// Functions and classes beyond the closed table whose effect on their arguments is known, for a
// machine that follows foreign values (lib/containers/pickle/foreign.h). Nothing here makes a file
// accepted.
//
//   if (const auto place = torch::internal::FindOpen(module, name)) …  // a number of OpenNames()
#ifndef TENSORGATE_FORMATS_TORCH_OPEN_CALLS_H_
#define TENSORGATE_FORMATS_TORCH_OPEN_CALLS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/containers/pickle/machine.h"

namespace tensorgate::torch::internal {

enum class OpenRole : std::uint8_t {
  kGetAttribute,   // an object, the name of an attribute
  kGetItem,        // a class of typing, its parameters: typing.Dict[str, int]
  kReconstructor,  // a class, object, None: how protocols 0 and 1 create an object
  kObject,         // an argument of it; never called
  kType,           // a class of Python's own in C, which nothing can change; never called
  kDefaultDict,    // [a function that is called later, or None]
  kSequence,       // deque: [a list]; the result has no positions
  kSet,            // frozenset: [a list]
  kNamespace,      // nothing: an object whose state becomes its attributes
  kKeep,           // anything: it is kept, and not looked into
  kPlain,          // plain values
  kNumpy,          // plain values, names of NumPy, and what such calls return
};

struct OpenName {
  std::string_view module, name;
  OpenRole role;
};

std::span<const OpenName> OpenNames();
/// The numbers of the policy: those of the closed table, then NumPy's, then these.
std::size_t FirstNumpy();
std::size_t FirstOpen();
/// True for the number of a class that nothing can change.
bool IsFixedType(std::uint64_t number);
/// The index in OpenNames().
std::optional<std::size_t> FindOpen(std::string_view module, std::string_view name);

/// The result of a call; std::nullopt, after reporting `torch/call-arguments`, if the arguments
/// are not known to be left as they are. `is_object`: the second argument is the class object.
std::optional<pickle::Value> CallOpenName(pickle::Machine& machine, OpenRole role,
                                          const pickle::Value& function,
                                          const pickle::Value& arguments, bool is_object);

/// True if setting these attributes leaves a tensor's data as they are: `state` is None or a
/// mapping of texts to plain values, without the names that torch.Tensor gives a meaning.
bool IsHarmlessState(const pickle::Values& values, const pickle::Value& state);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_OPEN_CALLS_H_
