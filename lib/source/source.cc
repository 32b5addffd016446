// Sources that need no system calls; file.cc has the one that does.
#include "tensorgate/source.h"

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/source/read.h"

namespace tensorgate {

Result<void> ReadFully(Source& source, std::uint64_t offset, std::span<std::byte> into) {
  internal::Interrupt never;
  return internal::ReadFully(source, offset, into, never);
}

Result<void> internal::ReadFully(Source& source, std::uint64_t offset, std::span<std::byte> into,
                                 Interrupt& interrupt) {
  while (!into.empty()) {
    if (const std::optional<Rule> rule = interrupt.Ended()) {
      return std::unexpected(Status{.rule = *rule, .offset = offset});
    }
    const std::size_t count = TENSORGATE_TRY(source.Read(offset, into));
    if (count == 0) {
      return std::unexpected(Status{.rule = Rule::kIoShortRead, .offset = offset, .found = offset});
    }
    // A callback that claims to have written more than it was asked for has violated its contract.
    if (count > into.size()) {
      return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
    }
    offset += count;
    into = into.subspan(count);
  }
  return {};
}

Result<std::size_t> MemorySource::Read(std::uint64_t offset, std::span<std::byte> into) {
  if (offset >= bytes_.size()) return 0;
  return internal::CopyBytes(bytes_.subspan(static_cast<std::size_t>(offset)), into);
}

Result<std::size_t> CallbackSource::Read(std::uint64_t offset, std::span<std::byte> into) {
  if (!read_) return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
  return read_(offset, into);
}

}  // namespace tensorgate
