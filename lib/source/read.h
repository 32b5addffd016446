// Reads that end if the check must.
#ifndef TENSORGATE_SOURCE_READ_H_
#define TENSORGATE_SOURCE_READ_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/base/interrupt.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

/// As tensorgate::ReadFully, but checks `interrupt` before each read; if it ends, its rule is the
/// status.
Result<void> ReadFully(Source& source, std::uint64_t offset, std::span<std::byte> into,
                       Interrupt& interrupt);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_READ_H_
