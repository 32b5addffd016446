// Writes JSON as text that is safe to display: valid JSON without characters that can deceive a
// terminal or a reader.
#ifndef TENSORGATE_JSON_WRITER_H_
#define TENSORGATE_JSON_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tensorgate::internal {

/// Appends `text` as a JSON string. Boost's serializer writes it but leaves DEL, C1 and
/// bidirectional controls unescaped, so these are changed to \uXXXX afterwards. Bytes that are not
/// UTF-8 become U+FFFD. Throws std::bad_alloc.
void AppendJsonString(std::string& out, std::string_view text);

/// Appends `text`, which must be valid UTF-8, as a JSON string with only the escapes that JSON
/// requires: control characters as \b, \f, \n, \r, \t or \u00xx, the quote and the backslash. For
/// files; the result is not safe to display. Throws std::bad_alloc.
void AppendPlainJsonString(std::string& out, std::string_view text);

/// In ASCII only: everything from DEL on becomes \uXXXX. Bytes that are not UTF-8 become U+FFFD.
/// Throws std::bad_alloc.
void AppendAsciiJsonString(std::string& out, std::string_view text);

/// Writes objects and arrays in order. It inserts the commas; the caller must nest correctly.
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
  /// A value that already is JSON.
  void Raw(std::string_view json);
  void Bool(bool value);
  void Null();
  /// Puts the next value or closing bracket on a new line.
  void BreakLine() { line_ = true; }

  /// Members in one call.
  void Member(std::string_view key, std::string_view text) { Key(key), String(text); }
  void Member(std::string_view key, std::uint64_t number) { Key(key), Number(number); }
  /// A path. If it is not UTF-8, JSON cannot represent it, so its bytes are added as `KEY_base64`.
  void PathMembers(std::string_view key, std::string_view path);
  /// null if `text` is empty.
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
