// The calls that create plain values. Their arguments must be what writers write.
#ifndef TENSORGATE_FORMATS_TORCH_PLAIN_CALLS_H_
#define TENSORGATE_FORMATS_TORCH_PLAIN_CALLS_H_

#include <optional>
#include <span>
#include <string>

#include "lib/containers/pickle/machine.h"
#include "lib/formats/torch/globals.h"

namespace tensorgate::torch::internal {

/// A call of one of the roles from kOrderedDict to kGetLayout. Returns std::nullopt if a rule was
/// reported.
std::optional<pickle::Value> CallPlain(pickle::Machine& machine, const GlobalInfo& info,
                                       std::span<const pickle::Value> arguments);

/// Checks the dict of a tensor's conjugate and negative bits. PyTorch sets a bit whatever the key's
/// value is. Returns false, after reporting a rule, if the dict is not empty.
bool CheckTensorMetadata(pickle::Machine& machine, const pickle::Value& metadata);

/// Reports `torch/call-arguments`; always returns std::nullopt.
std::optional<pickle::Value> BadCall(pickle::Machine& machine, std::string subject,
                                     std::uint64_t found);
std::optional<pickle::Value> BadCount(pickle::Machine& machine, std::size_t count);
std::optional<pickle::Value> BadArgument(pickle::Machine& machine,
                                         std::span<const pickle::Value> arguments,
                                         std::size_t index);

/// The name of a layout by its number (Value::bits of Kind::kLayout): "torch.strided"; and of a
/// qscheme: "torch.per_tensor_affine".
std::string_view LayoutName(std::uint64_t number);
std::string_view QschemeName(std::uint64_t number);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_PLAIN_CALLS_H_
