#include "tensorgate/convert.h"

#include <algorithm>
#include <memory>
#include <new>

#include "lib/checkpoint/checkpoint_data.h"
#include "lib/checkpoint/shelf.h"
#include "lib/convert/convert_plan.h"
#include "lib/convert/extraction_metadata.h"
#include "lib/convert/open_parts.h"
#include "lib/source/folder.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/save.h"
#include "tensorgate/shards.h"

namespace tensorgate {
namespace {

using internal::CheckpointData;
using internal::Folder;
using internal::PlannedFile;
using internal::PlannedTensor;
using internal::Views;

constexpr std::size_t kCompared = 1 << 20;
constexpr std::string_view kTarget = "model.safetensors";

using Done = std::expected<void, ConvertError>;

std::unexpected<ConvertError> Error(const Status& status, std::string_view tensor = {}) {
  return std::unexpected(ConvertError{.status = status, .tensor = std::string(tensor)});
}

std::unexpected<ConvertError> Error(Rule rule, std::string_view tensor = {}) {
  return Error(Status{.rule = rule}, tensor);
}

std::unexpected<ConvertError> Error(Report report) {
  return std::unexpected(ConvertError{.report = std::move(report)});
}

bool IsFolder(const std::string& path) { return Folder::At(path).has_value(); }

class Converter {
 public:
  Converter(const std::string& to, const ConvertOptions& options) : to_(to), options_(options) {
    options_.check.profile = Profile::kStrict;
    if (options_.check.cancel == nullptr) options_.check.cancel = options_.cancel;
  }

  std::expected<Converted, ConvertError> Run(const std::string& from) {
    TENSORGATE_TRY(Open(from));
    if (std::expected<void, ConvertError> planned = internal::Plan(files_, options_, result_);
        !planned) {
      const bool nothing = planned.error().status.rule == Rule::kConvertNoTensors;
      if (nothing && HasNoTensors()) return Error(Rule::kConvertNothingExtracted);
      return std::unexpected(std::move(planned.error()));
    }
    TENSORGATE_TRY(ChooseTarget());
    if (options_.dry_run) return std::move(result_);
    if (const Result<void> written = Write(); !written)
      return Error(written.error(), NameOf(written.error()));
    if (options_.verify) {
      TENSORGATE_TRY(Verify());
    }
    return std::move(result_);
  }

 private:
  // True if no tensor could be taken from refused files.
  bool HasNoTensors() const {
    const auto empty = [](const PlannedFile& file) { return file.file->tensor_count() == 0; };
    return !result_.extractions.empty() && std::ranges::all_of(files_, empty);
  }

  Done Open(const std::string& from) {
    internal::OpenedParts opened =
        TENSORGATE_TRY(internal::OpenParts(from, options_.check, options_.extract));
    from_folder_ = opened.from_folder;
    sharded_ = opened.report.has_value();
    for (internal::OpenedPart& part : opened.parts) {
      if (part.extraction) result_.extractions.push_back(*std::move(part.extraction));
      TENSORGATE_TRY(Add(std::move(part.source), std::move(part.file)));
    }
    return {};
  }

  Done Add(std::unique_ptr<Source> source, internal::OpenedFile opened) {
    if (opened == nullptr) return Error(Rule::kUseNoTensors);
    if (opened->As<safetensors::File>() != nullptr) return Error(Rule::kUseAlreadySafetensors);
    const std::uint64_t size = source->size();
    data_.parts.emplace_back();
    data_.parts.back().source = std::move(source);
    files_.push_back({std::move(opened), size});
    return {};
  }

  // If the target is a folder, chooses the file in it.
  Done ChooseTarget() {
    const bool named_as_file = ShardNames::Fits(to_) || IsNamedIndex(to_);
    const auto has_tensors = [](const PlannedFile& file) { return !file.tensors.empty(); };
    if (sharded_) {
      result_.shards = static_cast<std::uint64_t>(std::ranges::count_if(files_, has_tensors));
    }
    to_folder_ = sharded_ || IsFolder(to_) || (from_folder_ && !named_as_file);
    if (sharded_ && named_as_file && !IsFolder(to_)) return Error(Rule::kConvertNeedsFolder);
    result_.path = to_;
    if (!to_folder_) return {};
    result_.path += to_.ends_with('/') ? "" : "/";
    result_.path += sharded_ ? ShardNames(kTarget).Index() : kTarget;
    return {};
  }

  // The source of each tensor's bytes in C order, part by part.
  void PlaceTensors() {
    std::vector<TensorRef> strided;
    for (std::size_t part = 0; part < files_.size(); ++part) {
      for (const PlannedTensor& planned : files_[part].tensors) {
        if (planned.tensor.stride.empty()) continue;
        strided.push_back(planned.tensor);
        strided.back().part = part;
      }
    }
    views_.emplace(data_, std::move(strided), options_.cancel);
    auto view = views_->places().begin();
    for (std::size_t part = 0; part < files_.size(); ++part) {
      std::vector<SourceData>& places = places_.emplace_back();
      for (const PlannedTensor& planned : files_[part].tensors) {
        const SourceData plain{data_.parts[part].source.get(), planned.tensor.range.offset};
        places.push_back(planned.tensor.stride.empty() ? plain : *view++);
      }
    }
  }

