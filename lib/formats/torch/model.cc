#include "lib/formats/torch/model.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/formats/torch/contents.h"
#include "tensorgate/render.h"

namespace tensorgate::torch::internal {
namespace {

ElementType TypeOf(const Tensor& tensor) {
  if (tensor.dtype) return *tensor.dtype;
  return {tensor.dtype_name, 1, static_cast<std::uint32_t>(tensor.element_bytes)};
}

std::string ListText(const std::vector<std::uint64_t>& numbers) {
  std::string text = "[";
  for (const std::uint64_t number : numbers) {
    if (text.size() != 1) text += ", ";
    text += std::to_string(number);
  }
  return text + "]";
}

class TorchFile final : public ModelFile {
 public:
  /// `whole`: everything in it was verified, not only the tensors.
  explicit TorchFile(File file, bool whole) : file_(std::move(file)), whole_(whole) {
    std::vector<std::pair<std::uint64_t, std::size_t>> order;
    order.reserve(file_.tensor_count());
    for (std::size_t i = 0; i < file_.tensor_count(); ++i) {
      order.emplace_back(file_.tensor(i).range.offset, i);
    }
    std::ranges::sort(order);
    index_.resize(order.size());
    for (const auto& [offset, i] : order) {
      index_[i] = order_.size();
      order_.push_back(i);
    }
  }
  std::size_t tensor_count() const override { return order_.size(); }
  std::string_view name(std::size_t index) const override { return file_.name(order_[index]); }
  TensorRef tensor(std::size_t index) const override {
    Tensor tensor = file_.tensor(order_[index]);
    TensorRef ref{.name = tensor.name, .type = TypeOf(tensor), .range = tensor.range};
    if (!tensor.contiguous()) ref.stride = std::move(tensor.stride);
    ref.shape = std::move(tensor.shape);
    return ref;
  }
  std::optional<std::size_t> Find(std::string_view name) const override {
    const std::optional<std::size_t> found = file_.Find(name);
    if (!found) return std::nullopt;
    return index_[*found];
  }
  bool is_named(std::size_t index) const override {
    return Access::Of(file_).tensors.span()[order_[index]].is_key != 0;
  }
  std::optional<std::size_t> FindWithoutDType() const override {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (!file_.tensor(i).dtype) return index_[i];
    }
    return std::nullopt;
  }
  bool shares_bytes() const override { return true; }

  void Describe(Describer& to) const override {
    to.Add("storages", std::uint64_t{file_.storage_count()},
           GroupDigits(file_.storage_count()) + " storages");
  }
  void DescribeTensor(std::size_t index, Describer& to) const override {
    const Tensor tensor = file_.tensor(order_[index]);
    to.Add("pytorch_dtype", tensor.dtype_name, tensor.dtype ? "" : tensor.dtype_name);
    const std::string stride = ListText(tensor.stride);
    to.AddJson("stride", stride, tensor.contiguous() ? "" : "strides " + stride);
    to.Add("storage", std::uint64_t{tensor.storage}, {});
    const std::string_view location = file_.location(tensor.storage);
    to.Add("location", location, location == "cpu" ? std::string_view() : location);
    to.Add("requires_grad", tensor.requires_grad, {});
    to.Add("parameter", tensor.is_parameter, {});
  }
  std::optional<Structure> structure() const override {
    if (!whole_) return std::nullopt;
    return Structure{"values", file_.ValuesJson()};
  }

 private:
  const void* Concrete(const std::type_info& type) const override {
    return type == typeid(File) ? &file_ : nullptr;
  }
  File file_;
  bool whole_;
  std::vector<std::size_t> order_;  // the file's indices, in the order of their data
  std::vector<std::size_t> index_;  // the inverse mapping
};

class Storages final : public ModelFile {
 public:
  explicit Storages(std::unique_ptr<const ModelFile> model)
      : model_(std::move(model)), file_(*model_->As<File>()), units_(file_.storage_count()) {
    for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = file_.storage(i).element_bytes;
    // A storage without a dtype is aligned for the tensors in it.
    for (std::size_t i = 0; i < file_.tensor_count(); ++i) {
      const Tensor tensor = file_.tensor(i);
      std::uint64_t& unit = units_[tensor.storage];
      if (tensor.storage_range.length % tensor.element_bytes == 0) {
        unit = std::max(unit, tensor.element_bytes);
      }
    }
  }
  std::size_t tensor_count() const override { return units_.size(); }
  std::string_view name(std::size_t) const override { return {}; }
  TensorRef tensor(std::size_t index) const override {
    TensorRef ref{.type = DType::kU8, .range = file_.storage(index).range};
    std::uint64_t unit = 1;
    for (const DType dtype : {DType::kU16, DType::kU32, DType::kU64}) {
      if (Bits(dtype) / 8 > units_[index]) break;
      ref.type = dtype;
      unit = Bits(dtype) / 8;
    }
    ref.shape = {ref.range.length / unit};
    return ref;
  }
  std::optional<std::size_t> Find(std::string_view) const override { return std::nullopt; }
  bool shares_bytes() const override { return true; }

 private:
  const void* Concrete(const std::type_info& type) const override {
    return type == typeid(File) ? &file_ : nullptr;
  }
  std::unique_ptr<const ModelFile> model_;
  const File& file_;
  std::vector<std::uint64_t> units_;  // alignment of each in bytes
};

}  // namespace

std::unique_ptr<const ModelFile> MakeModelFile(File file) {
  return std::make_unique<const TorchFile>(std::move(file), true);
}

std::unique_ptr<const ModelFile> MakeExtracted(File file) {
  return std::make_unique<const TorchFile>(std::move(file), false);
}

std::unique_ptr<const ModelFile> MakeStorages(std::unique_ptr<const ModelFile> file) {
  return std::make_unique<const Storages>(std::move(file));
}

}  // namespace tensorgate::torch::internal
