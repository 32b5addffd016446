// The rare paths of the handler.
#include "lib/formats/safetensors/handler_events.h"
#include "lib/json/number.h"

namespace tensorgate::safetensors::internal {

using json::TokenKind;

HeaderHandler::HeaderHandler(Header& header, const Limits& limits,
                             tensorgate::internal::Interrupt& interrupt, ParsedHeader& parsed)
    : text_(header.text()),
      data_offset_(header.data_offset()),
      limits_(limits),
      interrupt_(interrupt),
      header_(header),
      parsed_(parsed) {
  // The smallest plain entry has 50 bytes; memory that is not touched costs nothing.
  tensors_.Reserve(text_.size() / 50 + 1);
  name_hashes_.Reserve(text_.size() / 50 + 1);
  tensor_ = &tensors_.Spare();
  *tensor_ = {};
}

void HeaderHandler::Finish() {
  tensors_.ShrinkToFit();
  begins_.ShrinkToFit();
  header_.metadata.ShrinkToFit();
  header_.tensors = std::move(tensors_);
  header_.begins = std::move(begins_);
  parsed_.name_hashes = std::move(name_hashes_);
  parsed_.dimensions = dimensions_;
  parsed_.parameters = parameters_;
  parsed_.seen = seen_;
}

bool HeaderHandler::AddPart(std::string_view part) {
  if (state_ != State::kPieces) {
    interrupted_ = state_;
    state_ = State::kPieces;
    parts_.clear();
  }
  parts_.append(part);
  return true;
}

// The whole text of a token whose last part is `part`; valid until the next event.
std::string_view HeaderHandler::Whole(std::string_view part) {
  if (state_ != State::kPieces) return part;
  state_ = interrupted_;
  parts_.append(part);
  return parts_;
}

// Keeps a text: by its offset in the header, or in the arena if it was written with escapes.
TextRef HeaderHandler::Keep(std::string_view text) {
  const auto offset = tensorgate::internal::OffsetWithin(text_, text);
  return offset ? static_cast<TextRef>(*offset) : Store(text);
}

TextRef HeaderHandler::Store(std::string_view text) {
  std::string& arena = header_.arena;
  const auto length = static_cast<std::uint32_t>(text.size());
  for (int shift = 24; shift >= 0; shift -= 8) arena.push_back(static_cast<char>(length >> shift));
  const auto ref = static_cast<TextRef>(arena.size());
  arena.append(text);
  seen_ |= kSeenNotable | kSeenNotableKey;
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
      return FieldDone(State::kShape);
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
      fields_ = kAllFields;
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
    default:  // a tensor written as an array has too few items
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
  const std::string_view key = Whole(part);
  switch (state_) {
    case State::kMetadataKey:
      return KeepMetadataKey(key, error);
    case State::kRoot:
      return EscapedName(key, error);
    case State::kField:
      return FieldKey(key, error);
    case State::kDtypeMap:
      state_ = State::kDtypeMapValue;
      return SetDtype(key, error);
    case State::kDtypeMapEnd:
      stopped_ = {.rule = Rule::kStFieldType,
                  .kind = TokenKind::kString,
                  .names_tensor = true,
                  .found_text = "an object of several entries"};
      return Stop(error);
    default:
      return true;
  }
}

bool HeaderHandler::KeepMetadataKey(std::string_view key, Error& error) {
  key_ = Keep(key);
  if (key.size() > limits_.name_bytes || header_.metadata.size() >= limits_.metadata_entries) {
    const bool name = key.size() > limits_.name_bytes;
    stopped_ = {.rule = name ? Rule::kLimitNameBytes : Rule::kLimitMetadataEntries,
                .kind = TokenKind::kString,
                .names_key = true,
                .found = key.size(),
                .allowed = name ? limits_.name_bytes : limits_.metadata_entries};
    return Stop(error);
  }
  if ((header_.metadata.size() + 1) % kPace == 0 && Ended(error)) return false;
  const tensorgate::internal::NameScan scan = tensorgate::internal::ScanName(key);
  parsed_.key_hashes.PushBack(scan.hash);
  if (scan.notable || key_ends_.Notable(key) || (key_ & kInArena) != 0) NoteKey(key);
  if (key.size() == 5 || key.size() == 12 || key.size() == 17) seen_ |= kSeenNotableKey;
  state_ = State::kMetadataValue;
  return true;
}

bool HeaderHandler::OtherString(std::string_view part, Error& error) {
  const std::string_view text = Whole(part);
  switch (state_) {
    case State::kMetadataValue:
      header_.metadata.PushBack({.key = key_, .value = Keep(text)});
      state_ = State::kMetadataKey;
      return true;
    case State::kDtype:
      return OtherDtype(text, error);
    case State::kUnknown:
      return ScalarDone();
    default:
      return Unexpected(TokenKind::kString, error);
  }
}

// A dtype that differs from the previous tensor's.
bool HeaderHandler::OtherDtype(std::string_view name, Error& error) {
  if (!SetDtype(name, error)) return false;
  return FieldDone(State::kShape);
}

bool HeaderHandler::SetDtype(std::string_view name, Error& error) {
  const std::optional<DType> found = FindDType(name);
  if (!found) {
    stopped_ = {.rule = Rule::kStDtypeUnknown,
                .kind = TokenKind::kString,
                .names_tensor = true,
                .found_text = std::string(name)};
    return Stop(error);
  }
  dtype_ = *found;
  const bool in_header = tensorgate::internal::OffsetWithin(text_, name).has_value();
  dtype_size_ = in_header && name.size() <= 8 ? name.size() : kNoWord;
  if (dtype_size_ != kNoWord) dtype_word_ = tensorgate::internal::ShortWord(name);
  // Elements smaller than a byte are never plain.
  const std::uint64_t bytes = Bits(dtype_) / 8;
  element_bytes_ = bytes;
  element_mask_ = bytes - 1;
  if (IsRare(dtype_)) seen_ |= kSeenNotable;
  return true;
}

bool HeaderHandler::on_double(double, Text text, Error& error) { return OtherNumber(text, error); }

bool HeaderHandler::on_bool(bool value, Error& error) {
  if (state_ == State::kUnknown) return ScalarDone();
  return Unexpected(value ? TokenKind::kTrue : TokenKind::kFalse, error);
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

// A scalar value of an unknown field is complete.
bool HeaderHandler::ScalarDone() {
  if (unknown_depth_ == 0) state_ = State::kField;
  return true;
}

}  // namespace tensorgate::safetensors::internal
