#include "cli/pickle_reader.h"

#include <algorithm>
#include <string_view>

#include "lib/base/bytes.h"

namespace tensorgate::cli {
namespace {

using pickle::Argument;
using pickle::DecodeError;
using pickle::Event;

constexpr std::uint64_t kWindow = 1 << 20;

// The size of an argument's length field, in bytes.
std::size_t LengthBytes(Argument argument) {
  switch (argument) {
    case Argument::kSized8:
      return 1;
    case Argument::kSized32:
    case Argument::kSizedInt32:
      return 4;
    case Argument::kSized64:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

Result<void> Window::Load(std::uint64_t offset, std::uint64_t length) {
  begin_ = std::min(offset, end_);
  bytes_.Resize(static_cast<std::size_t>(std::min(length, end_ - begin_)));
  return ReadFully(source_, begin_, bytes_.span());
}

std::span<const std::byte> Window::From(std::uint64_t offset) const {
  if (offset < begin_ || offset > loaded_end()) return {};
  return bytes_.span().subspan(static_cast<std::size_t>(offset - begin_));
}

// The part of the pickle that is in memory, from the next opcode on.
std::span<const std::byte> PickleReader::Here() const {
  const std::span<const std::byte> here = window_.From(at_);
  return here.first(static_cast<std::size_t>(std::min<std::uint64_t>(here.size(), end_ - at_)));
}

bool PickleReader::Slide(std::uint64_t length) {
  if (const Result<void> loaded = window_.Load(at_, length); !loaded) failure_ = loaded.error();
  return !failure_;
}

bool PickleReader::Accept(const Event& event, std::uint64_t length) {
  if (event.op != pickle::Op::kFrame) frame_past_end_ = false;
  offset_ = at_;
  at_ += length;
  crosses_frame_ = offset_ < frame_end_ && at_ > frame_end_;
  if (event.op == pickle::Op::kFrame) frame_end_ = at_ + std::min(event.number, end_ - at_);
  return true;
}

// A frame that is longer than the rest of the file ends nothing: its contents can still be shown.
bool PickleReader::AcceptFrame(Event& event, std::uint64_t length) {
  constexpr std::uint64_t kOpcode = 9;
  event = {.op = pickle::Op::kFrame, .number = length};
  frame_past_end_ = length > end_ - at_ - kOpcode;
  return Accept(event, kOpcode);
}

// The length of an opcode whose argument goes beyond what is in memory, and not beyond the end.
std::optional<std::uint64_t> PickleReader::Cut(std::span<const std::byte> here,
                                               Event& event) const {
  const std::string_view text = internal::AsText(here);
  if (text.empty()) return std::nullopt;
  const auto* opcode = pickle::FindOpcode(static_cast<std::uint8_t>(text.front()));
  const std::size_t length_bytes = opcode == nullptr ? 0 : LengthBytes(opcode->argument);
  if (length_bytes == 0 || text.size() < 1 + length_bytes) return std::nullopt;
  const std::uint64_t begin = 1 + length_bytes;
  std::uint64_t length = 0;
  for (std::size_t i = length_bytes; i > 0; --i) {
    length = length << 8 | static_cast<unsigned char>(text[i]);
  }
  if (length > end_ - at_ - begin) return std::nullopt;
  event = {.op = opcode->op, .number = length, .text = text.substr(begin)};
  return begin + length;
}

bool PickleReader::Next(Event& event) {
  std::uint64_t wanted = kWindow;
  while (!failure_) {
    const std::span<const std::byte> here = Here();
    pickle::Decoder decoder(here);
    if (decoder.Next(event)) return Accept(event, event.end);
    error_ = decoder.error();
    if (error_ == DecodeError::kFramePastEnd) return AcceptFrame(event, decoder.found());
    if (error_ != DecodeError::kTruncated || at_ + here.size() >= end_) return false;
    if (window_.begin() != at_ || here.empty()) {
      if (!Slide(wanted)) return false;
      continue;
    }
    if (const std::optional<std::uint64_t> length = Cut(here, event)) return Accept(event, *length);
    // A line, or an argument that goes beyond the end.
    const auto* opcode = pickle::FindOpcode(static_cast<std::uint8_t>(internal::AsText(here)[0]));
    if (opcode == nullptr || LengthBytes(opcode->argument) != 0) return false;
    line_too_long_ = wanted >= longest_line_;
    if (line_too_long_) return false;
    wanted = std::min(wanted * 4, longest_line_);
    if (!Slide(wanted)) return false;
  }
  return false;
}

void PickleReader::Skip(std::uint64_t count) { at_ += std::min(count, end_ - at_); }

std::optional<std::uint8_t> PickleReader::Byte() {
  if (Here().empty() && (at_ >= end_ || !Slide(kWindow))) return std::nullopt;
  const auto byte = static_cast<std::uint8_t>(internal::AsText(Here())[0]);
  ++at_;
  return byte;
}

}  // namespace tensorgate::cli
