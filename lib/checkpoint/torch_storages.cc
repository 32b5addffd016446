#include "lib/checkpoint/torch_storages.h"

#include <utility>
#include <vector>

#include "lib/formats/torch/model.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/scan.h"
#include "tensorgate/torch.h"

namespace tensorgate::internal {
namespace {

Rule WhyNotTorch(const Judged& accepted) {
  return accepted.file == nullptr ? Rule::kUseNoTensors : Rule::kUseNotPytorch;
}

template <typename MakeSource>
std::expected<Checkpoint, Report> Open(const std::string& path, const MakeSource& make,
                                       const CheckOptions& options) {
  try {
    if (const Result<void> host = CheckHost(std::endian::native); !host) {
      return std::unexpected(ScanFailure(host.error(), options));
    }
    std::unique_ptr<Source> source = make();
    Judged judged = JudgeToOpen(*source, path, options);
    Report& report = judged.report;
    if (report.verdict() != Verdict::kAccepted) return std::unexpected(std::move(report));
    if (judged.file == nullptr || judged.file->As<torch::File>() == nullptr) {
      return std::unexpected(OfNoUse(report, WhyNotTorch(judged), options));
    }
    judged.file = torch::internal::MakeStorages(std::move(judged.file));
    std::vector<PartData> parts;
    auto part = CheckpointData::MakePart(path, std::move(source), std::move(judged), options);
    parts.push_back(*std::move(part));
    return CheckpointData::Make(std::move(parts));
  } catch (...) {
    return std::unexpected(ReportBuilder::Caught(options, UnknownFormat().name));
  }
}

}  // namespace

std::expected<Checkpoint, Report> OpenStorages(const std::string& path,
                                               const CheckOptions& options) {
  Result<FileSource> source = FileSource::Open(path);
  if (!source) return std::unexpected(ScanFailure(source.error(), options));
  return Open(path, [&] { return std::make_unique<FileSource>(std::move(*source)); }, options);
}

std::expected<Checkpoint, Report> OpenStorages(std::span<const std::byte> bytes,
                                               const CheckOptions& options) {
  return Open({}, [&] { return std::make_unique<MemorySource>(bytes); }, options);
}

}  // namespace tensorgate::internal
