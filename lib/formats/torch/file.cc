#include <algorithm>
#include <new>
#include <utility>

#include "lib/formats/torch/examination.h"
#include "tensorgate/torch.h"

namespace tensorgate::torch {

using internal::Contents;
using internal::Examine;
using internal::NamedTensor;
using internal::ScalarInfo;
using internal::StorageValue;
using internal::TensorValue;

namespace {

Report ExaminePath(const std::string& path, const CheckOptions& options,
                   std::unique_ptr<const Contents>* contents) {
  Result<FileSource> source = FileSource::Open(path);
  if (source) return Examine(*source, options, contents);
  return ReportBuilder::Failed(source.error(), options, FormatName(internal::Layout::kZip));
}

std::vector<std::uint64_t> Numbers(const pickle::Values& values, const pickle::Value& tuple) {
  const std::span<const pickle::Value> items = values.Items(tuple);
  std::vector<std::uint64_t> numbers;
  numbers.reserve(items.size());
  for (const pickle::Value& item : items) numbers.push_back(item.bits);
  return numbers;
}

}  // namespace

std::uint64_t Tensor::elements() const {
  std::uint64_t product = 1;
  // A dimension of 0 makes it 0, whatever the product of the others; otherwise the product fits.
  for (const std::uint64_t dimension : shape) {
    if (dimension == 0) return 0;
  }
  for (const std::uint64_t dimension : shape) product *= dimension;
  return product;
}

bool Tensor::contiguous() const {
  if (elements() == 0) return true;
  std::uint64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && stride[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

File::File(std::unique_ptr<const Contents> contents, Report report)
    : contents_(std::move(contents)), report_(std::move(report)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

std::expected<File, Report> File::Open(Source& source, const CheckOptions& options) {
  std::unique_ptr<const Contents> contents;
  Report report = Examine(source, tensorgate::internal::StrictOptions(options), &contents);
  if (!contents) return std::unexpected(std::move(report));
  return File(std::move(contents), std::move(report));
}

std::expected<File, Report> File::OpenPath(const std::string& path, const CheckOptions& options) {
  std::unique_ptr<const Contents> contents;
  Report report = ExaminePath(path, tensorgate::internal::StrictOptions(options), &contents);
  if (!contents) return std::unexpected(std::move(report));
  return File(std::move(contents), std::move(report));
}

std::expected<File, Report> File::OpenBytes(std::span<const std::byte> bytes,
                                            const CheckOptions& options) {
  MemorySource source(bytes);
  return Open(source, options);
}

std::size_t File::tensor_count() const { return contents_->tensors.size(); }

std::string_view File::name(std::size_t index) const {
  return contents_->NameOf(contents_->tensors[index]);
}

Tensor File::tensor(std::size_t index) const {
  const NamedTensor& named = contents_->tensors[index];
  const TensorValue& value = contents_->rebuild->tensors()[named.tensor];
  const ScalarInfo& scalar = Info(value.dtype);
  Tensor tensor{.name = contents_->NameOf(named),
                .dtype_name = scalar.name,
                .dtype = scalar.dtype,
                .element_bytes = scalar.bytes,
                .shape = Numbers(contents_->values(), value.shape),
                .stride = Numbers(contents_->values(), value.stride),
                .offset = value.offset,
                .storage = value.storage,
                .storage_range = contents_->ranges[value.storage],
                .requires_grad = value.requires_grad,
                .is_parameter = value.is_parameter};
  tensor.range.offset = tensor.storage_range.offset;
  if (value.elements == 0) return tensor;
  tensor.range.offset += value.offset * scalar.bytes;
  tensor.range.length = (LastElement(contents_->values(), value) + 1) * scalar.bytes;
  return tensor;
}

std::optional<std::size_t> File::Find(std::string_view name) const {
  const std::span<const NamedTensor> tensors = contents_->tensors.span();
  return contents_->index.Find(name, tensorgate::internal::HashName(name),
                               [&](std::uint32_t i) { return contents_->NameOf(tensors[i]); });
}

std::size_t File::storage_count() const { return contents_->rebuild->storages().size(); }

Storage File::storage(std::size_t index) const {
  const StorageValue& value = contents_->rebuild->storages()[index];
  return {value.location, value.untyped ? 1 : std::uint64_t{Info(value.dtype).bytes},
          contents_->ranges[index]};
}

std::string_view File::location(std::size_t index) const {
  return contents_->rebuild->storages()[index].location;
}

std::uint64_t File::file_size() const { return contents_->file_size; }

Report Check(Source& source, const CheckOptions& options) {
  return Examine(source, options, nullptr);
}

Report CheckPath(const std::string& path, const CheckOptions& options) {
  return ExaminePath(path, options, nullptr);
}

Report CheckBytes(std::span<const std::byte> bytes, const CheckOptions& options) {
  MemorySource source(bytes);
  return Check(source, options);
}

}  // namespace tensorgate::torch
