#include "lib/write/file_layout.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <expected>
#include <numeric>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/utf8.h"
#include "lib/formats/safetensors/header.h"
#include "lib/json/writer.h"
#include "tensorgate/tensor.h"

namespace tensorgate::safetensors::internal {
namespace {

using tensorgate::internal::AddOverflows;
using tensorgate::internal::AppendPlainJsonString;
using tensorgate::internal::ValidUtf8Length;

std::unexpected<Status> Refuse(Rule rule, std::uint64_t found) {
  return std::unexpected(Status{.rule = rule, .found = found});
}

void AppendNumber(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const std::to_chars_result end = std::to_chars(digits.begin(), digits.end(), number);
  out.append(digits.begin(), end.ptr);
}

bool IsUtf8(std::string_view text) { return ValidUtf8Length(text) == text.size(); }

// Entries sorted by name; or, as the error, the first one in that order that is a duplicate.
template <typename NameAt>
std::expected<std::vector<std::uint32_t>, std::uint32_t> SortBy(std::size_t count,
                                                                const NameAt& at) {
  std::vector<std::uint32_t> by_name(count);
  std::iota(by_name.begin(), by_name.end(), 0u);
  std::ranges::sort(by_name, [&](std::uint32_t a, std::uint32_t b) {
    const int order = at(a).compare(at(b));
    return order != 0 ? order < 0 : a < b;
  });
  const auto same = std::ranges::adjacent_find(
      by_name, [&](std::uint32_t a, std::uint32_t b) { return at(a) == at(b); });
  if (same != by_name.end()) return std::unexpected(*std::next(same));
  return by_name;
}

class HeaderText {
 public:
  HeaderText() : text_(kLengthBytes, '\0') {}

  bool TooLarge() const { return text_.size() - kLengthBytes > kMaxHeaderBytes; }

  Result<void> Metadata(const std::vector<std::pair<std::string, std::string>>& metadata) {
    text_ += "{\"__metadata__\":{";
    for (std::size_t i = 0; i < metadata.size(); ++i) {
      const auto& [key, value] = metadata[i];
      if (!IsUtf8(key) || !IsUtf8(value)) return Refuse(Rule::kSaveMetadataNotUtf8, i);
      if (i != 0) text_ += ',';
      AppendPlainJsonString(text_, key);
      text_ += ':';
      AppendPlainJsonString(text_, value);
      if (TooLarge()) return Refuse(Rule::kSaveHeaderTooLarge, text_.size() - kLengthBytes);
    }
    text_ += '}';
    return {};
  }

  Result<void> Tensor(const TensorSpec& tensor, std::uint64_t begin, std::uint64_t end) {
    text_ += text_.size() == kLengthBytes ? '{' : ',';
    AppendPlainJsonString(text_, tensor.name);
    text_ += ":{\"dtype\":\"";
    text_ += Name(tensor.dtype);
    text_ += "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      if (i != 0) text_ += ',';
      AppendNumber(text_, tensor.shape[i]);
    }
    text_ += "],\"data_offsets\":[";
    AppendNumber(text_, begin);
    text_ += ',';
    AppendNumber(text_, end);
    text_ += "]}";
    if (TooLarge()) return Refuse(Rule::kSaveHeaderTooLarge, text_.size() - kLengthBytes);
    return {};
  }

  Result<std::string> Finish(std::uint64_t alignment, std::uint64_t remainder) {
    text_ += text_.size() == kLengthBytes ? "{}" : "}";
    const std::uint64_t beyond = text_.size() % alignment;
    const std::uint64_t padded =
        text_.size() - beyond + remainder + (beyond > remainder ? alignment : 0);
    if (padded - kLengthBytes > kMaxHeaderBytes) {
      return Refuse(Rule::kSaveHeaderTooLarge, padded - kLengthBytes);
    }
    text_.resize(static_cast<std::size_t>(padded), ' ');
    std::array<std::byte, kLengthBytes> length;
    tensorgate::internal::StoreLittleEndian64(padded - kLengthBytes, length);
    text_.replace(0, kLengthBytes, tensorgate::internal::AsText(length));
    return std::move(text_);
  }

