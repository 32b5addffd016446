#include "lib/scan/recognise.h"

#include <algorithm>
#include <optional>

#include "lib/base/bytes.h"
#include "lib/scan/tar.h"
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

bool IsTorchFlatbuffer(std::string_view head, std::uint64_t size) {
  constexpr std::size_t kMark = 4;
  return head.substr(std::min(head.size(), kMark)).starts_with("PTMF") &&
         LoadLittleEndian<std::uint32_t>(head) < size;
}

Kind RecogniseTar(std::string_view head) {
  const auto member = FirstTarMember(head);
  if (!member) return {};
  std::string_view name = *member;
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
