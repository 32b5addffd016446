// Reads the opcodes of a pickle of any size through a window of its file.
#ifndef TENSORGATE_CLI_PICKLE_READER_H_
#define TENSORGATE_CLI_PICKLE_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/decode.h"
#include "tensorgate/source.h"

namespace tensorgate::cli {

/// A part of a source in memory.
class Window {
 public:
  Window(Source& source, std::uint64_t end) : source_(source), end_(end) {}

  /// From `offset` on as much as `length` allows, up to the end of what is looked at. Throws std::bad_alloc.
  Result<void> Load(std::uint64_t offset, std::uint64_t length);
  /// What is here from `offset` on; empty if that is elsewhere.
  std::span<const std::byte> From(std::uint64_t offset) const;
  std::uint64_t begin() const { return begin_; }
  std::uint64_t loaded_end() const { return begin_ + bytes_.size(); }
  std::uint64_t end() const { return end_; }
  bool ends_here() const { return loaded_end() == end_; }

 private:
  Source& source_;
  std::uint64_t begin_ = 0;
  const std::uint64_t end_;
  internal::PodBuffer<std::byte> bytes_;
};

class PickleReader {
 public:
  /// `end`: of the pickle or of what it is in. `longest_line`: of an argument that is a line, in bytes. `window` may hold any
  /// part of the source, and is moved.
  PickleReader(Window& window, std::uint64_t begin, std::uint64_t end, std::uint64_t longest_line)
      : window_(window), end_(end), longest_line_(longest_line), at_(begin) {}

  /// The next opcode, which begins at offset(). Of an argument that is too long for memory the text is its beginning. Views
  /// last until the next call. False: see failure() and error(). Throws std::bad_alloc.
  bool Next(pickle::Event& event);
  std::uint64_t offset() const { return offset_; }
  /// After the last opcode and its argument.
  std::uint64_t at() const { return at_; }
  /// As in Event, across windows.
  bool crosses_frame() const { return crosses_frame_; }
  /// The opcode is a frame that is longer than what is left.
  bool frame_past_end() const { return frame_past_end_; }
  pickle::DecodeError error() const { return error_; }
  /// The source failed.
  const std::optional<Status>& failure() const { return failure_; }
  bool line_too_long() const { return line_too_long_; }

  /// Skips up to `count` bytes that are not opcodes.
  void Skip(std::uint64_t count);
  /// Reads one byte that is not an opcode; nothing at the end.
  std::optional<std::uint8_t> Byte();

 private:
  bool Slide(std::uint64_t length);
  bool Accept(const pickle::Event& event, std::uint64_t length);
  bool AcceptFrame(pickle::Event& event, std::uint64_t length);
  std::optional<std::uint64_t> Cut(std::span<const std::byte> here, pickle::Event& event) const;

  std::span<const std::byte> Here() const;

  Window& window_;
  const std::uint64_t end_, longest_line_;
  std::uint64_t at_, offset_ = 0, frame_end_ = 0;
  bool crosses_frame_ = false, frame_past_end_ = false, line_too_long_ = false;
  pickle::DecodeError error_ = pickle::DecodeError::kNone;
  std::optional<Status> failure_;
};

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_PICKLE_READER_H_
