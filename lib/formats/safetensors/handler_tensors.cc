// Tensors that do not occur in a plain header.
#include <algorithm>

#include "lib/formats/safetensors/handler_events.h"
#include "tensorgate/tensor.h"

namespace tensorgate::safetensors::internal {
namespace {

using tensorgate::internal::kMetadataKeys;
using tensorgate::internal::kSafetensorsNames;
using tensorgate::internal::TraitsOf;

// Printable ASCII.
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

// A name or key that a first look found notable: decides whether the rules must look at all of
// them.
void HeaderHandler::NoteName(std::string_view name) {
  const bool plain = IsPlain(name);
  if (!plain || name.size() - 1 >= kLongName || name.starts_with('/') || name.contains("..")) {
    seen_ |= kSeenNotable;
  }
  if (!plain || name.contains('/') || TraitsOf(name, kSafetensorsNames) != 0) {
    seen_ |= kSeenNotableName;
  }
}

void HeaderHandler::NoteKey(std::string_view key) {
  if (!IsPlain(key) || TraitsOf(key, kMetadataKeys) != 0) seen_ |= kSeenNotableKeyName;
}

bool HeaderHandler::EscapedName(std::string_view name, Error& error) {
  NoteName(name);
  return BeginTensor(name, Store(name), error);
}

// Ends a tensor that is out of line, or that may deserve a warning.
bool HeaderHandler::EndUnusualTensor() {
  ShapeSize size;
  bool notable = rank_ > kHighRank || tensor_->end > kExactDouble;
  DimensionReader dimensions = header_.Dimensions(*tensor_);
  for (std::uint64_t dimension; dimensions.Next(dimension);) {
    size.Multiply(dimension);
    notable |= dimension > kLargeDimension;
  }
  const std::uint64_t bits = Bits(dtype_);
  const std::uint64_t total = size.TotalBits(bits);
  const bool as_long = rank_ <= kMaxRank && !size.HiddenOverflow(bits) && total % 8 == 0 &&
                       size.RowBitsModulo8(bits) == 0 && tensor_->end >= begin_ &&
                       tensor_->end - begin_ == total / 8;
  if (in_line_ && (!as_long || begin_ != expected_)) LeaveLine();
  if (!in_line_) begins_.PushBack(begin_);
  notable |= size.zero || (bits >= 16 && (data_offset_ + begin_) % (bits / 8) != 0);
  if (notable) seen_ |= kSeenNotable;
  const std::uint64_t elements = size.zero ? 0 : size.nonzero_overflows ? UINT64_MAX : size.nonzero;
  parameters_ = tensorgate::internal::SaturatingAdd(parameters_, elements);
  return AddTensor();
}

// From here on the start of each tensor is stored.
void HeaderHandler::LeaveLine() {
  in_line_ = false;
  seen_ |= kSeenOutOfLine;
  std::uint64_t begin = 0;
  for (const TensorRecord& tensor : tensors_.span()) {
    begins_.PushBack(begin);
    begin = tensor.end;
  }
}

}  // namespace tensorgate::safetensors::internal
