// The calls that make plain values: each with what its arguments may be, which is what writers write.
#ifndef TENSORGATE_FORMATS_TORCH_PLAIN_CALLS_H_
#define TENSORGATE_FORMATS_TORCH_PLAIN_CALLS_H_

#include <optional>
#include <span>
#include <string>

#include "lib/containers/pickle/machine.h"
#include "lib/formats/torch/globals.h"

namespace tensorgate::torch::internal {

/// Of one of the roles from kOrderedDict to kGetLayout. Nothing: a rule was told.
std::optional<pickle::Value> CallPlain(pickle::Machine& machine, const GlobalInfo& info,
                                       std::span<const pickle::Value> arguments);

/// The dict of a tensor's bits: conjugated, negated. Whatever value a key has, PyTorch sets its bit. False: it is not
/// empty, and a rule was told.
bool CheckTensorMetadata(pickle::Machine& machine, const pickle::Value& metadata);

/// `torch/call-arguments` is told; always nothing.
std::optional<pickle::Value> BadCall(pickle::Machine& machine, std::string subject,
                                     std::uint64_t found);
std::optional<pickle::Value> BadCount(pickle::Machine& machine, std::size_t count);
std::optional<pickle::Value> BadArgument(pickle::Machine& machine,
                                         std::span<const pickle::Value> arguments,
                                         std::size_t index);

/// A layout by its number (Value::bits of Kind::kLayout): "torch.strided". A qscheme: "torch.per_tensor_affine".
std::string_view LayoutName(std::uint64_t number);
std::string_view QschemeName(std::uint64_t number);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_PLAIN_CALLS_H_