 private:
  std::string text_;
};

std::vector<std::uint32_t> OrderOf(std::span<const TensorSpec> tensors,
                                   std::span<const std::uint64_t> bytes,
                                   const LayoutOptions& options) {
  std::vector<std::uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0u);
  if (options.as_given) return order;
  // The powers of two in a size, up to the alignment: the tensor after it keeps that alignment.
  // Without data: all of them.
  const auto factor = [&](std::uint32_t i) {
    return options.alignment <= 8 ? 0 : std::countr_zero(bytes[i] | options.alignment);
  };
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    if (factor(a) != factor(b)) return factor(a) > factor(b);
    if (tensors[a].dtype != tensors[b].dtype) return tensors[a].dtype > tensors[b].dtype;
    return tensors[a].name < tensors[b].name;
  });
  return order;
}

}  // namespace

Result<std::uint64_t> TensorBytes(DType dtype, std::span<const std::uint64_t> shape) {
  if (shape.size() > kMaxRank) return Refuse(Rule::kSaveRank, 0);
  ShapeSize size;
  for (const std::uint64_t dimension : shape) size.Multiply(dimension);
  const std::uint64_t bits = Bits(dtype);
  if (size.HiddenOverflow(bits)) return Refuse(Rule::kSaveShapeOverflow, 0);
  const std::uint64_t total = size.TotalBits(bits);
  if (total % 8 != 0 || (!shape.empty() && size.RowBitsModulo8(bits) != 0)) {
    return Refuse(Rule::kSaveSubByteRow, 0);
  }
  return total / 8;
}

Result<std::vector<std::uint32_t>> SortNames(std::span<const TensorSpec> tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name == kMetadataName) return Refuse(Rule::kSaveNameReserved, i);
    if (!IsUtf8(tensors[i].name)) return Refuse(Rule::kSaveNameNotUtf8, i);
  }
  auto sorted = SortBy(tensors.size(), [&](std::uint32_t i) { return tensors[i].name; });
  if (!sorted) return Refuse(Rule::kSaveNameDuplicate, sorted.error());
  return *std::move(sorted);
}

Result<FileLayout> LayOut(std::span<const TensorSpec> tensors, const LayoutOptions& options) {
  // A tensor's entry has at least 40 bytes: more tensors do not fit into any header, and their
  // number fits 32 bits.
  if (tensors.size() > kMaxHeaderBytes / 40) {
    return Refuse(Rule::kSaveHeaderTooLarge, std::uint64_t{tensors.size()} * 40);
  }
  std::vector<std::uint64_t> bytes(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Result<std::uint64_t> size = TensorBytes(tensors[i].dtype, tensors[i].shape);
    if (!size) return Refuse(size.error().rule, i);
    bytes[i] = *size;
  }
  HeaderText header;
  if (options.metadata != nullptr) {
    const auto& metadata = *options.metadata;
    const auto keys = SortBy(metadata.size(),
                             [&](std::uint32_t i) { return std::string_view(metadata[i].first); });
    if (!keys) return Refuse(Rule::kSaveMetadataDuplicate, keys.error());
    TENSORGATE_TRY(header.Metadata(metadata));
  }
  FileLayout layout;
  layout.order = OrderOf(tensors, bytes, options);
  layout.begin.resize(tensors.size());
  std::uint64_t end = 0;
  for (const std::uint32_t i : layout.order) {
    const std::uint64_t begin = end;
    if (AddOverflows(end, bytes[i])) return Refuse(Rule::kSaveShapeOverflow, i);
    layout.begin[i] = begin;
    TENSORGATE_TRY(header.Tensor(tensors[i], begin, end));
  }
  Result<std::string> head = header.Finish(options.alignment, options.remainder);
  if (!head) return std::unexpected(head.error());
  layout.head = *std::move(head);
  layout.file_bytes = layout.head.size();
  // On every system files end before 2^63 bytes. A head without data is far smaller.
  if (AddOverflows(layout.file_bytes, end) || layout.file_bytes > INT64_MAX) {
    return Refuse(Rule::kSaveShapeOverflow, layout.order.back());
  }
  for (std::uint64_t& begin : layout.begin) begin += layout.head.size();
  return layout;
}

}  // namespace tensorgate::safetensors::internal
