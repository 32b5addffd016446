// Follows bytes as a reader of Protocol Buffers would, over the top-level fields: an ONNX model has
// a graph there.
//
//   ProtobufWalk walk;
//   while (walk.going()) walk.Feed(bytes that begin at walk.position());
//   if (walk.EndsAt(size) && walk.has_graph()) …
#ifndef TENSORGATE_SECOND_READINGS_PROTOBUF_WALK_H_
#define TENSORGATE_SECOND_READINGS_PROTOBUF_WALK_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensorgate::internal {

class ProtobufWalk {
 public:
  /// Bytes before this position need not be read.
  std::uint64_t position() const { return position_; }
  bool going() const { return step_ != Step::kFailed; }
  /// The available bytes from position() on.
  void Feed(std::span<const std::byte> bytes);
  /// True if all bytes belong to fields.
  bool EndsAt(std::uint64_t size) const {
    return step_ == Step::kTag && at_start_ && position_ == size;
  }
  /// True if there is a ModelProto.graph (field 7).
  bool has_graph() const { return has_graph_; }

 private:
  enum class Step : std::uint8_t { kTag, kNumber, kLength, kFailed };
  void OnVarint();
  void Skip(std::uint64_t count);

  Step step_ = Step::kTag;
  std::uint64_t position_ = 0;
  std::uint64_t value_ = 0;  // of the current varint
  unsigned shift_ = 0;
  bool at_start_ = true;  // at the first byte of a tag
  bool has_graph_ = false;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SECOND_READINGS_PROTOBUF_WALK_H_
