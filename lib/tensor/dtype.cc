#include "tensorgate/dtype.h"

#include <bit>
#include <numeric>
#include <span>

namespace tensorgate {
namespace {

struct DTypeInfo {
  std::string_view name;
  unsigned bits;
};

constexpr DTypeInfo kDTypes[kDTypeCount] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};

}  // namespace

unsigned Bits(DType dtype) { return std::span(kDTypes)[static_cast<std::size_t>(dtype)].bits; }

std::string_view Name(DType dtype) {
  return std::span(kDTypes)[static_cast<std::size_t>(dtype)].name;
}

std::optional<DType> FindDType(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (Name(dtype) == name) return dtype;
  }
  return std::nullopt;
}

ElementType::ElementType(DType from) : name(Name(from)), dtype(from) {
  const unsigned bits = Bits(from), whole = std::lcm(bits, 8u);
  block_elements = whole / bits;
  block_bytes = whole / 8;
}

std::uint32_t ElementType::alignment() const {
  return block_elements == 1 && std::has_single_bit(block_bytes) ? block_bytes : 1;
}

}  // namespace tensorgate
