#include "cli/pin_list.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "tensorgate/digest.h"

namespace tensorgate::cli {
namespace {

constexpr std::size_t kDigits = 64;
constexpr std::string_view kHeader = "header:", kContent = "content:";

std::optional<std::string> TakeDigest(std::string_view& text) {
  std::string digest(text.substr(0, kDigits));
  for (char& c : digest) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  if (digest.size() != kDigits || digest.find_first_not_of("0123456789abcdef") != digest.npos) {
    return std::nullopt;
  }
  text.remove_prefix(kDigits);
  return digest;
}

// As sha256sum writes the names that contain line feeds; it then marks the line with a backslash.
std::optional<std::string> Unescape(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      path += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    const std::size_t which = std::string_view("\\nr").find(text[i]);
    if (which == std::string_view::npos) return std::nullopt;
    path += std::string_view("\\\n\r")[which];
  }
  return path;
}

std::string Escape(std::string_view path, bool& escaped) {
  std::string text;
  for (const char c : path) {
    const std::size_t which = std::string_view("\\\n\r").find(c);
    if (which == std::string_view::npos) {
      text += c;
    } else {
      text += '\\';
      text += std::string_view("\\nr")[which];
      escaped = true;
    }
  }
  return text;
}

// Two spaces, or for binary files a space and an asterisk, then the path.
bool TakePath(std::string_view text, bool escaped, Pin& pin) {
  if (!text.starts_with("  ") && !text.starts_with(" *")) return false;
  text.remove_prefix(2);
  const std::optional<std::string> path = escaped ? Unescape(text) : std::string(text);
  if (!path || path->empty() || path->find('\0') != path->npos) return false;
  pin.path = *path;
  return true;
}

// "header:DIGEST content:DIGEST  PATH", the first for formats that have a header.
std::optional<Pin> ParseLine(std::string_view line) {
  const bool escaped = line.starts_with('\\');
  if (escaped) line.remove_prefix(1);
  Pin pin;
  if (line.starts_with(kHeader)) {
    line.remove_prefix(kHeader.size());
    const std::optional<std::string> digest = TakeDigest(line);
    if (!digest || !line.starts_with(' ')) return std::nullopt;
    line.remove_prefix(1);
    if (!line.starts_with(kContent)) return std::nullopt;
    pin.header = *digest;
  }
  const bool content = line.starts_with(kContent);
  if (content) line.remove_prefix(kContent.size());
  const std::optional<std::string> digest = TakeDigest(line);
  if (!digest) return std::nullopt;
  (content ? pin.content : pin.file) = *digest;
  if (!TakePath(line, escaped, pin)) return std::nullopt;
  return pin;
}

// 'DIGEST DTYPE [SHAPE] "NAME"', or the last line: DIGEST.
bool IsOfContents(std::string_view line) {
  if (!TakeDigest(line)) return false;
  return line.empty() || (line.starts_with(' ') && !line.starts_with("  ") &&
                          !line.starts_with(" *") && line.ends_with('"'));
}

std::expected<PinList, PinListError> ParseContents(std::string_view text) {
  PinList list;
  std::string lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!IsOfContents(line)) {
      return std::unexpected(PinListError{number, "not a line that `tensorgate hash FILE` prints"});
    }
    const std::size_t quote = line.find('"');
    if (quote != line.npos) {
      list.tensors.emplace(line.substr(quote), line);
      lines.append(line) += '\n';
      continue;
    }
    Pin pin;
    pin.content = *TakeDigest(line);
    if (!text.empty()) {
      return std::unexpected(PinListError{
          number + 1, "nothing may follow the last line of what `tensorgate hash FILE` prints"});
    }
    if (Sha256Hex(std::as_bytes(std::span(lines))) != pin.content) {
      return std::unexpected(
          PinListError{number, "not the SHA-256 of the lines above it: the list was changed"});
    }
    list.pins.push_back(std::move(pin));
  }
  if (list.pins.empty()) {
    return std::unexpected(PinListError{0, "the last line of `tensorgate hash FILE` is missing"});
  }
  return list;
}

}  // namespace

std::expected<PinList, PinListError> ParsePins(std::string_view text) {
  if (IsOfContents(text.substr(0, text.find('\n')))) return ParseContents(text);
  PinList list;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    std::optional<Pin> pin = ParseLine(line);
    if (!pin) {
      return std::unexpected(PinListError{
          number, "not a line that `sha256sum FILE` or `tensorgate hash --pin FILE` prints"});
    }
    list.pins.push_back(*std::move(pin));
  }
  if (list.pins.empty()) return std::unexpected(PinListError{0, "the list is empty"});
  return list;
}

std::string PinLine(const Pin& pin) {
  bool escaped = false;
  const std::string path = Escape(pin.path, escaped);
  std::string line = escaped ? "\\" : "";
  if (!pin.header.empty()) line.append(kHeader).append(pin.header) += ' ';
  return line.append(kContent).append(pin.content).append("  ").append(path);
}

}  // namespace tensorgate::cli
