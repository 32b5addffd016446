// The handler of the parser's events for an index.
#ifndef TENSORGATE_SHARDED_HANDLER_H_
#define TENSORGATE_SHARDED_HANDLER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/json/events.h"
#include "lib/sharded/index.h"
#include "tensorgate/limits.h"

namespace tensorgate::sharded {

/// A member of an object other than weight_map: only its key matters.
struct OtherKey {
  std::uint32_t container;
  std::uint32_t string;  ///< Ordinal of this string within the index.
  TextRef key;
};

/// Results of the events in addition to the index.
struct Events {
  /// Values of weight_map, each time that one differs from the previous one.
  internal::PodBuffer<TextRef> values;
  internal::PodBuffer<OtherKey> keys;
  bool has_weight_map = false;
};

class IndexHandler : public json::HandlerBase {
 public:
  /// What stopped the parse, so that parse.cc can find its position.
  struct Stopped {
    Rule rule{};
    json::TokenKind kind{};
    bool names_tensor = false;
    std::optional<std::uint64_t> found, allowed;
  };

  IndexHandler(Index& index, const Limits& limits, Events& events)
      : index_(index), limits_(limits), events_(events), text_(index.text()) {}

  const Stopped& stopped() const { return stopped_; }
  std::string TensorName() const { return name_; }

  bool on_object_begin(Error& error) { return Open(json::TokenKind::kObject, error); }
  bool on_array_begin(Error& error) { return Open(json::TokenKind::kArray, error); }
  bool on_object_end(std::size_t, Error&) { return Close(); }
  bool on_array_end(std::size_t, Error&) { return Close(); }
  bool on_key(Text part, std::size_t, Error& error);
  bool on_string(Text part, std::size_t, Error& error);
  bool on_key_part(Text part, std::size_t, Error&) { return AddPart(part); }
  bool on_string_part(Text part, std::size_t, Error&) { return AddPart(part); }
  bool on_uint64(std::uint64_t, Text, Error& error) {
    return Scalar(json::TokenKind::kNumber, error);
  }
  bool on_int64(std::int64_t, Text, Error& error) {
    return Scalar(json::TokenKind::kNumber, error);
  }
  bool on_double(double, Text text, Error& error);
  bool on_bool(bool value, Error& error) {
    return Scalar(value ? json::TokenKind::kTrue : json::TokenKind::kFalse, error);
  }
  bool on_null(Error& error) { return Scalar(json::TokenKind::kNull, error); }

 private:
  /// The expected next value; the first three are objects.
  enum class Expected : std::uint8_t { kRoot, kWeightMap, kMetadata, kShard, kAnything };
  struct Container {
    std::uint32_t ordinal = 0;
    bool is_weight_map = false;
  };

  bool AddPart(std::string_view part) {
    parts_.append(part);
    has_parts_ = true;
    return true;
  }
  TextRef Take(std::string_view part);
  bool Open(json::TokenKind kind, Error& error);
  bool Close() {
    --depth_;
    expected_ = Expected::kAnything;
    return true;
  }
  bool Scalar(json::TokenKind kind, Error& error);
  /// True if a value of that kind, other than a shard's name, is allowed next.
  bool Suits(json::TokenKind kind, Error& error);
  bool TensorKey(TextRef name, Error& error);
  bool OtherKeyOf(std::uint32_t container, TextRef key, Error& error);
  bool Refuse(Rule rule, json::TokenKind kind, Error& error) {
    stopped_ = {.rule = rule, .kind = kind};
    return Stop(error);
  }
  bool Limit(Rule rule, std::optional<std::uint64_t> found, std::uint64_t allowed, TextRef name,
             Error& error);

  Index& index_;
  const Limits& limits_;
  Events& events_;
  const std::string_view text_;
  Stopped stopped_;
  std::string name_;
  std::array<Container, kMaxDepth> open_;
  std::size_t depth_ = 0;
  std::uint32_t containers_ = 0, strings_ = 0;
  Expected expected_ = Expected::kRoot;
  bool has_parts_ = false;
  std::string parts_;
};

}  // namespace tensorgate::sharded

#endif  // TENSORGATE_SHARDED_HANDLER_H_
