#include <algorithm>
#include <cstdlib>
#include <new>
#include <tuple>
#include <utility>

#include "lib/formats/safetensors/examination.h"
#include "lib/source/data.h"
#include "lib/source/drive.h"
#include "tensorgate/safetensors.h"

namespace tensorgate::safetensors {

using internal::Examination;
using internal::Header;

namespace {

constexpr std::string_view kFormat = "safetensors";

// Reads what the scope requires beyond the structure.
Result<void> ReadData(Examination& examination, Source& source) {
  const auto ranges = examination.Unread();
  if (ranges.empty()) return {};
  const auto facts =
      TENSORGATE_TRY(tensorgate::internal::ReadData(source, ranges, examination.interrupt()));
  examination.OnData(ranges, facts);
  return source.CheckUnchanged();
}

// Drives an examination with a source of random access.
void Drive(Examination& examination, Source& source) {
  examination.Begin(source.size());
  Result<void> read = tensorgate::internal::Drive(examination, source, examination.interrupt());
  if (read) read = ReadData(examination, source);
  if (!read) examination.Fail(read.error());
}

// Examines `source`; `header` receives the header of an accepted file. A caller's source may throw
// anything.
Report Examine(Source& source, const CheckOptions& options, std::unique_ptr<const Header>* header) {
  try {
    Examination examination(options);
    Drive(examination, source);
    Report report = examination.Finish();
    if (header != nullptr && report.verdict() == Verdict::kAccepted)
      *header = examination.TakeHeader();
    return report;
  } catch (...) {
    return ReportBuilder::Caught(options, kFormat);
  }
}

}  // namespace

Report internal::ReadAsReference(Source& source, const CheckOptions& options,
                                 std::unique_ptr<const Header>& header) {
  CheckOptions reference = options;
  reference.profile = Profile::kReference;
  return Examine(source, reference, &header);
}

Shape::Iterator::Iterator(std::string_view text, std::size_t left) : text_(text), left_(left + 1) {
  ++*this;
}

Shape::Iterator& Shape::Iterator::operator++() {
  if (--left_ == 0) return *this;
  internal::DimensionReader reader(text_, 1);
  reader.Next(value_);
  text_ = reader.rest();
  return *this;
}

std::string_view Tensor::name() const { return header_->NameOf(header_->tensors[record_]); }
DType Tensor::dtype() const { return header_->tensors[record_].dtype(); }
std::size_t Tensor::rank() const { return header_->tensors[record_].rank(); }
Shape Tensor::shape() const {
  const internal::TensorRecord& record = header_->tensors[record_];
  return {header_->text().substr(record.shape), record.rank()};
}
ByteRange Tensor::range() const {
  const std::uint64_t begin = header_->BeginOf(record_);
  return {header_->data_offset() + begin, header_->tensors[record_].end - begin};
}

std::uint64_t Tensor::elements() const {
  const internal::ShapeSize size = header_->SizeOf(header_->tensors[record_]);
  return size.zero ? 0 : size.nonzero;
}

std::size_t TensorList::size() const { return header_->tensors.size(); }

Tensor TensorList::operator[](std::size_t index) const {
  if (index >= size()) std::abort();
  return {header_, header_->order.empty() ? index : header_->order[index]};
}

File::File(std::unique_ptr<const Header> header, Report report)
    : header_(std::move(header)), report_(std::move(report)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

std::expected<File, Report> File::Open(Source& source, const CheckOptions& options) {
  std::unique_ptr<const Header> header;
  Report report = Examine(source, tensorgate::internal::StrictOptions(options), &header);
  if (!header) return std::unexpected(std::move(report));
  return File(std::move(header), std::move(report));
}

std::expected<File, Report> File::OpenPath(const std::string& path, const CheckOptions& options) {
  Result<FileSource> source = FileSource::Open(path);
  if (!source)
    return std::unexpected(ReportBuilder::Failed(
        source.error(), tensorgate::internal::StrictOptions(options), kFormat));
  return Open(*source, options);
}

std::expected<File, Report> File::OpenBytes(std::span<const std::byte> bytes,
                                            const CheckOptions& options) {
  MemorySource source(bytes);
  return Open(source, options);
}

std::optional<Tensor> File::Find(std::string_view name) const {
  const Header& header = *header_;
  const auto found =
      header.index.Find(name, tensorgate::internal::HashName(name),
                        [&](std::uint32_t i) { return header.NameOf(header.tensors.span()[i]); });
  if (!found) return std::nullopt;
  return Tensor(&header, *found);
}

std::optional<std::size_t> File::FindIndex(std::string_view name) const {
  const Header& header = *header_;
  const auto found =
      header.index.Find(name, tensorgate::internal::HashName(name),
                        [&](std::uint32_t i) { return header.NameOf(header.tensors.span()[i]); });
  if (!found || header.order.empty()) return found;
  // Ordered by (begin, end); tensors with the same range as in the header.
  const auto key = [&](std::uint32_t record) {
    return std::tuple(header.BeginOf(record), header.tensors[record].end, record);
  };
  const auto order = header.order.span();
  const auto at = std::ranges::lower_bound(order, key(*found), {}, key);
  return static_cast<std::size_t>(at - order.begin());
}

std::size_t File::metadata_count() const { return header_->metadata.size(); }

MetadataEntry File::metadata(std::size_t index) const {
  const internal::MetadataRecord& record = header_->metadata[index];
  return {header_->TextAt(record.key), header_->TextAt(record.value)};
}

std::optional<std::string_view> File::FindMetadata(std::string_view key) const {
  for (const internal::MetadataRecord& record : header_->metadata.span()) {
    if (header_->TextAt(record.key) == key) return header_->TextAt(record.value);
  }
  return std::nullopt;
}

std::span<const std::byte> File::header_bytes() const {
  return header_->bytes.span().first(header_->size);
}
std::size_t File::padding() const { return header_->padding; }
std::uint64_t File::data_offset() const { return header_->data_offset(); }
std::uint64_t File::file_size() const { return header_->file_size; }

Report Check(Source& source, const CheckOptions& options) {
  return Examine(source, options, nullptr);
}

Report CheckPath(const std::string& path, const CheckOptions& options) {
  Result<FileSource> source = FileSource::Open(path);
  return source ? Check(*source, options) : ReportBuilder::Failed(source.error(), options, kFormat);
}

Report CheckBytes(std::span<const std::byte> bytes, const CheckOptions& options) {
  MemorySource source(bytes);
  return Check(source, options);
}

// A failure to allocate is kept until Finish, so that a stream's caller has only one place to
// check.
StreamCheck::StreamCheck(const CheckOptions& options) : options_(options) {
  try {
    examination_ = std::make_unique<Examination>(options);
  } catch (const std::bad_alloc&) {
    examination_ = nullptr;
  }
}
StreamCheck::StreamCheck(StreamCheck&&) noexcept = default;
StreamCheck& StreamCheck::operator=(StreamCheck&&) noexcept = default;
StreamCheck::~StreamCheck() = default;

bool StreamCheck::Feed(std::span<const std::byte> bytes) {
  if (!examination_) return false;
  try {
    return examination_->Feed(bytes);
  } catch (const std::bad_alloc&) {
    examination_ = nullptr;
    return false;
  }
}

Report StreamCheck::Finish(bool at_end) {
  if (!examination_) return ReportBuilder::OutOfMemory(options_, kFormat);
  try {
    if (at_end) {
      examination_->EndOfStream();
    } else {
      examination_->BreakOff();
    }
    return examination_->Finish();
  } catch (const std::bad_alloc&) {
    return ReportBuilder::OutOfMemory(options_, kFormat);
  }
}

}  // namespace tensorgate::safetensors
