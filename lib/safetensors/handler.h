// The handler behind the parser's events: a state machine of one byte over the header's grammar.
#ifndef TENSORGATE_SAFETENSORS_HANDLER_H_
#define TENSORGATE_SAFETENSORS_HANDLER_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/utf8.h"
#include "lib/json/events.h"
#include "lib/json/number.h"
#include "lib/json/tokens.h"
#include "lib/safetensors/header.h"
#include "lib/safetensors/parse.h"

namespace tensorgate::safetensors::internal {

inline constexpr std::string_view kMetadataName = "__metadata__";
inline constexpr std::size_t kArenaLength = 4;

/// The four bytes before a text in the arena.
inline std::uint32_t ArenaLength(std::string_view bytes) {
  std::uint32_t length = 0;
  for (const char c : bytes) length = length << 8 | static_cast<unsigned char>(c);
  return length;
}

#define TENSORGATE_HOT [[gnu::always_inline]] inline
#define TENSORGATE_COLD [[gnu::noinline, gnu::cold]]

class HeaderHandler : public json::HandlerBase {
 public:
  /// What stopped the parse, for parse.cc to find its place.
  struct Stopped {
    Rule rule{};
    json::TokenKind kind{};
    bool at_tensor_key = false, names_tensor = false, names_key = false, show_token = false;
    std::optional<std::uint64_t> found, allowed;
    std::string found_text, subject;
  };

  HeaderHandler(Header& header, const Limits& limits, ParsedHeader& parsed)
      : header_(header),
        limits_(limits),
        parsed_(parsed),
        text_(header.text()),
        data_offset_(header.data_offset()) {
    // 50 bytes are the smallest plain entry; untouched memory costs nothing.
    header_.tensors.Reserve(text_.size() / 50 + 1);
    parsed_.name_hashes.Reserve(text_.size() / 50 + 1);
  }

  const Stopped& stopped() const { return stopped_; }
  std::string TensorName() const { return std::string(header_.NameOf(tensor_)); }
  std::string MetadataKey() const { return std::string(header_.TextAt(key_)); }
  std::size_t tensor_ordinal() const { return header_.tensors.size(); }
  void Finish() {
    header_.tensors.ShrinkToFit();
    header_.metadata.ShrinkToFit();
    parsed_.seen |= seen_;
  }

  TENSORGATE_HOT bool on_object_begin(Error& error) {
    if (state_ == State::kTensor) [[likely]] {
      state_ = State::kField;
      return true;
    }
    return OtherObject(error);
  }

  TENSORGATE_HOT bool on_object_end(std::size_t, Error& error) {
    if (state_ == State::kField) [[likely]] {
      return EndTensor(error);
    }
    return OtherObjectEnd(error);
  }

  TENSORGATE_HOT bool on_array_begin(Error& error) {
    if (state_ == State::kShape) {
      state_ = State::kDimension;
      size_ = ShapeSize();
      rank_ = 0;
      return true;
    }
    if (state_ == State::kOffsets) {
      state_ = State::kBegin;
      return true;
    }
    return OtherArray(error);
  }

  TENSORGATE_HOT bool on_array_end(std::size_t, Error& error) {
    if (state_ == State::kDimension) {
      if (rank_ > limits_.rank) [[unlikely]] {
        return Limit(Rule::kLimitRank, limits_.rank, error);
      }
      return FieldDone(kShapeField);
    }
    if (state_ == State::kOffsetsEnd) return FieldDone(kOffsetsField);
    return OtherArrayEnd(error);
  }

  TENSORGATE_HOT bool on_key(Text part, std::size_t, Error& error) {
    if (state_ == State::kField) {
      const std::string_view key = Whole(part);
      Field field = kNoField;
      if (key.size() == 5) {
        if (std::memcmp(key.data(), "dtype", 5) == 0) field = kDtypeField;
        if (std::memcmp(key.data(), "shape", 5) == 0) field = kShapeField;
      } else if (key.size() == 12 && std::memcmp(key.data(), "data_offsets", 12) == 0) {
        field = kOffsetsField;
      }
      if (field == kNoField || (fields_ & field) != 0) [[unlikely]] {
        return OtherField(field, key, error);
      }
      state_ = StateOf(field);
      return true;
    }
    if (state_ == State::kRoot) {
      if (!TakeText(part, tensor_.name, tensor_.name_length)) [[unlikely]] {
        return false;
      }
      if (tensor_.name_length == kMetadataName.size() &&
          std::memcmp(header_.NameOf(tensor_).data(), kMetadataName.data(), kMetadataName.size()) ==
              0) [[unlikely]] {
        return BeginMetadata(error);
      }
      return BeginTensor(error);
    }
    return OtherKey(part, error);
  }

  TENSORGATE_HOT bool on_string(Text part, std::size_t, Error& error) {
    if (state_ == State::kDtype) [[likely]] {
      const std::string_view name = Whole(part);
      return SetDtype(name, error) && FieldDone(kDtypeField);
    }
    return OtherString(part, error);
  }

