// Reads the opcodes of a pickle as events, whatever they mean, for any input, with exact bounds and
// without allocations.
//
//   pickle::Decoder decoder(bytes);
//   pickle::Event event;
//   while (decoder.Next(event)) { … if (event.op == pickle::Op::kStop) break; }
//   if (decoder.error() != pickle::DecodeError::kNone) …  // decoder.offset() is the opcode's
//
// Texts are views of the input. Frames are treated as in CPython's C unpickler: a frame must be
// inside the input, and its end stops nothing. An argument that crosses the end of a frame is
// marked, since other readers stop there.
#ifndef TENSORGATE_CONTAINERS_PICKLE_DECODE_H_
#define TENSORGATE_CONTAINERS_PICKLE_DECODE_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/containers/pickle/opcodes.h"

namespace tensorgate::pickle {

struct Event {
  Op op{};
  bool crosses_frame = false;  ///< Starts inside a frame and ends after it.
  std::size_t offset = 0;      ///< Of the opcode.
  std::size_t end = 0;         ///< End of its argument.
  /// Signed numbers in two's complement; the bits of a float; the length of a text.
  std::uint64_t number = 0;
  /// The argument's bytes without length or line feed; for GLOBAL, the module.
  std::string_view text;
  std::string_view name;  ///< The second line of GLOBAL and INST.

  double Float() const { return std::bit_cast<double>(number); }
  std::int64_t Signed() const { return static_cast<std::int64_t>(number); }
};

enum class DecodeError : std::uint8_t {
  kNone,
  kTruncated,       ///< The input ends before the opcode's argument or before a STOP.
  kUnknownOpcode,   ///< No protocol has this opcode.
  kNegativeLength,  ///< A signed length below 0.
  kFramePastEnd,    ///< A frame claims to be longer than the rest of the input.
};

Rule RuleOf(DecodeError error);

/// module.name as shown in reports; at most 256 bytes of each.
std::string FullName(std::string_view module, std::string_view name);

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> input, std::size_t begin = 0)
      : input_(internal::AsText(input)), at_(std::min(begin, input.size())) {}

  /// Reads the next opcode. If it returns false, see error(); the position does not change.
  bool Next(Event& event);

  DecodeError error() const { return error_; }
  /// Offset of the next opcode, or of the one that could not be read.
  std::size_t offset() const { return at_; }
  /// The invalid length, or the byte that is not an opcode.
  std::uint64_t found() const { return found_; }
  bool at_end() const { return at_ == input_.size(); }

 private:
  static constexpr std::uint8_t kNoOpcode = 0xFF;
  static constexpr std::array<std::uint8_t, 256> kArguments = [] {
    std::array<std::uint8_t, 256> all{};
    for (std::uint8_t& each : all) each = kNoOpcode;
#define TENSORGATE_OPCODE(op, text, code, protocol, argument, ...) \
  all[code] = static_cast<std::uint8_t>(Argument::argument);
#include "lib/containers/pickle/opcodes.def"
#undef TENSORGATE_OPCODE
    return all;
  }();

  bool Fail(DecodeError error, std::uint64_t found = 0) {
    error_ = error;
    found_ = found;
    return false;
  }
  template <typename Number>
  bool Fixed(Event& event, std::string_view rest);
  template <typename Length>
  bool Sized(Event& event, std::string_view rest);
  bool Line(std::string_view& text, std::size_t& end);
  bool Frame(Event& event, std::string_view rest);
  bool Finish(Event& event, std::size_t end) {
    event.end = end;
    event.crosses_frame = event.offset < frame_end_ && end > frame_end_;
    at_ = end;
    return true;
  }

  std::string_view input_;
  std::size_t at_ = 0;
  std::size_t frame_end_ = 0;
  std::uint64_t found_ = 0;
  DecodeError error_ = DecodeError::kNone;
};

template <typename Number>
inline bool Decoder::Fixed(Event& event, std::string_view rest) {
  if (rest.size() < sizeof(Number)) return Fail(DecodeError::kTruncated);
  const Number number = internal::LoadLittleEndian<Number>(rest);
  event.number = static_cast<std::uint64_t>(std::int64_t{number});
  return Finish(event, event.offset + 1 + sizeof(Number));
}

template <typename Length>
inline bool Decoder::Sized(Event& event, std::string_view rest) {
  if (rest.size() < sizeof(Length)) return Fail(DecodeError::kTruncated);
  const Length length = internal::LoadLittleEndian<Length>(rest);
  if constexpr (std::is_signed_v<Length>) {
    if (length < 0)
      return Fail(DecodeError::kNegativeLength, static_cast<std::uint64_t>(-std::int64_t{length}));
  }
  rest.remove_prefix(sizeof(Length));
  event.number = static_cast<std::uint64_t>(length);
  if (event.number > rest.size()) return Fail(DecodeError::kTruncated, event.number);
  event.text = rest.substr(0, static_cast<std::size_t>(event.number));
  return Finish(event, event.offset + 1 + sizeof(Length) + event.text.size());
}

[[gnu::always_inline]] inline bool Decoder::Next(Event& event) {
  if (at_ >= input_.size()) return Fail(DecodeError::kTruncated);
  const auto code = static_cast<std::uint8_t>(input_[at_]);
  event.op = static_cast<Op>(code);
  event.offset = at_;
  const std::string_view rest = input_.substr(at_ + 1);
  switch (kArguments[code]) {
    case static_cast<std::uint8_t>(Argument::kNone):
      return Finish(event, at_ + 1);
    case static_cast<std::uint8_t>(Argument::kUint8):
      return Fixed<std::uint8_t>(event, rest);
    case static_cast<std::uint8_t>(Argument::kUint16):
      return Fixed<std::uint16_t>(event, rest);
    case static_cast<std::uint8_t>(Argument::kInt32):
      return Fixed<std::int32_t>(event, rest);
    case static_cast<std::uint8_t>(Argument::kUint32):
      return Fixed<std::uint32_t>(event, rest);
    case static_cast<std::uint8_t>(Argument::kFloat64):
      if (!Fixed<std::int64_t>(event, rest)) return false;
      event.number = __builtin_bswap64(event.number);
      return true;
    case static_cast<std::uint8_t>(Argument::kSized8):
      return Sized<std::uint8_t>(event, rest);
    case static_cast<std::uint8_t>(Argument::kSized32):
      return Sized<std::uint32_t>(event, rest);
    case static_cast<std::uint8_t>(Argument::kSizedInt32):
      return Sized<std::int32_t>(event, rest);
    case static_cast<std::uint8_t>(Argument::kSized64):
      return Sized<std::uint64_t>(event, rest);
    case static_cast<std::uint8_t>(Argument::kLine): {
      std::size_t end = at_ + 1;
      if (!Line(event.text, end)) return false;
      return Finish(event, end);
    }
    case static_cast<std::uint8_t>(Argument::kTwoLines): {
      std::size_t end = at_ + 1;
      if (!Line(event.text, end) || !Line(event.name, end)) return false;
      return Finish(event, end);
    }
    case static_cast<std::uint8_t>(Argument::kFrame):
      return Frame(event, rest);
    default:
      return Fail(DecodeError::kUnknownOpcode, code);
  }
}

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_DECODE_H_
