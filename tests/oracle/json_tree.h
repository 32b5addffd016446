// A slow and obvious JSON reader for the oracle: bytes to a tree that keeps everything, repeated
// keys too.
//
// Written from RFC 8259 and from what the reference does with numbers; shares nothing with lib/.
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

/// Containers that may be open at once, the root included.
inline constexpr int kMaxDepth = 127;

/// Reads one value and the white space around it; what else follows is an error.
std::variant<Json, JsonError> ReadJson(std::string_view text);

/// Whether the text is UTF-8: shortest forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

/// Whether serde_json 1.0 (default features) can hold a number of JSON's grammar: it refuses what
/// its own way of computing makes infinite.
bool IsFiniteInSerdeJson(std::string_view number);

}  // namespace tensorgate::oracle

#endif  // TENSORGATE_TESTS_ORACLE_JSON_TREE_H_
