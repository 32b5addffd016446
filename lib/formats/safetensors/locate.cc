#include "lib/formats/safetensors/locate.h"

#include "lib/formats/safetensors/header.h"

namespace tensorgate::safetensors::internal {

using json::Token;
using json::TokenKind;

bool EntryWalker::Next(Entry& entry) {
  entry = Entry();
  entry.key = cursor_.Next();
  if (entry.key.kind != TokenKind::kString) return false;
  entry.metadata = json::Unescape(text_.substr(entry.key.begin, entry.key.size())) == kMetadataName;
  entry.value = cursor_.Next();
  if (entry.metadata) {
    cursor_.SkipValue(entry.value);
  } else {
    WalkFields(entry);
  }
  return true;
}

void EntryWalker::WalkFields(Entry& entry) {
  const bool as_array = entry.value.kind == TokenKind::kArray;
  for (int item = 0;; ++item) {
    Token token = cursor_.Next();
    if (!token || token.kind == TokenKind::kObjectEnd || token.kind == TokenKind::kArrayEnd) return;
    Token* place = item == 0 ? &entry.dtype : item == 1 ? &entry.shape : &entry.offsets;
    if (!as_array) {
      const std::string name = json::Unescape(text_.substr(token.begin, token.size()));
      place = name == "dtype"          ? &entry.dtype
              : name == "shape"        ? &entry.shape
              : name == "data_offsets" ? &entry.offsets
                                       : nullptr;
      if (place == nullptr && !entry.unknown_field) entry.unknown_field = token;
      token = cursor_.Next();
    }
    if (place != nullptr) *place = token;
    cursor_.SkipValue(token);
  }
}

void Places::Locate(std::string_view text) {
  EntryWalker walker(text);
  std::uint32_t ordinal = 0;
  std::size_t left = tensors.size() + (needs_metadata || !metadata_keys.empty() ? 1 : 0);
  for (Entry entry; left != 0 && walker.Next(entry);) {
    if (!entry.metadata) {
      if (const auto wanted = tensors.find(ordinal++); wanted != tensors.end()) {
        wanted->second = entry;
        --left;
      }
      continue;
    }
    if (needs_metadata || !metadata_keys.empty()) --left;
    metadata_value = entry.value.begin;
    if (metadata_keys.empty() || entry.value.kind != TokenKind::kObject) continue;
    json::TokenCursor cursor(text, entry.value.end);
    std::uint32_t index = 0;
    for (Token key = cursor.Next(); key.kind == TokenKind::kString; key = cursor.Next()) {
      if (const auto wanted = metadata_keys.find(index++); wanted != metadata_keys.end())
        wanted->second = key.begin;
      cursor.SkipValue(cursor.Next());
    }
  }
}

}  // namespace tensorgate::safetensors::internal
