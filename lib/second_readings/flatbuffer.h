// Recognizes PyTorch's mobile modules.
#ifndef TENSORGATE_SECOND_READINGS_FLATBUFFER_H_
#define TENSORGATE_SECOND_READINGS_FLATBUFFER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/bytes.h"

namespace tensorgate::internal {

/// Offset of the magic bytes of such a module.
inline constexpr std::size_t kTorchFlatbufferMark = 4;

/// True if torch.jit.load takes the file for a module: it has the magic bytes, and a root table
/// inside the file of `size` bytes.
inline bool IsTorchFlatbuffer(std::string_view head, std::uint64_t size) {
  return head.substr(std::min(head.size(), kTorchFlatbufferMark)).starts_with("PTMF") &&
         LoadLittleEndian<std::uint32_t>(head) < size;
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_FLATBUFFER_H_
