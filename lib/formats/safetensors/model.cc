#include "lib/formats/safetensors/model.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/formats/safetensors/examination.h"
#include "tensorgate/render.h"

namespace tensorgate::safetensors::internal {
namespace {

class SafetensorsFile final : public ModelFile {
 public:
  explicit SafetensorsFile(File file) : file_(std::move(file)) {}
  std::size_t tensor_count() const override { return file_.tensors().size(); }
  std::string_view name(std::size_t index) const override { return file_.tensors()[index].name(); }
  TensorRef tensor(std::size_t index) const override {
    const Tensor tensor = file_.tensors()[index];
    TensorRef ref;
    ref.name = tensor.name();
    ref.type = tensor.dtype();
    ref.shape = tensor.shape().ToVector();
    ref.range = tensor.range();
    return ref;
  }
  std::optional<std::size_t> Find(std::string_view name) const override {
    return file_.FindIndex(name);
  }

  std::size_t metadata_count() const override { return file_.metadata_count(); }
  tensorgate::MetadataEntry metadata(std::size_t index) const override {
    const safetensors::MetadataEntry entry = file_.metadata(index);
    return {entry.key, entry.value};
  }
  std::optional<MetadataValue> FindMetadata(std::string_view key) const override {
    if (const auto found = file_.FindMetadata(key)) return *found;
    return std::nullopt;
  }
  bool has_metadata() const override {
    // The strict profile allows only this spelling of it.
    return metadata_count() != 0 ||
           tensorgate::internal::AsText(file_.header_bytes()).starts_with(R"({"__metadata__":{})");
  }

  void Describe(Describer& to) const override {
    to.Add("header_bytes", std::uint64_t{file_.header_bytes().size()},
           "header " + GroupDigits(file_.header_bytes().size()) + " bytes");
    to.Add("padding_bytes", std::uint64_t{file_.padding()},
           GroupDigits(file_.padding()) + " of them padding");
    to.Add("data_offset", file_.data_offset(),
           "data from byte " + GroupDigits(file_.data_offset()));
  }

 private:
  const void* Concrete(const std::type_info& type) const override {
    return type == typeid(File) ? &file_ : nullptr;
  }
  File file_;
};

// The entries whose name does not occur again later, in order.
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

class ReadFile final : public ModelFile {
 public:
  explicit ReadFile(std::unique_ptr<const Header> header) : header_(std::move(header)) {
    const auto name_at = [this](std::uint32_t i) {
      return header_->NameOf(header_->tensors.span()[i]);
    };
    tensors_ = LastOfEachName(header_->tensors.size(), name_at);
    // In the order of their data, so that tensors that are not moved are copied together.
    std::ranges::sort(tensors_, {},
                      [&](std::uint32_t i) { return std::pair(header_->BeginOf(i), name_at(i)); });
    entries_ = LastOfEachName(header_->metadata.size(), [this](std::uint32_t i) {
      return header_->TextAt(header_->metadata.span()[i].key);
    });
  }
  std::size_t tensor_count() const override { return tensors_.size(); }
  std::string_view name(std::size_t index) const override {
    return header_->NameOf(header_->tensors.span()[tensors_[index]]);
  }
  TensorRef tensor(std::size_t index) const override {
    const auto& record = header_->tensors.span()[tensors_[index]];
    TensorRef ref;
    ref.name = header_->NameOf(record);
    ref.type = record.dtype();
    auto dimensions = header_->Dimensions(record);
    for (std::uint64_t dimension; dimensions.Next(dimension);) ref.shape.push_back(dimension);
    const std::uint64_t begin = header_->BeginOf(tensors_[index]);
    ref.range = {header_->data_offset() + begin, record.end - begin};
    return ref;
  }
  std::optional<std::size_t> Find(std::string_view name) const override {
    const auto found = std::ranges::find_if(tensors_, [&](std::uint32_t i) {
      return header_->NameOf(header_->tensors.span()[i]) == name;
    });
    if (found == tensors_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - tensors_.begin());
  }

  std::size_t metadata_count() const override { return entries_.size(); }
  tensorgate::MetadataEntry metadata(std::size_t index) const override {
    const auto& entry = header_->metadata.span()[entries_[index]];
    return {header_->TextAt(entry.key), header_->TextAt(entry.value)};
  }
  std::optional<MetadataValue> FindMetadata(std::string_view key) const override {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (const tensorgate::MetadataEntry entry = metadata(i); entry.key == key) return entry.value;
    }
    return std::nullopt;
  }

 private:
  const void* Concrete(const std::type_info&) const override { return nullptr; }
  std::unique_ptr<const Header> header_;
  std::vector<std::uint32_t> tensors_, entries_;  // indices into the header's
};

}  // namespace

std::unique_ptr<const ModelFile> MakeModelFile(File file) {
  return std::make_unique<const SafetensorsFile>(std::move(file));
}

Report ReadModelAsReference(Source& source, const CheckOptions& options,
                            std::unique_ptr<const ModelFile>* read) {
  std::unique_ptr<const Header> header;
  Report report = ReadAsReference(source, options, header);
  if (header) *read = std::make_unique<const ReadFile>(std::move(header));
  return report;
}

}  // namespace tensorgate::safetensors::internal
