#include "tensorgate/convert.h"

#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <tuple>

#include "lib/base/checked.h"
#include "lib/ops/checkpoint_data.h"
#include "lib/ops/strided.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/save.h"
#include "tensorgate/torch.h"

namespace tensorgate {
namespace {

using internal::CheckpointData;
using internal::StridedReader;
using torch::Tensor;

// Overlapping views become copies: so much more than the file may they be together.
constexpr std::uint64_t kFreeCopies = 64u << 20, kCopiesPerByte = 4;
constexpr std::size_t kCompared = 1 << 20;
constexpr std::string_view kUsualKey = "state_dict";

// What is read through it is known to the converter alone.
class NoTensors final : public internal::PartTensors {
 public:
  std::size_t size() const override { return 0; }
  std::string_view name(std::size_t) const override { return {}; }
  TensorRef tensor(std::size_t) const override { return {}; }
  std::optional<std::size_t> Find(std::string_view) const override { return std::nullopt; }
};

struct Planned {
  std::string name;
  Tensor tensor;
};

std::unexpected<ConvertError> Error(const Status& status, std::string_view tensor = {}) {
  return std::unexpected(ConvertError{.status = status, .tensor = std::string(tensor)});
}

std::unexpected<ConvertError> Error(Rule rule, std::string_view tensor = {}) {
  return Error(Status{.rule = rule}, tensor);
}

class Converter {
 public:
  Converter(const std::string& to, const ConvertOptions& options) : to_(to), options_(options) {}

  std::expected<Converted, ConvertError> Run(const std::string& from) {
    Result<FileSource> source = FileSource::Open(from);
    if (!source) return Error(source.error());
    auto file = torch::File::Open(*source, options_.check);
    if (!file) return std::unexpected(ConvertError{.report = std::move(file.error())});
    file_ = &*file;
    data_.parts.emplace_back();
    data_.parts[0].tensors = std::make_unique<NoTensors>();
    data_.parts[0].source = std::make_unique<FileSource>(std::move(*source));
    data_.first = {0, 0};
    Select();
    if (auto planned = Plan(); !planned) return std::unexpected(std::move(planned.error()));
    DropTied();
    if (options_.refuse_tied && !result_.tied.empty()) {
      return Error(Rule::kConvertTied, result_.tied[0].second);
    }
    if (auto fits = CheckSize(); !fits) return std::unexpected(std::move(fits.error()));
    if (options_.dry_run) return std::move(result_);
    if (const Result<void> written = Write(); !written) {
      // Of the writer's own refusals the number is a tensor's.
      const std::uint64_t i = written.error().found;
      const bool named = Info(written.error().rule).subject == "tensor" && i < plan_.size();
      return Error(written.error(), named ? plan_[static_cast<std::size_t>(i)].name : "");
    }
    if (options_.verify) {
      if (auto same = Verify(); !same) return std::unexpected(std::move(same.error()));
    }
    return std::move(result_);
  }

 private:
  bool IsSelected(std::string_view name) const {
    return result_.selected.empty() ||
           (name.size() > result_.selected.size() && name.starts_with(result_.selected) &&
            name[result_.selected.size()] == '.');
  }

  void Select() {
    result_.selected = options_.select.value_or(std::string(kUsualKey));
    if (options_.select) return;
    for (std::size_t i = 0; i < file_->size(); ++i) {
      if (IsSelected(file_->name(i))) return;
    }
    result_.selected.clear();
  }

  std::expected<void, ConvertError> Plan() {
    for (std::size_t i = 0; i < file_->size(); ++i) {
      if (!IsSelected(file_->name(i))) {
        ++result_.left_out;
        continue;
      }
      Tensor tensor = file_->tensor(i);
      if (!tensor.dtype) return Error(Rule::kConvertDtype, tensor.name);
      if (tensor.expanded()) return Error(Rule::kConvertExpanded, tensor.name);
      const std::size_t cut = result_.selected.empty() ? 0 : result_.selected.size() + 1;
      plan_.push_back({std::string(tensor.name.substr(cut)), std::move(tensor)});
    }
    if (plan_.empty()) return Error(Rule::kConvertNoTensors);
    std::ranges::sort(plan_, {}, &Planned::name);
    return {};
  }

  // One and the same view under several names: the first name stays.
  void DropTied() {
    using View = std::tuple<std::size_t, std::uint64_t, std::string_view,
                            std::vector<std::uint64_t>, std::vector<std::uint64_t>>;
    std::map<View, std::size_t> first;
    std::vector<Planned> kept;
    for (Planned& each : plan_) {
      const Tensor& tensor = each.tensor;
      // Without bytes nothing is shared.
      if (tensor.range.length != 0) {
        const auto [found, inserted] = first.try_emplace(
            View{tensor.storage, tensor.offset, tensor.dtype_name, tensor.shape, tensor.stride},
            kept.size());
        if (!inserted) {
          result_.tied.emplace_back(kept[found->second].name, each.name);
          continue;
        }
      }
      kept.push_back(std::move(each));
    }
    plan_ = std::move(kept);
  }

