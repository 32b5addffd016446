// Writes JSON as text that is safe to show: pure JSON, and none of its characters can deceive a
// terminal or a reader.
#ifndef TENSORGATE_JSON_WRITER_H_
#define TENSORGATE_JSON_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tensorgate::internal {

/// Appends `text` as a JSON string. Boost's serializer writes it; it passes DEL, C1 and
/// bidirectional controls raw, so these become \uXXXX afterwards. Bytes that are not UTF-8 become
/// U+FFFD. Throws std::bad_alloc.
void AppendJsonString(std::string& out, std::string_view text);

/// Appends `text`, which must be valid UTF-8, as a JSON string with only the escapes that JSON
/// demands: a control character as \b, \f, \n, \r, \t or \u00xx, the quote and the backslash.
/// For files; nothing here is fit to be shown. Throws std::bad_alloc.
void AppendPlainJsonString(std::string& out, std::string_view text);

/// In ASCII alone: everything from DEL on is \uXXXX. Bytes that are not UTF-8 become U+FFFD. Throws std::bad_alloc.
void AppendAsciiJsonString(std::string& out, std::string_view text);

/// Objects and arrays in the order in which they are written; commas are its business, nesting the
/// caller's.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }
  void Key(std::string_view key);
  void String(std::string_view text);
  void Number(std::uint64_t number);
  /// A value that is JSON already.
  void Raw(std::string_view json);
  void Bool(bool value);
  void Null();
  /// What comes next, a value or a bracket that closes, is on a line of its own.
  void BreakLine() { line_ = true; }

  /// Members in one call.
  void Member(std::string_view key, std::string_view text) { Key(key), String(text); }
  void Member(std::string_view key, std::uint64_t number) { Key(key), Number(number); }
  /// A path that is not UTF-8 has no spelling in JSON: its bytes stand beside it, as `KEY_base64`.
  void PathMembers(std::string_view key, std::string_view path);
  /// null if empty.
  void MemberOrNull(std::string_view key, std::string_view text);

 private:
  void Separate();
  void EndLine();
  void Open(char bracket);
  void Close(char bracket);

  std::string& out_;
  bool comma_ = false;
  bool line_ = false;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_JSON_WRITER_H_
