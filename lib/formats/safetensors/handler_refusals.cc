// What stops the handler: limits, and values that the grammar does not allow in that place.
#include <algorithm>

#include "lib/formats/safetensors/handler.h"

namespace tensorgate::safetensors::internal {

using json::TokenKind;

bool HeaderHandler::MissingField(Error& error) {
  const char* missing = (fields_ & kDtypeField) == 0   ? "dtype"
                        : (fields_ & kShapeField) == 0 ? "shape"
                                                       : "data_offsets";
  stopped_ = {.rule = Rule::kStFieldMissing,
              .kind = TokenKind::kObjectEnd,
              .at_tensor_key = true,
              .names_tensor = true,
              .found_text = missing};
  return Stop(error);
}

bool HeaderHandler::Ended(Error& error) {
  const std::optional<Rule> rule = interrupt_.Ended();
  if (!rule) return false;
  stopped_ = {.rule = *rule, .ended = true};
  Stop(error);
  return true;
}

// For a tensor that may exceed a limit, and at regular intervals: returns true if the parse
// continues.
bool HeaderHandler::Pause(Error& error) {
  const bool name = tensor_->name_length > limits_.name_bytes;
  if (!name && tensors_.size() < limits_.tensors) {
    pause_ = std::min<std::uint64_t>(limits_.tensors, tensors_.size() + kPace);
    return !Ended(error);
  }
  stopped_ = {.rule = name ? Rule::kLimitNameBytes : Rule::kLimitTensors,
              .kind = TokenKind::kString,
              .at_tensor_key = true,
              .names_tensor = true,
              .found = tensor_->name_length,
              .allowed = name ? limits_.name_bytes : limits_.tensors};
  return Stop(error);
}

bool HeaderHandler::RankLimit(Error& error) {
  stopped_ = {.rule = Rule::kLimitRank,
              .kind = TokenKind::kArrayEnd,
              .at_tensor_key = true,
              .names_tensor = true,
              .allowed = limits_.rank};
  return Stop(error);
}

// A value whose JSON type is not the one that the state requires.
bool HeaderHandler::Unexpected(TokenKind kind, Error& error) {
  stopped_ = {.kind = kind, .names_tensor = true, .show_token = true};
  switch (state_) {
    case State::kStart:
      stopped_.rule = Rule::kStRootNotObject;
      stopped_.names_tensor = false;
      break;
    case State::kMetadata:
      stopped_.rule = Rule::kStMetadataNotObject;
      stopped_.names_tensor = false;
      break;
    case State::kMetadataValue:
      stopped_.rule = Rule::kStMetadataNotString;
      stopped_.names_tensor = false;
      stopped_.names_key = true;
      break;
    case State::kTensor:
      stopped_.rule = Rule::kStTensorNotObject;
      break;
    case State::kDimension:
      stopped_.rule = Rule::kStDimensionNotInteger;
      break;
    case State::kBegin:
    case State::kEnd:
      stopped_.rule = Rule::kStOffsetNotInteger;
      break;
    case State::kOffsetsEnd:
      stopped_.rule = Rule::kStOffsetsCount;
      stopped_.found = 3;
      break;
    case State::kItemsEnd:
      stopped_.rule = Rule::kStTensorItems;
      stopped_.found = 4;
      break;
    default:
      stopped_.rule = Rule::kStFieldType;
      break;
  }
  return Stop(error);
}

}  // namespace tensorgate::safetensors::internal