  TENSORGATE_HOT bool on_uint64(std::uint64_t value, Text text, Error& error) {
    switch (state_) {
      case State::kDimension:
        if (rank_++ == 0) tensor_.shape = Offset(text);
        size_.Multiply(value);
        seen_ |= value > kLargeDimension ? kSeenNotable : 0u;
        return true;
      case State::kBegin:
        tensor_.begin = value;
        state_ = State::kEnd;
        return true;
      case State::kEnd:
        tensor_.end = value;
        state_ = State::kOffsetsEnd;
        return true;
      default:
        return OtherNumber(text, error);
    }
  }

  TENSORGATE_HOT bool on_int64(std::int64_t value, Text text, Error& error) {
    // "-0" arrives as 0; the reference reads it as a float.
    if (text[0] == '-') [[unlikely]] {
      return OtherNumber(text, error);
    }
    return on_uint64(static_cast<std::uint64_t>(value), text, error);
  }

  TENSORGATE_COLD bool on_double(double, Text text, Error& error) {
    return OtherNumber(text, error);
  }
  TENSORGATE_COLD bool on_bool(bool value, Error& error) {
    if (state_ == State::kUnknown) return ScalarDone();
    return Unexpected(value ? json::TokenKind::kTrue : json::TokenKind::kFalse, error);
  }
  TENSORGATE_COLD bool on_null(Error& error);
  TENSORGATE_COLD bool on_key_part(Text part, std::size_t, Error&) { return AddPart(part); }
  TENSORGATE_COLD bool on_string_part(Text part, std::size_t, Error&) { return AddPart(part); }

 private:
  enum class State : std::uint8_t {
    kStart,
    kRoot,
    kDone,
    kTensor,
    kField,
    kDtype,
    kShape,
    kDimension,
    kOffsets,
    kBegin,
    kEnd,
    kOffsetsEnd,
    kItemsEnd,  // of a tensor written as an array
    kDtypeMap,
    kDtypeMapValue,
    kDtypeMapEnd,
    kMetadata,
    kMetadataKey,
    kMetadataValue,
    kUnknown,
  };
  enum Field : std::uint8_t { kNoField = 0, kDtypeField = 1, kShapeField = 2, kOffsetsField = 4 };
  static constexpr unsigned kAllFields = 7;

  static State StateOf(Field field) {
    return field == kDtypeField   ? State::kDtype
           : field == kShapeField ? State::kShape
                                  : State::kOffsets;
  }

  std::uint32_t Offset(std::string_view part) const {
    return static_cast<std::uint32_t>(*tensorgate::internal::OffsetWithin(text_, part));
  }

  /// The whole text of a token whose last part this is; valid until the next event.
  TENSORGATE_HOT std::string_view Whole(std::string_view part) {
    if (!has_parts_) [[likely]] {
      return part;
    }
    has_parts_ = false;
    parts_.append(part);
    return parts_;
  }

  /// Keeps the text of a token: by its place in the header, or, where it was written with escapes,
  /// in the arena.
  TENSORGATE_HOT bool TakeText(std::string_view part, TextRef& ref, std::uint32_t& length) {
    if (!has_parts_) [[likely]] {
      const auto offset = tensorgate::internal::OffsetWithin(text_, part);
      if (offset) [[likely]] {
        ref = static_cast<TextRef>(*offset);
        length = static_cast<std::uint32_t>(part.size());
        return true;
      }
    }
    ref = Store(Whole(part));
    length = static_cast<std::uint32_t>(header_.arena.size() - (ref & ~kInArena));
    seen_ |= kSeenNotable | kSeenNotableKey;
    return true;
  }

  TENSORGATE_COLD bool AddPart(std::string_view part) {
    if (!has_parts_) parts_.clear();
    has_parts_ = true;
    parts_.append(part);
    return true;
  }
  TENSORGATE_COLD TextRef Store(std::string_view text);

  /// Hash of a kept text. `kSlack` bytes behind it are readable: the header has them; the arena is
  /// given them.
  TENSORGATE_HOT tensorgate::internal::NameScan Scan(TextRef ref, std::uint32_t length) {
    if ((ref & kInArena) != 0) [[unlikely]] {
      header_.arena.reserve(header_.arena.size() + tensorgate::internal::kSlack);
    }
    return tensorgate::internal::ScanName(header_.Text(ref, length));
  }

  TENSORGATE_HOT bool BeginTensor(Error& error) {
    const std::uint32_t length = tensor_.name_length;
    if (length > limits_.name_bytes || header_.tensors.size() >= limits_.tensors) [[unlikely]] {
      return TensorLimit(error);
    }
    const auto scan = Scan(tensor_.name, length);
    parsed_.name_hashes.PushBack(scan.hash);
    seen_ |= scan.notable || length == 0 || length > kLongName ||
                     ((tensor_.name & kInArena) == 0 && text_[tensor_.name] == '/')
                 ? kSeenNotable
                 : 0u;
    fields_ = 0;
    as_array_ = false;
    state_ = State::kTensor;
    return true;
  }

