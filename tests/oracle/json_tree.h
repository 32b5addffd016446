// A slow and obvious JSON reader for the oracle: from bytes to a tree that keeps everything,
// including repeated keys.
//
// Written from RFC 8259 and from how the reference treats numbers; shares no code with lib/.
#ifndef TENSORGATE_TESTS_ORACLE_JSON_TREE_H_
#define TENSORGATE_TESTS_ORACLE_JSON_TREE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tensorgate::oracle {

enum class JsonKind { kNull, kBool, kNumber, kString, kArray, kObject };

struct JsonMember;

struct Json {
  JsonKind kind = JsonKind::kNull;
  std::size_t begin = 0;  ///< First byte in the text.
  std::size_t end = 0;    ///< One past the last.
  std::string text;       ///< Number: as written. String: unescaped.
  std::vector<Json> items;
  std::vector<JsonMember> members;
};

struct JsonMember {
  std::string key;  ///< Unescaped.
  Json value;
};

struct JsonError {
  enum class Kind { kSyntax, kDepth, kNumberRange, kTrailing } kind;
  std::size_t offset;
};

/// Maximum number of open containers, including the root.
inline constexpr int kMaxDepth = 127;

/// Reads one value and the white space around it; anything else after it is an error.
std::variant<Json, JsonError> ReadJson(std::string_view text);

/// True if the text is UTF-8: shortest forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

/// True if serde_json 1.0 (default features) can hold this JSON number: it refuses numbers that its
/// own way of computing makes infinite.
bool IsFiniteInSerdeJson(std::string_view number);

}  // namespace tensorgate::oracle

#endif  // TENSORGATE_TESTS_ORACLE_JSON_TREE_H_
