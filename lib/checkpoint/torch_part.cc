#include "lib/checkpoint/torch_part.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/rules/report_builder.h"
#include "tensorgate/scan.h"
#include "tensorgate/torch.h"

namespace tensorgate::internal {
namespace {

class TorchTensors final : public PartTensors {
 public:
  explicit TorchTensors(torch::File file) : file_(std::move(file)) {
    std::vector<std::pair<std::uint64_t, std::size_t>> order;
    order.reserve(file_.size());
    for (std::size_t i = 0; i < file_.size(); ++i) {
      order.emplace_back(file_.tensor(i).range.offset, i);
    }
    std::ranges::sort(order);
    index_.resize(order.size());
    for (const auto& [offset, i] : order) {
      index_[i] = order_.size();
      order_.push_back(i);
    }
  }
  const torch::File& file() const { return file_; }
  std::size_t size() const override { return order_.size(); }
  std::string_view name(std::size_t index) const override { return file_.name(order_[index]); }
  TensorRef tensor(std::size_t index) const override {
    torch::Tensor tensor = file_.tensor(order_[index]);
    TensorRef ref{.name = tensor.name, .dtype = *tensor.dtype, .range = tensor.range};
    if (!tensor.contiguous()) ref.stride = std::move(tensor.stride);
    ref.shape = std::move(tensor.shape);
    return ref;
  }
  std::optional<std::size_t> Find(std::string_view name) const override {
    const std::optional<std::size_t> found = file_.Find(name);
    if (!found) return std::nullopt;
    return index_[*found];
  }

 private:
  torch::File file_;
  std::vector<std::size_t> order_;  // numbers of the file's, in the order of their data
  std::vector<std::size_t> index_;  // the way back
};

class Storages final : public PartTensors {
 public:
  explicit Storages(torch::File file) : file_(std::move(file)), units_(file_.storages()) {
    for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = file_.storage(i).element_bytes;
    // What has no dtype of its own is aligned for what is seen in it.
    for (std::size_t i = 0; i < file_.size(); ++i) {
      const torch::Tensor tensor = file_.tensor(i);
      std::uint64_t& unit = units_[tensor.storage];
      if (tensor.storage_range.length % tensor.element_bytes == 0) {
        unit = std::max(unit, tensor.element_bytes);
      }
    }
  }
  const torch::File& file() const { return file_; }
  std::size_t size() const override { return units_.size(); }
  std::string_view name(std::size_t) const override { return {}; }
  TensorRef tensor(std::size_t index) const override {
    TensorRef ref{.dtype = DType::kU8, .range = file_.storage(index).range};
    std::uint64_t unit = 1;
    for (const DType dtype : {DType::kU16, DType::kU32, DType::kU64}) {
      if (Bits(dtype) / 8 > units_[index]) break;
      ref.dtype = dtype;
      unit = Bits(dtype) / 8;
    }
    ref.shape = {ref.range.length / unit};
    return ref;
  }
  std::optional<std::size_t> Find(std::string_view) const override { return std::nullopt; }

 private:
  torch::File file_;
  std::vector<std::uint64_t> units_;  // bytes to which each is aligned
};

template <typename Tensors>
PartData MakePart(std::string path, std::unique_ptr<Source> source, torch::File file,
                  Report report) {
  auto tensors = std::make_unique<const Tensors>(std::move(file));
  PartData part;
  part.path = std::move(path);
  part.source = std::move(source);
  part.torch = &tensors->file();
  part.report = std::make_unique<const Report>(std::move(report));
  part.tensors = std::move(tensors);
  return part;
}

Rule WhyNotTorch(const Judged& accepted) {
  const bool none = std::holds_alternative<std::monostate>(accepted.file);
  return none ? Rule::kUseNoTensors : Rule::kUseNotPytorch;
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
    auto* file = std::get_if<torch::File>(&judged.file);
    if (file == nullptr) return std::unexpected(OfNoUse(report, WhyNotTorch(judged), options));
    std::vector<PartData> parts;
    parts.push_back(
        MakePart<Storages>(path, std::move(source), std::move(*file), std::move(report)));
    return CheckpointData::Make(std::move(parts));
  } catch (...) {
    return std::unexpected(ReportBuilder::Caught(options, UnknownFormat().name));
  }
}

}  // namespace

std::expected<PartData, Report> MakeTorchPart(std::string path, std::unique_ptr<Source> source,
                                              torch::File file, Report report,
                                              const CheckOptions& options) {
  for (std::size_t i = 0; i < file.size(); ++i) {
    const torch::Tensor tensor = file.tensor(i);
    if (tensor.dtype) continue;
    ReportBuilder builder(options, report.format());
    builder.SetSize(file.file_size());
    builder.Add(Rule::kUseNoDtype, tensor.range.offset,
                {.subject = tensor.name, .found_text = tensor.dtype_name});
    return std::unexpected(builder.Finish());
  }
  return MakePart<TorchTensors>(std::move(path), std::move(source), std::move(file),
                                std::move(report));
}

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
