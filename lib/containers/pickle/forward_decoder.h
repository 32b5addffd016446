// Reads the opcodes of bytes that come in order and are not kept: long arguments are skipped.
//
//   pickle::ForwardDecoder decoder;
//   while (!bytes.empty()) {
//     if (decoder.Feed(bytes)) Use(decoder.opcode(), decoder.text());  // `bytes` is what follows the opcode
//     if (decoder.broken()) break;
//   }
//
// Where a long argument goes on past `bytes`, position() is its end: what lies between need not be read. Frames are no more
// than opcodes here: their lengths end nothing. Throws std::bad_alloc.
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
  /// Of each text so many bytes are kept.
  static constexpr std::size_t kKept = 256;

  /// Takes bytes from the front, up to the end of one opcode. True: that opcode is complete.
  bool Feed(std::span<const std::byte>& bytes);

  /// Of the next byte that is wanted.
  std::uint64_t position() const { return position_; }
  /// A byte that is not an opcode, a length below 0, or a line that is no argument.
  bool broken() const { return broken_; }
  /// A number's line had a zero byte.
  bool number_ended() const { return number_ended_; }
  /// It is a line that is no argument, as far as it was seen.
  bool broken_line() const {
    return broken_ && (step_ == Step::kFirstLine || step_ == Step::kLine);
  }

  const OpcodeInfo& opcode() const { return *opcode_; }
  std::uint64_t offset() const { return offset_; }
  /// The bytes of a fixed argument as one little-endian number.
  std::uint64_t number() const { return number_; }
  /// A text's first bytes, without its line feed; of a longer line the last kept byte is its last. A number's line ends at
  /// a zero byte, if there is one: the unpickler in C ignores what follows.
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
