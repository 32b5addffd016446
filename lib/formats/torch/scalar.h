// PyTorch's element types: their names in checkpoints, and their properties.
#ifndef TENSORGATE_FORMATS_TORCH_SCALAR_H_
#define TENSORGATE_FORMATS_TORCH_SCALAR_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tensorgate/dtype.h"

namespace tensorgate::torch::internal {

/// In the order of the table in scalar.cc.
enum class ScalarType : std::uint8_t {
  kFloat64,
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUint8,
  kBool,
  kComplex128,
  kComplex64,
  kQInt8,
  kQInt32,
  kQUint8,
  kQUint4x2,
  kQUint2x4,
  kFloat8E5M2,
  kFloat8E4M3FN,
  kFloat8E5M2FNUZ,
  kFloat8E4M3FNUZ,
  kFloat8E8M0FNU,
  kFloat4E2M1FNx2,
  kBits8,
  kBits16,
  kBits1x8,
  kBits2x4,
  kBits4x2,
  kComplex32,
  kUint16,
  kUint32,
  kUint64,
  kUint1,
  kUint2,
  kUint3,
  kUint4,
  kUint5,
  kUint6,
  kUint7,
  kInt1,
  kInt2,
  kInt3,
  kInt4,
  kInt5,
  kInt6,
  kInt7,
};

struct ScalarInfo {
  ScalarType type;
  std::string_view name;     ///< "float32", a member of the module torch.
  std::string_view storage;  ///< "FloatStorage"; "" if the type is stored in an UntypedStorage.
  std::uint8_t bytes;  ///< Size of one element in a storage; a packed pair counts as one element.
  /// Tensors of it can be rebuilt: plain numbers of whole bytes, not quantized.
  bool tensors;
  bool gradients;              ///< They can require gradients.
  std::optional<DType> dtype;  ///< The equivalent safetensors dtype, if there is one.
};

inline constexpr int kScalarTypeCount = 46;

std::span<const ScalarInfo> ScalarTypes();
const ScalarInfo& Info(ScalarType type);

}  // namespace tensorgate::torch::internal

#endif  // TENSORGATE_FORMATS_TORCH_SCALAR_H_
