// The element types of tensors.
//
//   std::optional<tensorgate::DType> dtype = tensorgate::FindDType("BF16");
//   if (dtype) std::printf("%u bits\n", tensorgate::Bits(*dtype));  // 16
//
// The 22 of the safetensors format 0.8.0, in the order in which it declares them. Elements are
// little-endian, in C order; a dtype of fewer than 8 bits is packed, lowest bits first.
#ifndef TENSORGATE_DTYPE_H_
#define TENSORGATE_DTYPE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "tensorgate/export.h"

namespace tensorgate {

enum class DType : std::uint8_t {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3FNUZ,
  kF8E5M2FNUZ,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

inline constexpr int kDTypeCount = 22;

/// Bits of one element: 4, 6, 8, 16, 32 or 64.
TENSORGATE_API unsigned Bits(DType dtype);
/// As spelled in the format: "F8_E4M3".
TENSORGATE_API std::string_view Name(DType dtype);
/// Finds a dtype by the format's spelling, which is case-sensitive.
TENSORGATE_API std::optional<DType> FindDType(std::string_view name);

/// The type of a tensor's elements: a dtype, or a type that only one format has, such as GGUF's
/// blocks of quantized numbers. Elements are stored in blocks: 1 element in 4 bytes (F32), 2 in 1
/// (F4), 256 in 144 (Q4_K).
struct TENSORGATE_API ElementType {
  constexpr ElementType() = default;
  ElementType(DType from);  // NOLINT: a dtype is an element type
  /// `name` must outlive everything that has this type: a literal, or text in the file.
  constexpr ElementType(std::string_view type, std::uint32_t elements, std::uint32_t bytes)
      : name(type), block_elements(elements), block_bytes(bytes) {}

  std::string_view name = "none";    ///< "F32", "Q4_K"
  std::uint32_t block_elements = 1;  ///< At least 1.
  std::uint32_t block_bytes = 1;
  /// Not set: the bytes can be read, but arrays have no such element type.
  std::optional<DType> dtype = {};

  /// Alignment of the elements in memory, a power of two: the bytes of one element, or 1 if an
  /// element does not have a whole number of bytes.
  std::uint32_t alignment() const;
  friend bool operator==(const ElementType&, const ElementType&) = default;
};

}  // namespace tensorgate

#endif  // TENSORGATE_DTYPE_H_
