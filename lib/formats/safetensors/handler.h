// The handler of the parser's events: a one-byte state machine over the header's grammar.
//
// The paths of a plain header are in handler_events.h and inlined into the parser; the others, in
// handler.cc, handler_refusals.cc and handler_tensors.cc, are never inlined.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_HANDLER_H_
#define TENSORGATE_FORMATS_SAFETENSORS_HANDLER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/name_form.h"
#include "lib/formats/safetensors/header.h"
#include "lib/formats/safetensors/parse.h"
#include "lib/json/events.h"
#include "lib/json/tokens.h"

namespace tensorgate::safetensors::internal {

#define TENSORGATE_HOT [[gnu::always_inline]] inline
#define TENSORGATE_COLD [[gnu::noinline, gnu::cold]]

class HeaderHandler : public json::HandlerBase {
 public:
  /// What stopped the parse, so that parse.cc can find its position.
  struct Stopped {
    Rule rule{};
    json::TokenKind kind{};
    bool at_tensor_key = false, names_tensor = false, names_key = false, show_token = false;
    bool ended = false;  // by the deadline or the caller: the position has no meaning
    std::optional<std::uint64_t> found, allowed;
    std::string found_text;
  };

  HeaderHandler(Header& header, const Limits& limits, tensorgate::internal::Interrupt& interrupt,
                ParsedHeader& parsed);

  const Stopped& stopped() const { return stopped_; }
  std::string TensorName() const { return std::string(header_.NameOf(*tensor_)); }
  std::string MetadataKey() const { return std::string(header_.TextAt(key_)); }
  std::size_t tensor_ordinal() const { return tensors_.size(); }
  /// Passes on the results.
  void Finish();

  bool on_object_begin(Error& error);
  bool on_object_end(std::size_t, Error& error);
  bool on_array_begin(Error& error);
  bool on_array_end(std::size_t, Error& error);
  bool on_key(Text part, std::size_t, Error& error);
  bool on_string(Text part, std::size_t, Error& error);
  bool on_uint64(std::uint64_t value, Text text, Error& error);
  bool on_int64(std::int64_t value, Text text, Error& error);
  TENSORGATE_COLD bool on_double(double, Text text, Error& error);
  TENSORGATE_COLD bool on_bool(bool value, Error& error);
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
    kItemsEnd,  // for a tensor written as an array
    kDtypeMap,
    kDtypeMapValue,
    kDtypeMapEnd,
    kMetadata,
    kMetadataKey,
    kMetadataValue,
    kUnknown,
    kPieces,  // in a text with escapes; `interrupted_` is the state before it
  };
  // Number of tensors or entries, and of dimensions, that are read between two looks at the
  // deadline.
  static constexpr std::uint32_t kPace = 4096, kDimensionPace = 1 << 16;
  enum Field : std::uint8_t { kNoField = 0, kDtypeField = 1, kShapeField = 2, kOffsetsField = 4 };
  static constexpr unsigned kAllFields = 7;

  // For plain headers.
  bool FieldKey(std::string_view key, Error& error);
  bool BeginField(Field field, State state, std::string_view key, Error& error);
  bool FieldDone(State next_item);
  bool BeginTensor(std::string_view name, TextRef ref, Error& error);
  bool EndTensor(Error& error);
  bool AddTensor();

  // Texts with escapes arrive in parts, or from a buffer of the parser.
  TENSORGATE_COLD bool AddPart(std::string_view part);
  TENSORGATE_COLD std::string_view Whole(std::string_view part);
  TENSORGATE_COLD TextRef Store(std::string_view text);
  TextRef Keep(std::string_view text);

  // Everything else.
  TENSORGATE_COLD void NoteName(std::string_view name);
  TENSORGATE_COLD void NoteKey(std::string_view key);
  TENSORGATE_COLD bool EscapedName(std::string_view name, Error& error);
  TENSORGATE_COLD bool EndUnusualTensor();
  TENSORGATE_COLD void LeaveLine();
  TENSORGATE_COLD bool BeginMetadata(Error& error);
  TENSORGATE_COLD bool OtherObject(Error& error);
  TENSORGATE_COLD bool OtherObjectEnd(Error& error);
  TENSORGATE_COLD bool OtherArray(Error& error);
  TENSORGATE_COLD bool OtherArrayEnd(Error& error);
  TENSORGATE_COLD bool OtherField(Field field, std::string_view key, Error& error);
  [[gnu::noinline]] bool OtherKey(std::string_view part, Error& error);
  [[gnu::noinline]] bool KeepMetadataKey(std::string_view key, Error& error);
  [[gnu::noinline]] bool OtherString(std::string_view part, Error& error);
  [[gnu::noinline]] bool OtherDtype(std::string_view name, Error& error);
  bool SetDtype(std::string_view name, Error& error);
  TENSORGATE_COLD bool OtherNumber(std::string_view text, Error& error);
  TENSORGATE_COLD bool MissingField(Error& error);
  TENSORGATE_COLD bool Pause(Error& error);
  TENSORGATE_COLD bool Ended(Error& error);
  TENSORGATE_COLD bool RankLimit(Error& error);
  TENSORGATE_COLD bool Unexpected(json::TokenKind kind, Error& error);
  bool ScalarDone();

  State state_ = State::kStart;
  std::uint8_t fields_ = 0;  // fields of the current tensor (Field)
  bool as_array_ = false;
  // So far each tensor is as long as its shape says and starts where the previous one ends.
  bool in_line_ = true;
  DType dtype_ = DType::kF32;
  std::uint32_t rank_ = 0;
  std::uint32_t seen_ = 0;
  // The current tensor, after the finished ones: it is written once, in its final place.
  TensorRecord* tensor_;
  std::uint64_t begin_ = 0;
  std::uint64_t expected_ = 0;  // start of the next tensor if it is in line
  PlainShape shape_;
  // For the last dtype, which is almost always the next one's, too.
  std::uint64_t dtype_word_ = 0;
  std::size_t dtype_size_ = kNoWord;
  std::uint64_t element_bytes_ = 0;
  std::uint64_t element_mask_ = 0;                  // bits that are 0 in an aligned offset
  static constexpr std::size_t kNoWord = SIZE_MAX;  // no text is this long
  tensorgate::internal::NameEnds name_ends_, key_ends_;

  std::uint64_t pause_ = 0;  // tensors until the next look at a limit or the deadline
  const std::string_view text_;
  const std::uint64_t data_offset_;
  PodBuffer<TensorRecord> tensors_;
  PodBuffer<std::uint32_t> name_hashes_;
  std::uint64_t dimensions_ = 0;
  std::uint64_t parameters_ = 0;
  const Limits& limits_;
  tensorgate::internal::Interrupt& interrupt_;
  Header& header_;
  ParsedHeader& parsed_;

  State interrupted_ = State::kStart;
  bool metadata_seen_ = false;
  TextRef key_ = 0;
  std::uint32_t unknown_depth_ = 0;
  PodBuffer<std::uint64_t> begins_;
  std::string parts_;
  Stopped stopped_;
};

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_HANDLER_H_