  // Files from which nothing is selected have no shard.
  std::vector<ShardData> Shards() {
    std::vector<ShardData> shards;
    for (std::size_t part = 0; part < files_.size(); ++part) {
      const PlannedFile& file = files_[part];
      if (file.tensors.empty()) continue;
      ShardData& shard = shards.emplace_back();
      for (std::size_t i = 0; i < file.tensors.size(); ++i) {
        const PlannedTensor& planned = file.tensors[i];
        shard.tensors.push_back({.name = planned.name,
                                 .dtype = *planned.tensor.type.dtype,
                                 .shape = planned.tensor.shape,
                                 .data = places_[part][i]});
      }
      shard.metadata = Metadata{{"format", "pt"}};
      internal::AddExtractionMetadata(result_.extractions, options_.sha256, *shard.metadata);
      for (const auto& [kept, removed] : file.tied) {
        if (!internal::IsOwnKey(removed)) shard.metadata->emplace_back(removed, kept);
      }
    }
    const ShardNames names(kTarget);
    for (std::size_t i = 0; i < shards.size(); ++i) {
      shards[i].name = sharded_ ? names.Shard(i, shards.size()) : std::string(kTarget);
    }
    return shards;
  }

  Result<void> Write() {
    PlaceTensors();
    const std::vector<ShardData> shards = Shards();
    SaveOptions save{
        .sync = options_.sync, .cancel = options_.cancel, .progress = options_.progress};
    if (to_folder_) {
      const std::string index = sharded_ ? ShardNames(kTarget).Index() : std::string();
      return SaveShards(to_, index, shards, save);
    }
    save.metadata = shards[0].metadata;
    return Save(to_, shards[0].tensors, save);
  }

  // For errors of the writer, the number is that of a tensor.
  std::string_view NameOf(const Status& status) const {
    std::uint64_t number = Info(status.rule).subject == "tensor" ? status.found : UINT64_MAX;
    for (const PlannedFile& file : files_) {
      if (number < file.tensors.size()) return file.tensors[static_cast<std::size_t>(number)].name;
      number -= file.tensors.size();
    }
    return {};
  }

  Done Verify() {
    const std::expected<Checkpoint, Report> made = Checkpoint::OpenPath(result_.path);
    if (!made) return Error(made.error());
    if (made->tensor_count() != result_.tensors) return Error(Rule::kConvertVerifyFailed);
    for (std::size_t part = 0; part < files_.size(); ++part) {
      for (std::size_t i = 0; i < files_[part].tensors.size(); ++i) {
        const PlannedTensor& planned = files_[part].tensors[i];
        const Result<bool> same = IsSame(*made, planned, places_[part][i]);
        if (!same) return Error(same.error(), planned.name);
        if (!*same) return Error(Rule::kConvertVerifyFailed, planned.name);
      }
    }
    return {};
  }

  Result<bool> IsSame(const Checkpoint& made, const PlannedTensor& planned,
                      const SourceData& place) {
    const std::optional<std::size_t> index = made.Find(planned.name);
    if (!index) return false;
    const TensorRef ref = TENSORGATE_TRY(made.tensor(*index));
    if (ref.shape != planned.tensor.shape || ref.type != planned.tensor.type) return false;
    const std::uint64_t all = planned.tensor.bytes();
    if (all == 0) return true;
    ours_.resize(kCompared);
    theirs_.resize(kCompared);
    for (std::uint64_t at = 0; at < all;) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(all - at, kCompared));
      const std::span<std::byte> a = std::span(ours_).first(count);
      const std::span<std::byte> b = std::span(theirs_).first(count);
      TENSORGATE_TRY(ReadFully(*place.source, place.offset + at, a));
      TENSORGATE_TRY(made.ReadRange(ref.part, ref.range.offset + at, b));
      if (!std::ranges::equal(a, b)) return false;
      at += count;
    }
    return true;
  }

  const std::string& to_;
  ConvertOptions options_;
  CheckpointData data_;
  std::vector<PlannedFile> files_;  // one per part
  bool from_folder_ = false, sharded_ = false, to_folder_ = false;
  std::optional<Views> views_;                   // sources for tensors with strides
  std::vector<std::vector<SourceData>> places_;  // for the tensors of each file
  std::vector<std::byte> ours_, theirs_;
  Converted result_;
};

}  // namespace

std::expected<Converted, ConvertError> Convert(const std::string& from, const std::string& to,
                                               const ConvertOptions& options) {
  try {
    return Converter(to, options).Run(from);
  } catch (const std::bad_alloc&) {
    return Error(Rule::kIoOutOfMemory);
  } catch (...) {
    return Error(Rule::kIoReadFailed);
  }
}

}  // namespace tensorgate
