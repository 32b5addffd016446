#include "lib/checkpoint/to_save.h"

#include <memory>
#include <string>
#include <utility>

#include "lib/base/checked.h"
#include "lib/checkpoint/checkpoint_data.h"

namespace tensorgate::internal {
namespace {

// Only entries with text values: the formats that can be written have no others.
Metadata MetadataOf(const ModelFile& file) {
  Metadata metadata;
  for (std::size_t i = 0; i < file.metadata_count(); ++i) {
    const MetadataEntry entry = file.metadata(i);
    if (const auto* text = std::get_if<std::string_view>(&entry.value)) {
      metadata.emplace_back(entry.key, *text);
    }
  }
  return metadata;
}

std::unexpected<Status> NoDType(std::size_t index) {
  return std::unexpected(Status{.rule = Rule::kUseNoDtype, .found = index});
}

}  // namespace

Result<ToSave> ToSaveOf(const Checkpoint& checkpoint) {
  const CheckpointData& data = CheckpointData::Of(checkpoint);
  ToSave contents;
  std::uint64_t all = 0;
  std::vector<TensorRef> strided;
  std::vector<std::size_t> which;  // their indices among all tensors
  contents.tensors.reserve(checkpoint.tensor_count());
  for (TensorRef tensor : checkpoint.tensors()) {
    all = SaturatingAdd(all, tensor.bytes());
    if (!tensor.type.dtype) return NoDType(contents.tensors.size());
    TensorData made{
        .name = std::string(tensor.name), .dtype = *tensor.type.dtype, .shape = tensor.shape};
    if (tensor.stride.empty()) {
      made.data = SourceData{checkpoint.part(tensor.part).source, tensor.range.offset};
    } else {
      which.push_back(contents.tensors.size());
      strided.push_back(std::move(tensor));
    }
    contents.tensors.push_back(std::move(made));
  }
  TENSORGATE_TRY(data.CheckRepeats(all, {}));
  contents.views.emplace(data, std::move(strided));
  for (std::size_t i = 0; i < which.size(); ++i) {
    contents.tensors[which[i]].data = contents.views->places()[i];
  }
  for (const PartData& from : data.parts) {
    contents.parts.push_back({from.file->tensor_count(), MetadataOf(*from.file)});
  }
  return contents;
}

std::expected<ToSave, Report> ToSaveAsReference(const Format& format, Source& source,
                                                const CheckOptions& options) {
  OpenedFile read;
  Report report = format.read_as_reference(source, options, &read);
  if (!read) return std::unexpected(std::move(report));
  ToSave contents;
  for (std::size_t i = 0; i < read->tensor_count(); ++i) {
    TensorRef tensor = read->tensor(i);
    contents.tensors.push_back({.name = std::string(tensor.name),
                                .dtype = tensor.type.dtype.value(),
                                .shape = std::move(tensor.shape),
                                .data = SourceData{&source, tensor.range.offset}});
  }
  contents.parts.push_back({read->tensor_count(), MetadataOf(*read)});
  return contents;
}

}  // namespace tensorgate::internal
