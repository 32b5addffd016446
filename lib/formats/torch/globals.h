// The closed table of names that a checkpoint may use: exactly these pairs of module and name, and
// for each of them the arguments that a call must have, or the rule that refuses it.
#ifndef TENSORGATE_FORMATS_TORCH_GLOBALS_H_
#define TENSORGATE_FORMATS_TORCH_GLOBALS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/formats/torch/scalar.h"
#include "tensorgate/rules.h"

namespace tensorgate::torch::internal {

enum class Role : std::uint8_t {
  kRebuildTensor,              // storage, offset, size, stride
  kRebuildTensorV2,            // … requires_grad, backward_hooks, [metadata]
  kRebuildTensorV3,            // … requires_grad, backward_hooks, dtype, [metadata]
  kRebuildParameter,           // tensor, requires_grad, backward_hooks
  kRebuildParameterWithState,  // … state
  kOrderedDict,                // nothing, or a list of pairs
  kCounter,                    // nothing, or a dict
  kSet,                        // nothing, or a list
  kByteArray,                  // nothing, bytes, or text and "latin-1"
  kComplex,                    // real, imaginary
  kEncode,                     // text, "latin1"
  kSize,                       // a tuple of sizes
  kDevice,                     // type, [index]
  kGetLayout,                  // name
  kDtype,                      // a value; `detail` is its ScalarType
  kQscheme,                    // a value
  kStorage,                    // names a storage's type, never called; `detail` is its ScalarType
  kUntypedStorage,
  kRefused,  // PyTorch calls it; `rule` says why tensorgate does not
};

struct GlobalInfo {
  std::string_view module, name;
  Role role;
  std::uint8_t detail = 0;
  Rule rule = Rule::kTorchCallArguments;  // the reason why a call or use is refused
};

/// The table; a global's number is its index.
std::span<const GlobalInfo> Globals();

struct FoundGlobal {
  std::uint16_t index;
  /// PyTorch's unpickler accepts this pair for that global, but no writer uses it.
  bool alias;
};
std::optional<FoundGlobal> FindGlobal(std::string_view module, std::string_view name);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_GLOBALS_H_
