#include "lib/second_readings/protobuf_walk.h"

#include "lib/base/checked.h"

namespace tensorgate::internal {
namespace {

constexpr unsigned kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5;
constexpr unsigned kMaxShift = 63;  // of the tenth byte
constexpr std::uint64_t kGraph = 7, kMaxField = (1u << 29) - 1;

}  // namespace

void ProtobufWalk::Feed(std::span<const std::byte> bytes) {
  std::uint64_t end = position_;
  if (AddOverflows<std::uint64_t>(end, bytes.size())) step_ = Step::kFailed;
  while (step_ != Step::kFailed && position_ < end) {
    const auto byte = std::to_integer<std::uint64_t>(
        bytes[bytes.size() - static_cast<std::size_t>(end - position_)]);
    ++position_;
    at_start_ = false;
    if (shift_ > kMaxShift) {
      step_ = Step::kFailed;
      return;
    }
    value_ |= (byte & 0x7F) << shift_;
    shift_ += 7;
    if (byte < 0x80) OnVarint();
  }
}

void ProtobufWalk::OnVarint() {
  const std::uint64_t value = value_;
  value_ = 0;
  shift_ = 0;
  if (step_ != Step::kTag) {
    Skip(step_ == Step::kLength ? value : 0);
    return;
  }
  const std::uint64_t field = value >> 3;
  if (field == 0 || field > kMaxField) {
    step_ = Step::kFailed;
    return;
  }
  switch (value & 7) {
    case kVarint:
      step_ = Step::kNumber;
      return;
    case kFixed64:
      return Skip(8);
    case kLengthDelimited:
      has_graph_ |= field == kGraph;
      step_ = Step::kLength;
      return;
    case kFixed32:
      return Skip(4);
    default:
      step_ = Step::kFailed;  // groups, which models do not contain
  }
}

void ProtobufWalk::Skip(std::uint64_t count) {
  position_ = SaturatingAdd(position_, count);
  step_ = Step::kTag;
  at_start_ = true;
}

}  // namespace tensorgate::internal
