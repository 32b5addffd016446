#include "lib/checkpoint/to_save.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "lib/base/checked.h"
#include "lib/checkpoint/checkpoint_data.h"
#include "lib/formats/safetensors/examination.h"

namespace tensorgate::internal {
namespace {

using safetensors::internal::Header;

// The entries whose name does not stand again further on, in their order.
template <typename NameAt>
std::vector<std::uint32_t> LastOfEachName(std::size_t count, const NameAt& at) {
  std::vector<std::uint32_t> entries(count);
  std::iota(entries.begin(), entries.end(), 0u);
  std::ranges::sort(entries, [&](std::uint32_t a, std::uint32_t b) {
    const int order = at(a).compare(at(b));
    return order != 0 ? order < 0 : a > b;
  });
  const auto repeated = std::ranges::unique(
      entries, [&](std::uint32_t a, std::uint32_t b) { return at(a) == at(b); });
  entries.erase(repeated.begin(), repeated.end());
  std::ranges::sort(entries);
  return entries;
}

TensorData TensorOf(const Header& header, std::uint32_t index, Source& source) {
  const auto& record = header.tensors.span()[index];
  TensorData tensor;
  tensor.name = header.NameOf(record);
  tensor.dtype = record.dtype();
  auto dimensions = header.Dimensions(record);
  for (std::uint64_t dimension; dimensions.Next(dimension);) tensor.shape.push_back(dimension);
  tensor.data = SourceData{&source, header.data_offset() + header.BeginOf(index)};
  return tensor;
}

}  // namespace

Result<ToSave> ToSaveOf(const Checkpoint& checkpoint) {
  const CheckpointData& data = CheckpointData::Of(checkpoint);
  ToSave contents;
  std::uint64_t all = 0;
  std::vector<TensorRef> strided;
  std::vector<std::size_t> which;  // of the tensors
  contents.tensors.reserve(checkpoint.size());
  for (std::size_t i = 0; i < checkpoint.size(); ++i) {
    Result<TensorRef> tensor = checkpoint.tensor(i);
    if (!tensor) return std::unexpected(tensor.error());
    all = SaturatingAdd(all, tensor->bytes());
    TensorData made{
        .name = std::string(tensor->name), .dtype = tensor->dtype, .shape = tensor->shape};
    if (tensor->stride.empty()) {
      made.data = SourceData{checkpoint.part(tensor->part).source, tensor->range.offset};
    } else {
      which.push_back(i);
      strided.push_back(*std::move(tensor));
    }
    contents.tensors.push_back(std::move(made));
  }
  const Result<void> fits = data.CheckRepeats(all, {});
  if (!fits) return std::unexpected(fits.error());
  contents.views.emplace(data, std::move(strided));
  for (std::size_t i = 0; i < which.size(); ++i) {
    contents.tensors[which[i]].data = contents.views->places()[i];
  }
  for (const PartData& from : data.parts) {
    ToSave::Part& part = contents.parts.emplace_back();
    part.tensors = from.tensors->size();
    for (std::size_t i = 0; from.file != nullptr && i < from.file->metadata_size(); ++i) {
      const safetensors::MetadataEntry entry = from.file->metadata(i);
      part.metadata.emplace_back(entry.key, entry.value);
    }
  }
  return contents;
}

std::expected<ToSave, Report> ToSaveAsReference(Source& source, const CheckOptions& options) {
  std::unique_ptr<const Header> read;
  Report report = safetensors::internal::ReadAsReference(source, options, read);
  if (!read) return std::unexpected(std::move(report));
  const Header& header = *read;
  ToSave contents;
  const auto tensors = LastOfEachName(header.tensors.size(), [&](std::uint32_t i) {
    return header.NameOf(header.tensors.span()[i]);
  });
  for (const std::uint32_t i : tensors) contents.tensors.push_back(TensorOf(header, i, source));
  // In the order of their data, so that what is not moved is copied in one go.
  std::ranges::sort(contents.tensors, {}, [](const TensorData& tensor) {
    return std::pair(std::get<SourceData>(tensor.data).offset, std::string_view(tensor.name));
  });
  ToSave::Part& part = contents.parts.emplace_back();
  part.tensors = contents.tensors.size();
  const auto entries = LastOfEachName(header.metadata.size(), [&](std::uint32_t i) {
    return header.TextAt(header.metadata.span()[i].key);
  });
  for (const std::uint32_t i : entries) {
    const auto& entry = header.metadata.span()[i];
    part.metadata.emplace_back(header.TextAt(entry.key), header.TextAt(entry.value));
  }
  return contents;
}

}  // namespace tensorgate::internal
