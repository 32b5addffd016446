// The events of a plain header, inlined into the parser.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_HANDLER_EVENTS_H_
#define TENSORGATE_FORMATS_SAFETENSORS_HANDLER_EVENTS_H_

#include <cstring>

#include "lib/formats/safetensors/handler.h"

namespace tensorgate::safetensors::internal {

TENSORGATE_HOT bool HeaderHandler::on_object_begin(Error& error) {
  if (state_ != State::kTensor) [[unlikely]] {
    return OtherObject(error);
  }
  state_ = State::kField;
  return true;
}

TENSORGATE_HOT bool HeaderHandler::on_object_end(std::size_t, Error& error) {
  if (state_ != State::kField) [[unlikely]] {
    return OtherObjectEnd(error);
  }
  return EndTensor(error);
}

TENSORGATE_HOT bool HeaderHandler::on_array_begin(Error& error) {
  if (state_ == State::kShape) {
    state_ = State::kDimension;
    // Once out of line, no tensor is plain.
    shape_ = {.plain = in_line_};
    rank_ = 0;
    return true;
  }
  if (state_ != State::kOffsets) [[unlikely]] {
    return OtherArray(error);
  }
  state_ = State::kBegin;
  return true;
}

TENSORGATE_HOT bool HeaderHandler::on_array_end(std::size_t, Error& error) {
  if (state_ == State::kDimension) {
    if (rank_ > limits_.rank) [[unlikely]] {
      return RankLimit(error);
    }
    return FieldDone(State::kOffsets);
  }
  if (state_ != State::kOffsetsEnd) [[unlikely]] {
    return OtherArrayEnd(error);
  }
  return FieldDone(State::kItemsEnd);
}

TENSORGATE_HOT bool HeaderHandler::on_key(Text part, std::size_t, Error& error) {
  if (state_ == State::kField) return FieldKey(part, error);
  if (state_ != State::kRoot) [[unlikely]] {
    return OtherKey(part, error);
  }
  const auto offset = tensorgate::internal::OffsetWithin(text_, part);
  if (!offset) [[unlikely]] {
    return EscapedName(part, error);
  }
  return BeginTensor(part, static_cast<TextRef>(*offset), error);
}

TENSORGATE_HOT bool HeaderHandler::on_string(Text part, std::size_t, Error& error) {
  if (state_ != State::kDtype) [[unlikely]] {
    return OtherString(part, error);
  }
  if (part.size() != dtype_size_ || tensorgate::internal::ShortWord(part) != dtype_word_)
      [[unlikely]] {
    return OtherDtype(part, error);
  }
  return FieldDone(State::kShape);
}

TENSORGATE_HOT bool HeaderHandler::on_uint64(std::uint64_t value, Text text, Error& error) {
  switch (state_) {
    case State::kDimension:
      if (rank_++ % kDimensionPace == 0) {
        if (rank_ == 1) {
          tensor_->shape =
              static_cast<std::uint32_t>(*tensorgate::internal::OffsetWithin(text_, text));
        } else if (Ended(error)) {
          return false;
        }
      }
      shape_.Multiply(value);
      return true;
    case State::kBegin:
      begin_ = value;
      state_ = State::kEnd;
      return true;
    case State::kEnd:
      tensor_->end = value;
      state_ = State::kOffsetsEnd;
      return true;
    default:
      return OtherNumber(text, error);
  }
}

TENSORGATE_HOT bool HeaderHandler::on_int64(std::int64_t value, Text text, Error& error) {
  // "-0" arrives as 0; the reference reads it as a float.
  if (value <= 0 && text[0] == '-') [[unlikely]] {
    return OtherNumber(text, error);
  }
  return on_uint64(static_cast<std::uint64_t>(value), text, error);
}

TENSORGATE_HOT bool HeaderHandler::FieldKey(std::string_view key, Error& error) {
  if (key.size() == 5) {
    if (std::memcmp(key.data(), "dtype", 5) == 0)
      return BeginField(kDtypeField, State::kDtype, key, error);
    if (std::memcmp(key.data(), "shape", 5) == 0)
      return BeginField(kShapeField, State::kShape, key, error);
  } else if (key.size() == 12 && std::memcmp(key.data(), "data_offsets", 12) == 0) {
    return BeginField(kOffsetsField, State::kOffsets, key, error);
  }
  return OtherField(kNoField, key, error);
}

TENSORGATE_HOT bool HeaderHandler::BeginField(Field field, State state, std::string_view key,
                                              Error& error) {
  if ((fields_ & field) != 0) [[unlikely]] {
    return OtherField(field, key, error);
  }
  fields_ |= field;
  state_ = state;
  return true;
}

TENSORGATE_HOT bool HeaderHandler::FieldDone(State next_item) {
  state_ = State::kField;
  if (as_array_) [[unlikely]] {
    state_ = next_item;
  }
  return true;
}

TENSORGATE_HOT bool HeaderHandler::BeginTensor(std::string_view name, TextRef ref, Error& error) {
  if (name.size() == kMetadataName.size() &&
      std::memcmp(name.data(), kMetadataName.data(), kMetadataName.size()) == 0) [[unlikely]] {
    return BeginMetadata(error);
  }
  tensor_ = &tensors_.Spare();
  tensor_->shape = 0;  // remains 0 if there are no dimensions
  tensor_->name = ref;
  tensor_->name_length = static_cast<std::uint32_t>(name.size());
  if (name.size() > limits_.name_bytes || tensors_.size() >= pause_) [[unlikely]] {
    if (!Pause(error)) return false;
  }
  const tensorgate::internal::NameScan scan = tensorgate::internal::ScanName(name);
  name_hashes_.PushBack(scan.hash);
  if (scan.notable || name_ends_.Notable(name) || name.size() - 1 >= kLongName) [[unlikely]] {
    NoteName(name);
  }
  fields_ = 0;
  as_array_ = false;
  state_ = State::kTensor;
  return true;
}

TENSORGATE_HOT bool HeaderHandler::EndTensor(Error& error) {
  if (fields_ != kAllFields) [[unlikely]] {
    return MissingField(error);
  }
  tensor_->rank_dtype = rank_ << 5 | static_cast<std::uint32_t>(dtype_);
  std::uint64_t bytes = shape_.elements;
  const bool overflow = tensorgate::internal::MultiplyOverflows(bytes, element_bytes_);
  if (!shape_.plain || overflow || begin_ != expected_ || tensor_->end < begin_ ||
      tensor_->end - begin_ != bytes || tensor_->end > kExactDouble ||
      ((data_offset_ + begin_) & element_mask_) != 0 || rank_ > kHighRank) [[unlikely]] {
    return EndUnusualTensor();
  }
  parameters_ = tensorgate::internal::SaturatingAdd(parameters_, shape_.elements);
  return AddTensor();
}

TENSORGATE_HOT bool HeaderHandler::AddTensor() {
  expected_ = tensor_->end;
  dimensions_ += rank_;
  tensors_.AddSpare();
  state_ = State::kRoot;
  return true;
}

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_HANDLER_EVENTS_H_