  std::expected<void, ConvertError> CheckSize() {
    const std::uint64_t most = kFreeCopies + kCopiesPerByte * file_->file_size();
    for (const Planned& each : plan_) {
      result_.bytes = internal::SaturatingAdd(result_.bytes, each.tensor.bytes());
      result_.rearranged += each.tensor.contiguous() ? 0u : 1u;
      if (result_.bytes > most) return Error(Rule::kConvertTooLarge, each.name);
    }
    result_.tensors = plan_.size();
    return {};
  }

  DataCallback Strided(const Tensor& tensor) {
    TensorRef ref{.name = tensor.name,
                  .dtype = *tensor.dtype,
                  .shape = tensor.shape,
                  .stride = tensor.stride,
                  .part = 0,
                  .range = tensor.range};
    auto reader = std::make_shared<StridedReader>(data_, std::move(ref));
    return [reader](std::uint64_t offset, std::span<std::byte> into) {
      return reader->Read(offset, into);
    };
  }

  Result<void> Write() {
    SaveOptions save{.metadata = Metadata{{"format", "pt"}},
                     .sync = options_.sync,
                     .cancel = options_.cancel,
                     .progress = options_.progress};
    for (const auto& [kept, removed] : result_.tied) {
      if (removed != "format") save.metadata->emplace_back(removed, kept);
    }
    Result<Writer> writer = Writer::Create(to_, std::move(save));
    if (!writer) return std::unexpected(writer.error());
    for (const Planned& each : plan_) {
      const Tensor& tensor = each.tensor;
      TensorData data{.name = each.name, .dtype = *tensor.dtype, .shape = tensor.shape};
      if (tensor.contiguous()) {
        data.data = SourceData{data_.parts[0].source.get(), tensor.range.offset};
      } else {
        data.data = Strided(tensor);
      }
      if (Result<void> added = writer->Add(std::move(data)); !added) return added;
    }
    if (Result<void> finished = writer->Finish(); !finished) return finished;
    return data_.parts[0].source->Unchanged();
  }

  std::expected<void, ConvertError> Verify() {
    const std::expected<Checkpoint, Report> made = Checkpoint::OpenPath(to_);
    if (!made) return std::unexpected(ConvertError{.report = made.error()});
    if (made->size() != plan_.size()) return Error(Rule::kConvertVerifyFailed);
    std::vector<std::byte> ours(kCompared), theirs(kCompared);
    for (const Planned& each : plan_) {
      const std::optional<std::size_t> index = made->Find(each.name);
      if (!index) return Error(Rule::kConvertVerifyFailed, each.name);
      const Result<TensorRef> ref = made->tensor(*index);
      if (!ref) return Error(ref.error(), each.name);
      const std::uint64_t all = each.tensor.bytes();
      if (ref->shape != each.tensor.shape || ref->dtype != *each.tensor.dtype ||
          ref->range.length != all) {
        return Error(Rule::kConvertVerifyFailed, each.name);
      }
      const DataCallback read = all == 0 ? DataCallback() : Strided(each.tensor);
      for (std::uint64_t at = 0; at < all;) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(all - at, kCompared));
        const std::span<std::byte> a = std::span(ours).first(count);
        const std::span<std::byte> b = std::span(theirs).first(count);
        if (const Result<void> got = read(at, a); !got) return Error(got.error(), each.name);
        const Result<void> back = made->ReadRange(0, ref->range.offset + at, b);
        if (!back) return Error(back.error(), each.name);
        if (!std::ranges::equal(a, b)) return Error(Rule::kConvertVerifyFailed, each.name);
        at += count;
      }
    }
    return {};
  }

  const std::string& to_;
  const ConvertOptions& options_;
  const torch::File* file_ = nullptr;
  CheckpointData data_;
  std::vector<Planned> plan_;  // by name
  Converted result_;
};

}  // namespace

std::expected<Converted, ConvertError> Convert(const std::string& from, const std::string& to,
                                               const ConvertOptions& options) {
  try {
    return Converter(to, options).Run(from);
  } catch (const std::bad_alloc&) {
    return std::unexpected(ConvertError{.status = {.rule = Rule::kIoOutOfMemory}});
  } catch (...) {
    return std::unexpected(ConvertError{.status = {.rule = Rule::kIoReadFailed}});
  }
}

}  // namespace tensorgate
