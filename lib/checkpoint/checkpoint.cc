// Opening a checkpoint, and its contents; see load.cc for reading.
#include "tensorgate/checkpoint.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "lib/checkpoint/checkpoint_data.h"
#include "lib/rules/report_builder.h"
#include "lib/scan/judge.h"
#include "lib/sharded/check.h"
#include "lib/source/folder.h"
#include "tensorgate/shards.h"

namespace tensorgate {
namespace internal {
namespace {

std::expected<Checkpoint, Report> OpenOne(std::string path, Result<std::unique_ptr<Source>> source,
                                          const CheckOptions& options) {
  if (!source) return std::unexpected(NotRead(source.error(), {}, options));
  auto part =
      TENSORGATE_TRY(CheckpointData::OpenPart(std::move(path), *std::move(source), options));
  std::vector<PartData> parts;
  parts.push_back(std::move(part));
  return CheckpointData::Make(std::move(parts));
}

// Opens the shards of an index, each once, and keeps them open.
std::expected<Checkpoint, Report> OpenShards(const std::string& path, const CheckOptions& options) {
  sharded::Checked checked = sharded::CheckPath(path, StrictOptions(options), true);
  if (checked.report.verdict() != Verdict::kAccepted) {
    return std::unexpected(std::move(checked.report));
  }
  std::vector<PartData> parts;
  parts.reserve(checked.shards.size());
  for (sharded::CheckedShard& shard : checked.shards) {
    Judged judged{std::move(shard.report), std::move(shard.file)};
    auto part = TENSORGATE_TRY(CheckpointData::MakePart(
        checked.folder + shard.name, std::move(shard.source), std::move(judged), options));
    parts.push_back(std::move(part));
  }
  return CheckpointData::MakeSharded(path, std::move(parts), std::move(checked.report));
}

std::expected<Checkpoint, Report> OpenFileOrShards(const std::string& path,
                                                   const CheckOptions& options) {
  if (IsNamedIndex(path)) return OpenShards(path, options);
  Result<std::unique_ptr<Source>> source = internal::OpenPath(path);
  const bool file = source || source.error().rule != Rule::kIoNotRegular;
  if (!file && Folder::At(path)) return OpenShards(path, options);
  return OpenOne(path, std::move(source), options);
}

template <typename Body>
std::expected<Checkpoint, Report> OpenGuarded(const CheckOptions& options, const Body& body) {
  try {
    if (const Result<void> host = CheckHost(std::endian::native); !host) {
      return std::unexpected(NotRead(host.error(), {}, options));
    }
    return body();
  } catch (...) {
    return std::unexpected(ReportBuilder::Caught(options, UnknownFormat().name));
  }
}

}  // namespace

std::expected<PartData, Report> CheckpointData::OpenPart(std::string path,
                                                         std::unique_ptr<Source> source,
                                                         const CheckOptions& options) {
  Judged judged = JudgeToOpen(*source, path, options);
  return MakePart(std::move(path), std::move(source), std::move(judged), options);
}

std::expected<PartData, Report> CheckpointData::MakePart(std::string path,
                                                         std::unique_ptr<Source> source,
                                                         Judged judged,
                                                         const CheckOptions& options) {
  Report& report = judged.report;
  if (report.verdict() != Verdict::kAccepted) return std::unexpected(std::move(report));
  if (!judged.file) return std::unexpected(OfNoUse(report, Rule::kUseNoTensors, options));
  if (const auto without = judged.file->FindWithoutDType()) {
    const TensorRef tensor = judged.file->tensor(*without);
    ReportBuilder builder(options, report.format());
    builder.SetSize(source->size());
    builder.Add(Rule::kUseNoDtype, tensor.range.offset,
                {.subject = tensor.name, .found_text = tensor.type.name});
    return std::unexpected(builder.Finish());
  }
  PartData part;
  part.path = std::move(path);
  part.source = std::move(source);
  part.file = std::move(judged.file);
  part.report = std::make_unique<const Report>(std::move(report));
  return part;
}

Checkpoint CheckpointData::Make(std::vector<PartData> parts) {
  auto data = std::make_unique<CheckpointData>();
  data->AddParts(std::move(parts));
  return Checkpoint(std::move(data));
}

Checkpoint CheckpointData::MakeSharded(std::string path, std::vector<PartData> parts,
                                       Report report) {
  auto data = std::make_unique<CheckpointData>();
  data->path = std::move(path);
  data->report = std::move(report);
  data->AddParts(std::move(parts));
  PodBuffer<std::uint32_t> hashes;
  hashes.Reserve(data->size());
  for (const PartData& part : data->parts) {
    for (std::size_t i = 0; i < part.file->tensor_count(); ++i) {
      hashes.PushBack(HashName(part.file->name(i)));
    }
  }
  // The names are unique, which was checked.
  data->names.Build(
      hashes, [&](std::uint32_t index) { return data->NameOf(index); },
      [](std::uint32_t, std::uint32_t) {});
  return Checkpoint(std::move(data));
}

void CheckpointData::AddParts(std::vector<PartData> added) {
  parts = std::move(added);
  first.push_back(0);
  for (PartData& part : parts) {
    part.number = static_cast<std::uint16_t>(std::min<std::size_t>(first.size() - 1, UINT16_MAX));
    first.push_back(first.back() + part.file->tensor_count());
  }
}

std::optional<std::size_t> CheckpointData::Find(std::string_view name) const {
  if (!report) return parts.front().file->Find(name);
  return names.Find(name, HashName(name), [this](std::uint32_t index) { return NameOf(index); });
}

std::size_t CheckpointData::PartOf(std::size_t index) const {
  return static_cast<std::size_t>(std::ranges::upper_bound(first, index) - first.begin()) - 1;
}

Result<TensorRef> CheckpointData::Tensor(std::size_t index) const {
  if (index >= size()) {
    return std::unexpected(Status{.rule = Rule::kUseNoSuchTensor, .found = index});
  }
  return At(index);
}

TensorRef CheckpointData::At(std::size_t index) const {
  const std::size_t part = PartOf(index);
  TensorRef tensor = parts[part].file->tensor(index - first[part]);
  tensor.part = part;
  return tensor;
}

template <typename Call>
Result<void> PartData::Do(const Call& call) const {
  std::unique_lock lock(*mutex, std::defer_lock);
  if (!source->concurrent()) lock.lock();
  Result<void> result = call();
  if (!result) result.error().part = number;
  return result;
}

Result<void> PartData::Read(std::uint64_t offset, std::span<std::byte> into) const {
  return Do([&] { return ReadFully(*source, offset, into); });
}

Result<void> PartData::CheckUnchanged() const {
  return Do([&] { return source->CheckUnchanged(); });
}

}  // namespace internal

using internal::CheckpointData;
using internal::PartData;

Checkpoint::Checkpoint(std::unique_ptr<const CheckpointData> data) : data_(std::move(data)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

std::expected<Checkpoint, Report> Checkpoint::OpenPath(const std::string& path,
                                                       const CheckOptions& options) {
  return internal::OpenGuarded(options, [&] { return internal::OpenFileOrShards(path, options); });
}

std::expected<Checkpoint, Report> Checkpoint::OpenDescriptor(int descriptor,
                                                             const CheckOptions& options) {
  return internal::OpenGuarded(options, [&] {
    return internal::OpenOne({}, internal::Hold(FileSource::Duplicate(descriptor)), options);
  });
}

std::expected<Checkpoint, Report> Checkpoint::OpenBytes(std::span<const std::byte> bytes,
                                                        const CheckOptions& options) {
  return internal::OpenGuarded(
      options, [&] { return Open(std::make_unique<MemorySource>(bytes), options); });
}

std::expected<Checkpoint, Report> Checkpoint::Open(std::unique_ptr<Source> source,
                                                   const CheckOptions& options) {
  return internal::OpenGuarded(options, [&]() -> std::expected<Checkpoint, Report> {
    auto part = CheckpointData::OpenPart({}, std::move(source), options);
    if (!part) return std::unexpected(std::move(part.error()));
    std::vector<PartData> parts;
    parts.push_back(std::move(*part));
    return CheckpointData::Make(std::move(parts));
  });
}

std::size_t Checkpoint::tensor_count() const { return data_->size(); }

std::string_view Checkpoint::name(std::size_t index) const {
  if (index >= tensor_count()) std::abort();
  return data_->NameOf(index);
}

Result<TensorRef> Checkpoint::tensor(std::size_t index) const {
  try {
    return data_->Tensor(index);
  } catch (const std::bad_alloc&) {
    return std::unexpected(Status{.rule = Rule::kIoOutOfMemory});
  }
}

TensorRef Checkpoint::TensorAt(std::size_t index) const { return data_->At(index); }

std::optional<std::size_t> Checkpoint::Find(std::string_view name) const {
  return data_->Find(name);
}

std::string_view Checkpoint::path() const {
  return data_->report ? std::string_view(data_->path) : data_->parts.front().path;
}

std::size_t Checkpoint::metadata_count() const {
  return data_->parts.front().file->metadata_count();
}

MetadataEntry Checkpoint::metadata(std::size_t index) const {
  if (index >= metadata_count()) std::abort();
  return data_->parts.front().file->metadata(index);
}

std::optional<MetadataValue> Checkpoint::FindMetadata(std::string_view key) const {
  return data_->parts.front().file->FindMetadata(key);
}

std::size_t Checkpoint::part_count() const { return data_->parts.size(); }

Part Checkpoint::part(std::size_t index) const {
  if (index >= part_count()) std::abort();
  const PartData& part = data_->parts[index];
  return {.path = part.path,
          .size = part.source->size(),
          .report = part.report.get(),
          .file = part.file.get(),
          .source = part.source.get()};
}

const Report& Checkpoint::report() const {
  return data_->report ? *data_->report : *data_->parts.front().report;
}

Result<void> Checkpoint::CheckUnchanged() const {
  for (const PartData& part : data_->parts) {
    TENSORGATE_TRY(part.CheckUnchanged());
  }
  return {};
}

}  // namespace tensorgate
