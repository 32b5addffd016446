#include "lib/formats/numpy/file.h"

#include <algorithm>
#include <utility>

#include "lib/formats/numpy/examination.h"
#include "lib/second_readings/second_readings.h"
#include "lib/source/drive.h"

namespace tensorgate::numpy {
namespace {

using internal::Examination;
using internal::Header;

class NumpyFile final : public ModelFile {
 public:
  explicit NumpyFile(Header header) : header_(std::move(header)) {}

  std::size_t tensor_count() const override { return 1; }
  std::string_view name(std::size_t) const override { return kTensorName; }
  TensorRef tensor(std::size_t) const override {
    return {.name = kTensorName,
            .type = Type(),
            .shape = header_.shape,
            .stride = Strides(),
            .range = {header_.data_offset, header_.data_bytes}};
  }
  std::optional<std::size_t> Find(std::string_view name) const override {
    if (name != kTensorName) return std::nullopt;
    return 0;
  }
  std::optional<std::size_t> FindWithoutDType() const override {
    if (header_.dtype) return std::nullopt;
    return 0;
  }
  void DescribeTensor(std::size_t, Describer& to) const override {
    to.Add("descr", header_.descr, {});
    to.Add("fortran_order", header_.column_major, header_.column_major ? "Fortran order" : "");
  }

 private:
  ElementType Type() const {
    if (header_.dtype) return *header_.dtype;
    return {header_.descr, 1,
            static_cast<std::uint32_t>(std::max<std::uint64_t>(header_.element_bytes, 1))};
  }
  // Empty if the order makes no difference: at most one dimension is above 1, or there are no
  // elements.
  std::vector<std::uint64_t> Strides() const {
    const auto long_ones = std::ranges::count_if(header_.shape, [](auto n) { return n > 1; });
    if (!header_.column_major || header_.elements == 0 || long_ones < 2) return {};
    std::vector<std::uint64_t> strides;
    std::uint64_t next = 1;
    for (const std::uint64_t dimension : header_.shape) {
      strides.push_back(next);
      next *= dimension;
    }
    return strides;
  }
  const void* Concrete(const std::type_info&) const override { return nullptr; }

  Header header_;
};

Result<void> Read(Examination& examination, Source& source) {
  ReportBuilder& builder = examination.builder();
  examination.Begin(source.size());
  Result<void> read = tensorgate::internal::Drive(examination, source, builder.interrupt());
  if (!read) return read;
  const auto ranges = examination.Unread();
  if (ranges.empty()) return {};
  const auto facts = tensorgate::internal::ReadData(source, ranges, builder.interrupt());
  if (!facts) return std::unexpected(facts.error());
  examination.OnData(*facts);
  return source.CheckUnchanged();
}

}  // namespace

Report Examine(Source& source, const CheckOptions& options,
               std::unique_ptr<const ModelFile>* opened) {
  try {
    Examination examination(options);
    ReportBuilder& builder = examination.builder();
    if (const Result<void> read = Read(examination, source); !read) builder.Add(read.error());
    if (!builder.HasError() && options.profile == Profile::kStrict) {
      // As a pickle, the first byte would pop two texts from an empty stack: no file is both.
      using tensorgate::internal::Family;
      tensorgate::internal::AddSecondReadings(Family::kOther, source, builder);
    }
    Report report = builder.Finish();
    if (opened != nullptr && report.verdict() == Verdict::kAccepted) {
      *opened = std::make_unique<const NumpyFile>(examination.TakeHeader());
    }
    return report;
  } catch (...) {
    return ReportBuilder::Caught(options, "numpy");
  }
}

}  // namespace tensorgate::numpy
