#include "lib/digest/content_hash.h"

#include <algorithm>
#include <numeric>
#include <variant>

#include "lib/base/bytes.h"
#include "lib/digest/sha256.h"
#include "lib/json/writer.h"
#include "lib/write/file_layout.h"
#include "tensorgate/buffer.h"

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

std::string HashLine(const TensorData& tensor, const std::string& sha256) {
  std::string line = sha256 + ' ';
  line.append(Name(tensor.dtype)) += " [";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i != 0) line += ',';
    line += std::to_string(tensor.shape[i]);
  }
  line += "] ";
  internal::AppendAsciiJsonString(line, tensor.name);
  return line;
}

std::vector<std::uint32_t> SortedByName(std::span<const TensorData> tensors) {
  std::vector<std::uint32_t> sorted(tensors.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::ranges::sort(sorted, {}, [&](std::uint32_t i) { return std::string_view(tensors[i].name); });
  return sorted;
}

Result<ContentHash> HashContent(std::span<const TensorData> tensors) {
  ContentHash hashes;
  Buffer block = TENSORGATE_TRY(Buffer::Allocate(kBlock));
  Sha256 hash;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorData& tensor = tensors[i];
    Result<void> added;
    if (const auto* memory = std::get_if<std::span<const std::byte>>(&tensor.data)) {
      hash.Add(*memory);
    } else if (const auto* source = std::get_if<SourceData>(&tensor.data)) {
      const Result<std::uint64_t> bytes =
          safetensors::internal::TensorBytes(tensor.dtype, tensor.shape);
      added = bytes ? AddSource(hash, *source, *bytes, block.bytes())
                    : Result<void>(std::unexpected(bytes.error()));
    } else {
      added = std::unexpected(Status{.rule = Rule::kSaveMisuse, .found = i});
    }
    if (!added) return std::unexpected(added.error());
    hashes.tensors.push_back(hash.Hex());
  }
  for (const std::uint32_t i : SortedByName(tensors)) {
    hash.Add(internal::AsBytes(HashLine(tensors[i], hashes.tensors[i]) + '\n'));
  }
  hashes.content = hash.Hex();
  return hashes;
}

}  // namespace tensorgate
