// Tensors that a plain header does not have.
#include "lib/safetensors/handler_events.h"
#include "tensorgate/tensor.h"

namespace tensorgate::safetensors::internal {

bool HeaderHandler::EscapedName(std::string_view name, Error& error) {
  return BeginTensor(name, Store(name), error);
}

// A tensor that is out of line, or that may deserve a warning.
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

// From here on the begins are kept.
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
