// Saves to memory.
#include <cstdint>
#include <utility>

#include "lib/base/guarded.h"
#include "lib/write/save_checks.h"
#include "lib/write/write.h"
#include "tensorgate/save.h"

namespace tensorgate {

using internal::FileLayout;
using internal::Guarded;
using internal::Refuse;

namespace {

struct Serialized {
  FileLayout layout;
  std::vector<std::uint64_t> bytes;
};

Result<Serialized> LayOutMemory(std::span<const TensorData> tensors, const SaveOptions& options) {
  TENSORGATE_TRY(internal::CheckSaveOptions(options));
  Serialized serialized;
  std::vector<internal::TensorSpec> specs;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::uint64_t size = TENSORGATE_TRY(internal::CheckedSize(tensors[i], i));
    if (std::holds_alternative<PushedData>(tensors[i].data)) return Refuse(Rule::kSaveMisuse, i);
    serialized.bytes.push_back(size);
    specs.push_back(internal::SpecOf(tensors[i]));
  }
  TENSORGATE_TRY(safetensors::internal::SortNames(specs));
  serialized.layout = TENSORGATE_TRY(internal::LayOutFile(specs, options));
  return serialized;
}

Result<void> WriteMemory(const Serialized& serialized, std::span<const TensorData> tensors,
                         std::span<std::byte> into, const SaveOptions& options) {
  const FileLayout& layout = serialized.layout;
  std::vector<internal::WritePiece> pieces;
  pieces.reserve(tensors.size());
  for (const std::uint32_t i : layout.order)
    pieces.push_back({&tensors[i], serialized.bytes[i], i});
  internal::MemorySink sink(into);
  internal::Meter meter(options, layout.file_bytes - layout.head.size());
  TENSORGATE_TRY(internal::WriteFile(layout.head, pieces, sink, meter));
  MemorySource file(into);
  TENSORGATE_TRY(internal::CheckOneReading(file));
  return internal::CheckSources(tensors);
}

}  // namespace

Result<std::uint64_t> SerializedSize(std::span<const TensorData> tensors,
                                     const SaveOptions& options) {
  return Guarded([&]() -> Result<std::uint64_t> {
    const Serialized serialized = TENSORGATE_TRY(LayOutMemory(tensors, options));
    return serialized.layout.file_bytes;
  });
}

Result<void> SerializeInto(std::span<const TensorData> tensors, std::span<std::byte> into,
                           const SaveOptions& options) {
  return Guarded([&]() -> Result<void> {
    const Serialized serialized = TENSORGATE_TRY(LayOutMemory(tensors, options));
    if (into.size() != serialized.layout.file_bytes) return Refuse(Rule::kSaveWrongSize);
    return WriteMemory(serialized, tensors, into, options);
  });
}

Result<std::vector<std::byte>> Serialize(std::span<const TensorData> tensors,
                                         const SaveOptions& options) {
  return Guarded([&]() -> Result<std::vector<std::byte>> {
    const Serialized serialized = TENSORGATE_TRY(LayOutMemory(tensors, options));
    // On 32-bit systems a file may be larger than the address space.
    if (serialized.layout.file_bytes > PTRDIFF_MAX) return Refuse(Rule::kIoOutOfMemory);
    std::vector<std::byte> file(static_cast<std::size_t>(serialized.layout.file_bytes));
    TENSORGATE_TRY(WriteMemory(serialized, tensors, file, options));
    return file;
  });
}

}  // namespace tensorgate
