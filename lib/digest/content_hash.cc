#include <algorithm>
#include <new>
#include <numeric>
#include <variant>

#include "lib/digest/sha256.h"
#include "tensorgate/buffer.h"
#include "tensorgate/digest.h"
#include "tensorgate/render.h"

namespace tensorgate {
namespace {

constexpr std::size_t kBlock = 1 << 20;

Result<void> AddSource(Sha256& hash, const SourceData& data, std::uint64_t length,
                       std::span<std::byte> block) {
  for (std::uint64_t done = 0; done < length;) {
    const auto part =
        block.first(static_cast<std::size_t>(std::min<std::uint64_t>(length - done, block.size())));
    TENSORGATE_TRY(ReadFully(*data.source, data.offset + done, part));
    hash.Add(part);
    done += part.size();
  }
  return {};
}

}  // namespace

std::string Sha256Hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return hash.Hex();
}

Result<std::string> HashSource(Source& source) {
  try {
    Buffer block = TENSORGATE_TRY(Buffer::Allocate(kBlock));
    Sha256 hash;
    TENSORGATE_TRY(AddSource(hash, {&source, 0}, source.size(), block.bytes()));
    TENSORGATE_TRY(source.CheckUnchanged());
    return hash.Hex();
  } catch (const std::bad_alloc&) {
    return std::unexpected(Status{.rule = Rule::kIoOutOfMemory});
  }
}

std::string HashLine(const TensorData& tensor, const std::string& sha256) {
  std::string line = sha256 + ' ';
  line.append(Name(tensor.dtype)) += " [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i != 0) line += ',';
    line += std::to_string(tensor.shape[i]);
  }
  return line + "] " + QuoteJson(tensor.name);
}

std::vector<std::uint32_t> SortedByName(std::span<const TensorData> tensors) {
  std::vector<std::uint32_t> sorted(tensors.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::ranges::sort(sorted, {}, [&](std::uint32_t i) { return std::string_view(tensors[i].name); });
  return sorted;
}

namespace {

Result<void> AddTensor(Sha256& hash, const TensorData& tensor, std::size_t number,
                       std::span<std::byte> block) {
  if (const auto* memory = std::get_if<std::span<const std::byte>>(&tensor.data)) {
    hash.Add(*memory);
    return {};
  }
  const auto* source = std::get_if<SourceData>(&tensor.data);
  if (source == nullptr) {
    return std::unexpected(Status{.rule = Rule::kSaveMisuse, .found = number});
  }
  const std::uint64_t bytes = TENSORGATE_TRY(DataBytes(tensor));
  return AddSource(hash, *source, bytes, block);
}

Result<ContentHash> Hash(std::span<const TensorData> tensors) {
  ContentHash hashes;
  Buffer block = TENSORGATE_TRY(Buffer::Allocate(kBlock));
  Sha256 hash;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    TENSORGATE_TRY(AddTensor(hash, tensors[i], i, block.bytes()));
    hashes.tensors.push_back(hash.Hex());
  }
  for (const std::uint32_t i : SortedByName(tensors)) {
    const std::string line = HashLine(tensors[i], hashes.tensors[i]) + '\n';
    hash.Add(std::as_bytes(std::span(line)));
  }
  hashes.content = hash.Hex();
  return hashes;
}

}  // namespace

Result<ContentHash> HashContent(std::span<const TensorData> tensors) {
  try {
    return Hash(tensors);
  } catch (const std::bad_alloc&) {
    return std::unexpected(Status{.rule = Rule::kIoOutOfMemory});
  }
}

}  // namespace tensorgate
