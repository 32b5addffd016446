// Reads the opcodes of bytes that arrive in order and are not kept: long arguments are skipped.
//
//   pickle::ForwardDecoder decoder;
//   while (!bytes.empty()) {
//     if (decoder.Feed(bytes)) Use(decoder.opcode(), decoder.text());  // `bytes` is what follows the opcode
//     if (decoder.broken()) break;
//   }
//
// If a long argument continues past `bytes`, position() is its end: the bytes in between need not
// be read. Frames are treated as ordinary opcodes: their lengths end nothing. Throws
// std::bad_alloc.
#ifndef TENSORGATE_CONTAINERS_PICKLE_FORWARD_DECODER_H_
#define TENSORGATE_CONTAINERS_PICKLE_FORWARD_DECODER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/containers/pickle/opcodes.h"

namespace tensorgate::pickle {

class ForwardDecoder {
 public:
  /// Number of bytes that are kept of each text.
  static constexpr std::size_t kKept = 256;

  /// Takes bytes from the front, up to the end of one opcode. Returns true if that opcode is
  /// complete.
  bool Feed(std::span<const std::byte>& bytes);

  /// Position of the next byte that is needed.
  std::uint64_t position() const { return position_; }
  /// True after a byte that is not an opcode, a length below 0, or a line that is not a valid
  /// argument.
  bool broken() const { return broken_; }
  /// True if a number's line contained a zero byte.
  bool number_ended() const { return number_ended_; }
  /// True if the line is not a valid argument, as far as it was read.
  bool broken_line() const {
    return broken_ && (step_ == Step::kFirstLine || step_ == Step::kLine);
  }

  const OpcodeInfo& opcode() const { return *opcode_; }
  std::uint64_t offset() const { return offset_; }
  /// The bytes of a fixed argument as one little-endian number.
  std::uint64_t number() const { return number_; }
  /// A text's first bytes, without its line feed; for a longer line, the last kept byte is the
  /// line's last byte. A number's line ends at a zero byte, if there is one: the unpickler in C
  /// ignores the rest.
  std::string_view text() const { return text_; }
  /// The second line of GLOBAL and INST.
  std::string_view name() const { return name_; }

 private:
  enum class Step : std::uint8_t { kOpcode, kNumber, kFirstLine, kLine, kText };

  void OnOpcode(std::byte code);
  std::size_t TakeNumber(std::span<const std::byte> bytes);
  std::size_t TakeLine(std::string_view text);
  std::string_view UpToZero(std::string_view part);
  std::size_t TakeText(std::string_view text);

  std::uint64_t position_ = 0, offset_ = 0;
  const OpcodeInfo* opcode_ = nullptr;
  Step step_ = Step::kOpcode;
  bool broken_ = false;
  bool complete_ = false;
  bool number_ended_ = false;  // by a zero byte in its line
  std::array<std::byte, 8> bytes_{};
  std::size_t have_ = 0, want_ = 0;
  std::uint64_t number_ = 0, left_ = 0;
  std::string text_, name_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_FORWARD_DECODER_H_
