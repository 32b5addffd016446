// Puts other metadata into a safetensors file whose data stay as they are.
#ifndef TENSORGATE_WRITE_REPLACE_METADATA_H_
#define TENSORGATE_WRITE_REPLACE_METADATA_H_

#include <cstdint>
#include <optional>
#include <string>

#include "tensorgate/safetensors.h"
#include "tensorgate/save.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

/// Replaces `path` by a file with the tensors of `file`, which was opened from `source`, in the same
/// order, and with `metadata` (not set: none).
///
/// The header is never overwritten in place, even if the new one has the length of the old one: a
/// write of several bytes is not atomic, so that a crash, or a reader at that moment, could find
/// half of each. The new file appears in one step, as with Save. To avoid copying the data, they
/// keep their offset within a page, so that the kernel copies them, and shares their blocks if the
/// file system can. `options.metadata`, `order`, `alignment` and `max_shard_bytes` are ignored.
Result<void> ReplaceMetadata(const std::string& path, const safetensors::File& file, Source& source,
                             const std::optional<Metadata>& metadata,
                             const SaveOptions& options = {});

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_REPLACE_METADATA_H_