  TENSORGATE_HOT bool FieldDone(Field field) {
    fields_ |= field;
    state_ = State::kField;
    if (as_array_) [[unlikely]] {
      state_ = field == kDtypeField   ? State::kShape
               : field == kShapeField ? State::kOffsets
                                      : State::kItemsEnd;
    }
    return true;
  }

  TENSORGATE_HOT bool SetDtype(std::string_view name, Error& error) {
    // Almost always the one before; only short names are worth the comparison.
    const std::uint32_t word = name.size() <= 4 ? tensorgate::internal::ShortWord(name) : 0;
    if (word != last_dtype_word_ || word == 0) {
      const std::optional<DType> found = FindDType(name);
      if (!found) [[unlikely]] {
        return UnknownDtype(name, error);
      }
      last_dtype_word_ = word;
      dtype_ = *found;
      bits_ = Bits(*found);
      element_mask_ = bits_ / 8 == 0 ? 0 : bits_ / 8 - 1;
      seen_ |= IsRare(dtype_) ? kSeenNotable : 0u;
    }
    return true;
  }

  TENSORGATE_HOT bool EndTensor(Error& error) {
    if (fields_ != kAllFields) [[unlikely]] {
      return MissingField(error);
    }
    std::uint64_t bits = size_.nonzero;
    const bool overflow = size_.nonzero_overflows | __builtin_mul_overflow(bits, bits_, &bits);
    if (size_.zero) bits = 0;
    const bool in_line = (tensor_.begin == expected_) & (tensor_.end - tensor_.begin == bits / 8) &
                         !overflow & (tensor_.end >= tensor_.begin) & (bits % 8 == 0) &
                         (bits_ % 8 == 0 || size_.RowBitsModulo8(bits_) == 0);
    seen_ |= in_line ? 0u : kSeenOutOfLine;
    const bool notable = (bits == 0) | (rank_ > kHighRank) |
                         (((data_offset_ + tensor_.begin) & element_mask_) != 0) |
                         (tensor_.end > kExactDouble);
    seen_ |= notable ? kSeenNotable : 0u;
    expected_ = tensor_.end;
    tensor_.rank_dtype = rank_ << 5 | static_cast<std::uint32_t>(dtype_);
    parsed_.dimensions += rank_;
    parsed_.parameters = tensorgate::internal::SaturatingAdd(
        parsed_.parameters, size_.zero                ? 0
                            : size_.nonzero_overflows ? UINT64_MAX
                                                      : size_.nonzero);
    header_.tensors.PushBack(tensor_);
    state_ = State::kRoot;
    return true;
  }

  TENSORGATE_COLD bool BeginMetadata(Error& error);
  TENSORGATE_COLD bool OtherObject(Error& error);
  TENSORGATE_COLD bool OtherObjectEnd(Error& error);
  TENSORGATE_COLD bool OtherArray(Error& error);
  TENSORGATE_COLD bool OtherArrayEnd(Error& error);
  TENSORGATE_COLD bool OtherField(Field field, std::string_view key, Error& error);
  [[gnu::noinline]] bool OtherKey(std::string_view part, Error& error);
  [[gnu::noinline]] bool OtherString(std::string_view part, Error& error);
  TENSORGATE_COLD bool OtherNumber(std::string_view text, Error& error);
  TENSORGATE_COLD bool UnknownDtype(std::string_view name, Error& error);
  TENSORGATE_COLD bool MissingField(Error& error);
  TENSORGATE_COLD bool TensorLimit(Error& error);
  TENSORGATE_COLD bool Limit(Rule rule, std::uint64_t limit, Error& error);
  TENSORGATE_COLD bool Unexpected(json::TokenKind kind, Error& error);
  TENSORGATE_COLD bool ScalarDone() {
    if (unknown_depth_ == 0) state_ = State::kField;
    return true;
  }

  Header& header_;
  const Limits& limits_;
  ParsedHeader& parsed_;
  const std::string_view text_;
  const std::uint64_t data_offset_;
  State state_ = State::kStart;
  std::uint8_t fields_ = 0;
  bool as_array_ = false;
  bool has_parts_ = false;
  bool metadata_seen_ = false;
  DType dtype_ = DType::kF32;
  std::uint32_t rank_ = 0;
  std::uint32_t seen_ = 0;
  std::uint64_t bits_ = 32;
  std::uint64_t element_mask_ = 3;
  std::uint32_t last_dtype_word_ = 0;
  std::uint64_t expected_ = 0;
  ShapeSize size_;
  TensorRecord tensor_{};
  TextRef key_ = 0;
  std::uint32_t unknown_depth_ = 0;
  std::string parts_;
  Stopped stopped_;
};

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_SAFETENSORS_HANDLER_H_
