// Finds positions in a parsed header: the tokens of an entry's dtype, shape or key. Cold code.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_LOCATE_H_
#define TENSORGATE_FORMATS_SAFETENSORS_LOCATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "lib/json/tokens.h"

namespace tensorgate::safetensors::internal {

/// The tokens of one entry of the root object.
struct Entry {
  json::Token key, value;  // value: its first token
  bool metadata = false;
  json::Token dtype, shape, offsets;         // first tokens of the fields' values
  std::optional<json::Token> unknown_field;  // the key of the first one
};

/// The entries of the root, in order.
class EntryWalker {
 public:
  explicit EntryWalker(std::string_view text) : text_(text), cursor_(text) { cursor_.Next(); }
  bool Next(Entry& entry);

 private:
  void WalkFields(Entry& entry);
  std::string_view text_;
  json::TokenCursor cursor_;
};

/// Positions to find, by the ordinal of the tensor or metadata key; a single pass finds all of
/// them.
struct Places {
  std::map<std::uint32_t, Entry> tensors;
  std::map<std::uint32_t, std::size_t> metadata_keys;
  bool needs_metadata = false;
  std::size_t metadata_value = 0;

  void Locate(std::string_view text);
};

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_LOCATE_H_
