#include "lib/sharded/handler.h"

#include <utility>

#include "lib/json/number.h"

namespace tensorgate::sharded {

using json::TokenKind;

namespace {

// Longer exponents overflow Boost's parser before 1.83.
constexpr std::size_t kLongestExponent = 8;

bool IsReadable(std::string_view number) {
  const std::size_t mark = number.find_first_of("eE");
  std::string_view exponent = mark == number.npos ? "" : number.substr(mark + 1);
  if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
  return exponent.size() <= kLongestExponent && json::SerdeReadsFinite(number);
}

}  // namespace

TextRef IndexHandler::Take(std::string_view part) {
  if (!has_parts_) {
    if (const auto offset = internal::OffsetWithin(text_, part)) {
      return {static_cast<std::uint32_t>(*offset), static_cast<std::uint32_t>(part.size())};
    }
  }
  const auto offset = static_cast<std::uint32_t>(index_.arena.size());
  index_.arena.append(parts_).append(part);
  has_parts_ = false;
  parts_.clear();
  return {offset | kInArena, static_cast<std::uint32_t>(index_.arena.size() - offset)};
}

bool IndexHandler::Limit(Rule rule, std::optional<std::uint64_t> found, std::uint64_t allowed,
                         TextRef name, Error& error) {
  stopped_ = {.rule = rule,
              .kind = TokenKind::kString,
              .names_tensor = true,
              .found = found,
              .allowed = allowed};
  name_ = index_.Text(name);
  return Stop(error);
}

bool IndexHandler::Suits(TokenKind kind, Error& error) {
  if (expected_ == Expected::kAnything) return true;
  if (expected_ == Expected::kShard) {
    stopped_ = {.rule = Rule::kCpShardNameNotString, .kind = kind, .names_tensor = true};
    name_ = index_.NameOf(index_.entries[index_.entries.size() - 1]);
    return Stop(error);
  }
  if (kind == TokenKind::kObject) return true;
  static constexpr std::array kNoObject = {Rule::kCpIndexRootNotObject, Rule::kCpWeightMapNotObject,
                                           Rule::kCpMetadataNotObject};
  static_assert(kNoObject.size() == std::to_underlying(Expected::kMetadata) + 1);
  return Refuse(kNoObject.at(std::to_underlying(expected_)), kind, error);
}

bool IndexHandler::Open(TokenKind kind, Error& error) {
  if (!Suits(kind, error)) return false;
  // The parser refuses deeper nesting.
  open_.at(depth_++) = {containers_++, expected_ == Expected::kWeightMap};
  expected_ = Expected::kAnything;
  return true;
}

bool IndexHandler::Scalar(TokenKind kind, Error& error) {
  if (!Suits(kind, error)) return false;
  expected_ = Expected::kAnything;
  return true;
}

bool IndexHandler::on_double(double, Text text, Error& error) {
  if (!IsReadable(text)) return Refuse(Rule::kCpIndexNumberRange, TokenKind::kNumber, error);
  return Scalar(TokenKind::kNumber, error);
}

bool IndexHandler::on_key(Text part, std::size_t, Error& error) {
  const TextRef key = Take(part);
  ++strings_;
  const Container& container = open_.at(depth_ - 1);
  if (container.is_weight_map) return TensorKey(key, error);
  return OtherKeyOf(container.ordinal, key, error);
}

bool IndexHandler::TensorKey(TextRef name, Error& error) {
  if (name.length > limits_.name_bytes) {
    return Limit(Rule::kLimitNameBytes, name.length, limits_.name_bytes, name, error);
  }
  if (index_.entries.size() >= limits_.tensors) {
    return Limit(Rule::kLimitTensors, {}, limits_.tensors, name, error);
  }
  index_.entries.PushBack({.name = name, .shard = 0, .place = name.offset - 1});
  expected_ = Expected::kShard;
  return true;
}

bool IndexHandler::OtherKeyOf(std::uint32_t container, TextRef key, Error& error) {
  if (key.length > limits_.name_bytes) {
    return Limit(Rule::kLimitNameBytes, key.length, limits_.name_bytes, key, error);
  }
  if (events_.keys.size() >= limits_.metadata_entries) {
    return Limit(Rule::kLimitMetadataEntries, {}, limits_.metadata_entries, key, error);
  }
  events_.keys.PushBack({container, strings_ - 1, key});
  expected_ = Expected::kAnything;
  if (depth_ != 1) return true;
  const std::string_view text = index_.Text(key);
  if (text == "weight_map") {
    // A second weight_map is a duplicate key: it is refused after everything is read.
    expected_ = Expected::kWeightMap;
    events_.has_weight_map = true;
  } else if (text == "metadata") {
    expected_ = Expected::kMetadata;
    index_.has_metadata = true;
  } else {
    ++index_.unknowns;
  }
  return true;
}

bool IndexHandler::on_string(Text part, std::size_t, Error& error) {
  ++strings_;
  if (expected_ != Expected::kShard) {
    has_parts_ = false;
    parts_.clear();
    return Scalar(TokenKind::kString, error);
  }
  expected_ = Expected::kAnything;
  const TextRef value = Take(part);
  if (value.length > limits_.name_bytes) {
    return Limit(Rule::kLimitNameBytes, value.length, limits_.name_bytes, value, error);
  }
  internal::PodBuffer<TextRef>& values = events_.values;
  if (values.empty() || index_.Text(values[values.size() - 1]) != index_.Text(value)) {
    values.PushBack(value);
  }
  index_.entries[index_.entries.size() - 1].shard = static_cast<std::uint32_t>(values.size() - 1);
  return true;
}

}  // namespace tensorgate::sharded
