// Mapping a file.
#include "lib/base/guarded.h"
#include "lib/checkpoint/transfer.h"
#include "tensorgate/mapping.h"

namespace tensorgate {

Result<Mapping> Checkpoint::Map(std::size_t part, const MapOptions& options) const {
  return internal::Guarded([&]() -> Result<Mapping> {
    if (part >= part_count()) {
      return std::unexpected(Status{.rule = Rule::kUseNoSuchTensor, .found = part});
    }
    const internal::PartData& data = data_->parts[part];
    const std::span<const std::byte> memory = data.source->memory();
    if (!memory.empty() && !options.writable) return Mapping::OfMemory(memory);
    const int descriptor = data.source->descriptor();
    if (descriptor < 0) return std::unexpected(Status{.rule = Rule::kUseNotMappable});
    Result<Mapping> mapping = Mapping::MapFile(descriptor, data.source->size(), options);
    if (!mapping) return mapping;
    TENSORGATE_TRY(data.CheckUnchanged());
    return mapping;
  });
}

}  // namespace tensorgate
