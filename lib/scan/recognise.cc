#include "lib/scan/recognise.h"

#include <algorithm>
#include <optional>

#include "lib/base/bytes.h"
#include "lib/torch/examination.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_view_literals;

struct Varint {
  std::uint64_t value = 0;
  std::size_t length = 0;
};

std::optional<Varint> ReadVarint(std::string_view text) {
  Varint result;
  for (const char c : text.substr(0, 10)) {
    const auto byte = static_cast<unsigned char>(c);
    result.value |= std::uint64_t{byte & 0x7Fu} << (7 * result.length);
    ++result.length;
    if (byte < 0x80) return result;
  }
  return std::nullopt;
}

// The argument of a text opcode, up to its line feed; false if there is none.
bool SkipLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == text.npos) return false;
  text.remove_prefix(end + 1);
  return true;
}

unsigned ParseOctal(std::string_view text) {
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') break;
    value = value * 8 + static_cast<unsigned>(c - '0');
  }
  return value;
}

}  // namespace

Kind RecognisePickle(std::string_view head) {
  if (head.size() < 3 || head[0] != '\x80' || head[1] < 0 || head[1] > 5) return {};
  using torch::internal::Layout;
  if (torch::internal::LayoutOf(AsBytes(head)) == Layout::kLegacy) {
    return {"pytorch-legacy", "a PyTorch checkpoint (legacy stream of pickles)"};
  }
  if (head.contains("joblib.numpy_pickle") || head.contains("cjoblib.")) {
    return {"joblib", "a joblib file (a pickle)"};
  }
  return {"pickle", "a pickle"};
}

Kind RecogniseTextPickle(std::string_view head) {
  constexpr Kind kPickle = {"pickle", "a pickle of protocol 0 (text)"};
  constexpr std::string_view kNoArgument = "(.012]})NRabdelostu";
  constexpr std::string_view kOneLine = "SVILFPpg";
  constexpr int kEnough = 24;  // so many opcodes in a row are no prose
  bool calls = false;
  for (int count = 0; !head.empty(); ++count) {
    const char opcode = head.front();
    head.remove_prefix(1);
    if (opcode == '.') return count > 0 ? kPickle : Kind{};
    if (opcode == 'c' || opcode == 'i') {
      if (!SkipLine(head) || !SkipLine(head)) return {};
      calls = true;
    } else if (kOneLine.contains(opcode)) {
      if (!SkipLine(head)) return calls ? kPickle : Kind{};
    } else if (!kNoArgument.contains(opcode)) {
      return {};
    }
    if (count > kEnough) return kPickle;
  }
  return {};
}

Kind RecogniseTar(std::string_view head) {
  constexpr std::size_t kBlock = 512, kChecksum = 148;
  if (head.size() < kBlock || head.front() == '\0') return {};
  // The sum of the header's bytes, with spaces in place of the sum itself, stands in it in octal.
  unsigned sum = 8 * ' ';
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (i < kChecksum || i >= kChecksum + 8) sum += static_cast<unsigned char>(head[i]);
  }
  std::string_view field = head.substr(kChecksum, 8);
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  if (ParseOctal(field) != sum) return {};
  std::string_view name = head.substr(0, 100);
  name = name.substr(0, name.find('\0'));
  if (name.starts_with("./")) name.remove_prefix(2);
  if (name == "sys_info" || name == "pickle" || name == "storages" || name == "tensors") {
    return {"pytorch-tar", "a PyTorch checkpoint (legacy tar)"};
  }
  return {"tar", "a tar archive"};
}

Kind RecogniseProtobuf(std::string_view head) {
  // Field 1 as a varint: ONNX's ir_version or the schema version of a saved model.
  if (head.size() < 8 || head[0] != '\x08' || head[1] < 1 || head[1] > 32) return {};
  const bool first_schema = head[1] == 1;
  head.remove_prefix(2);
  while (!head.empty()) {
    const std::optional<Varint> key = ReadVarint(head);
    if (!key) return {};
    const std::uint64_t field = key->value >> 3, type = key->value & 7;
    head.remove_prefix(key->length);
    const std::optional<Varint> value = ReadVarint(head);
    if (!value || (type != 0 && type != 2)) return {};
    head.remove_prefix(value->length);
    if (first_schema && field == 2 && type == 2 && value->value > 64 && head.starts_with('\x0a')) {
      return {"tensorflow-savedmodel", "a TensorFlow saved model"};
    }
    if ((field == 7 || field == 8) && type == 2) return {"onnx", "an ONNX model"};
    if (field < 2 || field > 25) return {};
    if (type == 2) {
      if (value->value > head.size()) return {};
      head.remove_prefix(static_cast<std::size_t>(value->value));
    }
  }
  return {};
}

}  // namespace tensorgate::internal
