#include "lib/formats/torch/scalar.h"

#include <array>

namespace tensorgate::torch::internal {
namespace {

using enum ScalarType;

// A float4_e2m1fn_x2 element is a byte with two numbers. Its shape counts bytes, while the shape of
// safetensors' F4 counts numbers, so there is no equal tensor. The types of 1 to 7 bits exist as
// names, but PyTorch stores no tensors of them.
constexpr std::array<ScalarInfo, kScalarTypeCount> kTypes = {{
    {kFloat64, "float64", "DoubleStorage", 8, true, true, DType::kF64},
    {kFloat32, "float32", "FloatStorage", 4, true, true, DType::kF32},
    {kFloat16, "float16", "HalfStorage", 2, true, true, DType::kF16},
    {kBFloat16, "bfloat16", "BFloat16Storage", 2, true, true, DType::kBF16},
    {kInt64, "int64", "LongStorage", 8, true, false, DType::kI64},
    {kInt32, "int32", "IntStorage", 4, true, false, DType::kI32},
    {kInt16, "int16", "ShortStorage", 2, true, false, DType::kI16},
    {kInt8, "int8", "CharStorage", 1, true, false, DType::kI8},
    {kUint8, "uint8", "ByteStorage", 1, true, false, DType::kU8},
    {kBool, "bool", "BoolStorage", 1, true, false, DType::kBool},
    {kComplex128, "complex128", "ComplexDoubleStorage", 16, true, true, std::nullopt},
    {kComplex64, "complex64", "ComplexFloatStorage", 8, true, true, DType::kC64},
    {kQInt8, "qint8", "QInt8Storage", 1, false, false, std::nullopt},
    {kQInt32, "qint32", "QInt32Storage", 4, false, false, std::nullopt},
    {kQUint8, "quint8", "QUInt8Storage", 1, false, false, std::nullopt},
    {kQUint4x2, "quint4x2", "QUInt4x2Storage", 1, false, false, std::nullopt},
    {kQUint2x4, "quint2x4", "QUInt2x4Storage", 1, false, false, std::nullopt},
    {kFloat8E5M2, "float8_e5m2", "", 1, true, true, DType::kF8E5M2},
    {kFloat8E4M3FN, "float8_e4m3fn", "", 1, true, true, DType::kF8E4M3},
    {kFloat8E5M2FNUZ, "float8_e5m2fnuz", "", 1, true, true, DType::kF8E5M2FNUZ},
    {kFloat8E4M3FNUZ, "float8_e4m3fnuz", "", 1, true, true, DType::kF8E4M3FNUZ},
    {kFloat8E8M0FNU, "float8_e8m0fnu", "", 1, true, true, DType::kF8E8M0},
    {kFloat4E2M1FNx2, "float4_e2m1fn_x2", "", 1, true, true, std::nullopt},
    {kBits8, "bits8", "", 1, true, false, std::nullopt},
    {kBits16, "bits16", "", 2, true, false, std::nullopt},
    {kBits1x8, "bits1x8", "", 1, true, false, std::nullopt},
    {kBits2x4, "bits2x4", "", 1, true, false, std::nullopt},
    {kBits4x2, "bits4x2", "", 1, true, false, std::nullopt},
    {kComplex32, "complex32", "", 4, true, true, std::nullopt},
    {kUint16, "uint16", "", 2, true, false, DType::kU16},
    {kUint32, "uint32", "", 4, true, false, DType::kU32},
    {kUint64, "uint64", "", 8, true, false, DType::kU64},
    {kUint1, "uint1", "", 1, false, false, std::nullopt},
    {kUint2, "uint2", "", 1, false, false, std::nullopt},
    {kUint3, "uint3", "", 1, false, false, std::nullopt},
    {kUint4, "uint4", "", 1, false, false, std::nullopt},
    {kUint5, "uint5", "", 1, false, false, std::nullopt},
    {kUint6, "uint6", "", 1, false, false, std::nullopt},
    {kUint7, "uint7", "", 1, false, false, std::nullopt},
    {kInt1, "int1", "", 1, false, false, std::nullopt},
    {kInt2, "int2", "", 1, false, false, std::nullopt},
    {kInt3, "int3", "", 1, false, false, std::nullopt},
    {kInt4, "int4", "", 1, false, false, std::nullopt},
    {kInt5, "int5", "", 1, false, false, std::nullopt},
    {kInt6, "int6", "", 1, false, false, std::nullopt},
    {kInt7, "int7", "", 1, false, false, std::nullopt},
}};

consteval bool IsOrdered() {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (static_cast<std::size_t>(kTypes[i].type) != i) return false;
  }
  return true;
}
static_assert(IsOrdered());

}  // namespace

std::span<const ScalarInfo> ScalarTypes() { return kTypes; }
const ScalarInfo& Info(ScalarType type) { return kTypes[static_cast<std::size_t>(type)]; }

}  // namespace tensorgate::torch::internal
