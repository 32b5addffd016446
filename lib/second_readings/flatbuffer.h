// PyTorch's mobile modules.
#ifndef TENSORGATE_SECOND_READINGS_FLATBUFFER_H_
#define TENSORGATE_SECOND_READINGS_FLATBUFFER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/bytes.h"

namespace tensorgate::internal {

/// Where the mark of such a module is.
inline constexpr std::size_t kTorchFlatbufferMark = 4;

/// torch.jit.load takes it for a module: its mark, and a root table that is in the file of `size` bytes.
inline bool IsTorchFlatbuffer(std::string_view head, std::uint64_t size) {
  return head.substr(std::min(head.size(), kTorchFlatbufferMark)).starts_with("PTMF") &&
         LoadLittleEndian<std::uint32_t>(head) < size;
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_FLATBUFFER_H_
