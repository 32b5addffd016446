#include "lib/write/replace_metadata.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "lib/base/guarded.h"
#include "lib/source/new_file.h"
#include "lib/write/file_layout.h"
#include "lib/write/save_checks.h"
#include "lib/write/write.h"

namespace tensorgate::internal {
namespace {

using safetensors::internal::LayoutOptions;

// For less data, a header padded to a page would be the larger cost.
constexpr std::uint64_t kManyBytes = 1 << 20;
constexpr std::uint64_t kPage = 4096, kLargestAlignment = 1 << 20;

// The data keep their alignment and, if they are many, their offset within a page.
LayoutOptions OptionsFor(const safetensors::File& file, const std::optional<Metadata>& metadata) {
  LayoutOptions options{.metadata = metadata ? &*metadata : nullptr, .as_given = true};
  const std::uint64_t offset = file.data_offset();
  if (offset % options.alignment != 0) return options;
  const bool many = file.file_size() - offset >= kManyBytes;
  options.alignment = std::clamp(std::uint64_t{1} << std::countr_zero(offset),
                                 many ? kPage : options.alignment, kLargestAlignment);
  options.remainder = offset % options.alignment;
  return options;
}

// Whatever the metadata: nothing is put in place that a loader would refuse.
Result<void> CheckAccepted(const NewFile& file) {
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    FileSource source = TENSORGATE_TRY(FileSource::FromDescriptor(file.descriptor()));
    const Report report = safetensors::Check(source, {.profile = profile});
    if (report.verdict() == Verdict::kAccepted) continue;
    const Finding& reason = *report.reason();
    return std::unexpected(
        Status{.rule = reason.rule, .offset = reason.offset, .found = reason.found});
  }
  return {};
}

Result<void> Write(const std::string& path, const safetensors::File& file, Source& source,
                   const std::optional<Metadata>& metadata, const SaveOptions& options) {
  std::vector<TensorData> tensors;
  std::uint64_t data_bytes = 0;
  for (const safetensors::Tensor tensor : file.tensors()) {
    tensors.push_back({.name = std::string(tensor.name()),
                       .dtype = tensor.dtype(),
                       .shape = tensor.shape().ToVector(),
                       .data = SourceData{&source, tensor.range().offset}});
    data_bytes += tensor.range().length;
  }
  std::vector<TensorSpec> specs;
  for (const TensorData& tensor : tensors) specs.push_back(SpecOf(tensor));
  const FileLayout layout =
      TENSORGATE_TRY(safetensors::internal::LayOut(specs, OptionsFor(file, metadata)));
  std::vector<WritePiece> pieces;
  for (std::uint32_t i = 0; i < tensors.size(); ++i) {
    const std::uint64_t bytes = TENSORGATE_TRY(DataBytes(tensors[i]));
    pieces.push_back({&tensors[i], bytes, i});
  }
  const NewFileFolder folder = TENSORGATE_TRY(NewFileFolder::OpenFor(path));
  NewFile made = TENSORGATE_TRY(NewFile::Create(folder, FileNameOf(path)));
  Meter meter(options, data_bytes);
  TENSORGATE_TRY(WriteShard(layout.head, pieces, made, meter, options, 1));
  TENSORGATE_TRY(CheckAccepted(made));
  TENSORGATE_TRY(source.CheckUnchanged());
  TENSORGATE_TRY(made.Commit());
  if (options.sync) folder.Sync();
  return {};
}

}  // namespace

Result<void> ReplaceMetadata(const std::string& path, const safetensors::File& file, Source& source,
                             const std::optional<Metadata>& metadata, const SaveOptions& options) {
  return Guarded([&] { return Write(path, file, source, metadata, options); });
}

}  // namespace tensorgate::internal
