// The rare paths of the handler.
#include "lib/safetensors/handler.h"

namespace tensorgate::safetensors::internal {

using json::TokenKind;

TextRef HeaderHandler::Store(std::string_view text) {
  std::string& arena = header_.arena;
  const auto length = static_cast<std::uint32_t>(text.size());
  for (int shift = 24; shift >= 0; shift -= 8) arena.push_back(static_cast<char>(length >> shift));
  const auto ref = static_cast<TextRef>(arena.size());
  arena.append(text);
  return ref | kInArena;
}

bool HeaderHandler::BeginMetadata(Error& error) {
  if (metadata_seen_) {
    stopped_ = {.rule = Rule::kStMetadataRepeated, .kind = TokenKind::kString};
    return Stop(error);
  }
  metadata_seen_ = true;
  state_ = State::kMetadata;
  return true;
}

bool HeaderHandler::OtherObject(Error& error) {
  switch (state_) {
    case State::kStart:
      state_ = State::kRoot;
      return true;
    case State::kMetadata:
      state_ = State::kMetadataKey;
      return true;
    case State::kDtype:
      seen_ |= kSeenDtypeAsMap;
      state_ = State::kDtypeMap;
      return true;
    case State::kUnknown:
      ++unknown_depth_;
      return true;
    default:
      return Unexpected(TokenKind::kObject, error);
  }
}

bool HeaderHandler::OtherObjectEnd(Error& error) {
  switch (state_) {
    case State::kRoot:
      state_ = State::kDone;
      return true;
    case State::kMetadataKey:
      state_ = State::kRoot;
      return true;
    case State::kDtypeMapEnd:
      return FieldDone(kDtypeField);
    case State::kUnknown:
      --unknown_depth_;
      return ScalarDone();
    default:  // kDtypeMap: {}
      stopped_ = {.rule = Rule::kStFieldType,
                  .kind = TokenKind::kObjectEnd,
                  .names_tensor = true,
                  .found_text = "an empty object"};
      return Stop(error);
  }
}

bool HeaderHandler::OtherArray(Error& error) {
  switch (state_) {
    case State::kTensor:
      seen_ |= kSeenTensorAsArray;
      as_array_ = true;
      state_ = State::kDtype;
      return true;
    case State::kUnknown:
      ++unknown_depth_;
      return true;
    default:
      return Unexpected(TokenKind::kArray, error);
  }
}

bool HeaderHandler::OtherArrayEnd(Error& error) {
  switch (state_) {
    case State::kItemsEnd:
      return EndTensor(error);
    case State::kUnknown:
      --unknown_depth_;
      return ScalarDone();
    case State::kBegin:
    case State::kEnd:
      stopped_ = {.rule = Rule::kStOffsetsCount,
                  .kind = TokenKind::kArrayEnd,
                  .names_tensor = true,
                  .found = state_ == State::kBegin ? 0u : 1u};
      return Stop(error);
    default:  // a tensor written as an array ends early
      stopped_ = {.rule = Rule::kStTensorItems,
                  .kind = TokenKind::kArrayEnd,
                  .names_tensor = true,
                  .found = state_ == State::kDtype   ? 0u
                           : state_ == State::kShape ? 1u
                                                     : 2u};
      return Stop(error);
  }
}

bool HeaderHandler::OtherField(Field field, std::string_view key, Error& error) {
  if (field != kNoField) {
    stopped_ = {.rule = Rule::kStFieldDuplicate,
                .kind = TokenKind::kString,
                .names_tensor = true,
                .found_text = std::string(key)};
    return Stop(error);
  }
  seen_ |= kSeenFieldUnknown;
  unknown_depth_ = 0;
  state_ = State::kUnknown;
  return true;
}

bool HeaderHandler::OtherKey(std::string_view part, Error& error) {
  switch (state_) {
    case State::kMetadataKey: {
      std::uint32_t length = 0;
      TakeText(part, key_, length);
      if (length > limits_.name_bytes || header_.metadata.size() >= limits_.metadata_entries) {
        const bool name = length > limits_.name_bytes;
        stopped_ = {.rule = name ? Rule::kLimitNameBytes : Rule::kLimitMetadataEntries,
                    .kind = TokenKind::kString,
                    .names_key = true,
                    .found = length,
                    .allowed = name ? limits_.name_bytes : limits_.metadata_entries};
        return Stop(error);
      }
      parsed_.key_hashes.PushBack(Scan(key_, length).hash);
      if (length == 5 || length == 12 || length == 17) seen_ |= kSeenNotableKey;
      state_ = State::kMetadataValue;
      return true;
    }
    case State::kDtypeMap:
      if (!SetDtype(Whole(part), error)) return false;
      state_ = State::kDtypeMapValue;
      return true;
    case State::kDtypeMapEnd:
      stopped_ = {.rule = Rule::kStFieldType,
                  .kind = TokenKind::kString,
                  .names_tensor = true,
                  .found_text = "an object of several entries"};
      return Stop(error);
    default:
      Whole(part);
      return true;
  }
}

bool HeaderHandler::OtherString(std::string_view part, Error& error) {
  if (state_ == State::kMetadataValue) [[likely]] {
    MetadataRecord record{.key = key_, .value = 0};
    std::uint32_t length = 0;
    TakeText(part, record.value, length);
    header_.metadata.PushBack(record);
    state_ = State::kMetadataKey;
    return true;
  }
  Whole(part);
  if (state_ == State::kUnknown) return ScalarDone();
  return Unexpected(TokenKind::kString, error);
}

bool HeaderHandler::OtherNumber(std::string_view text, Error& error) {
  if (state_ != State::kUnknown) return Unexpected(TokenKind::kNumber, error);
  if (!json::SerdeReadsFinite(text)) {
    stopped_ = {.rule = Rule::kStJsonNumberRange,
                .kind = TokenKind::kNumber,
                .names_tensor = true,
                .show_token = true};
    return Stop(error);
  }
  return ScalarDone();
}

bool HeaderHandler::on_null(Error& error) {
  switch (state_) {
    case State::kMetadata:
      seen_ |= kSeenMetadataNull;
      state_ = State::kRoot;
      return true;
    case State::kDtypeMapValue:
      state_ = State::kDtypeMapEnd;
      return true;
    case State::kUnknown:
      return ScalarDone();
    default:
      return Unexpected(TokenKind::kNull, error);
  }
}

bool HeaderHandler::UnknownDtype(std::string_view name, Error& error) {
  stopped_ = {.rule = Rule::kStDtypeUnknown,
              .kind = TokenKind::kString,
              .names_tensor = true,
              .found_text = std::string(name)};
  return Stop(error);
}

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

bool HeaderHandler::TensorLimit(Error& error) {
  const bool name = tensor_.name_length > limits_.name_bytes;
  stopped_ = {.rule = name ? Rule::kLimitNameBytes : Rule::kLimitTensors,
              .kind = TokenKind::kString,
              .at_tensor_key = true,
              .names_tensor = true,
              .found = tensor_.name_length,
              .allowed = name ? limits_.name_bytes : limits_.tensors};
  return Stop(error);
}

bool HeaderHandler::Limit(Rule rule, std::uint64_t limit, Error& error) {
  stopped_ = {.rule = rule,
              .kind = TokenKind::kArrayEnd,
              .at_tensor_key = true,
              .names_tensor = true,
              .allowed = limit};
  return Stop(error);
}

// A value of another JSON type than the state asks for.
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
