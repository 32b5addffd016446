#include "tests/pickle/dump.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "lib/formats/torch/plain_calls.h"

namespace tensorgate::test {
namespace {

using pickle::Kind;
using pickle::Value;

std::string Hex(std::string_view bytes) {
  std::string hex;
  char two[3];
  for (const char c : bytes) {
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(c));
    hex += two;
  }
  return hex;
}

std::string Hex(std::uint64_t bits) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(bits));
  return text;
}

class Dumper {
 public:
  Dumper(const pickle::Values& values, const torch::internal::Rebuild& rebuild)
      : values_(values), rebuild_(rebuild) {}

  std::string Text(const Value& value) const {
    switch (value.kind) {
      case Kind::kNone:
        return "None";
      case Kind::kBool:
        return value.bits != 0 ? "True" : "False";
      case Kind::kInt:
        return "i" + std::to_string(value.Int());
      case Kind::kBigInt:
        return "I" + Hex(values_.Text(value));
      case Kind::kFloat:
        return "f" + Hex(value.bits);
      case Kind::kString:
        return "s" + Hex(values_.Text(value));
      case Kind::kBytes:
        return "b" + Hex(values_.DecodeBytes(value));
      case Kind::kDtype:
        return "t" + std::string(
                         torch::internal::Info(static_cast<torch::internal::ScalarType>(value.bits))
                             .name);
      case Kind::kLayout:
        return "l" + std::string(torch::internal::LayoutName(value.bits));
      case Kind::kQscheme:
        return "q" + std::string(torch::internal::QschemeName(value.bits));
      case Kind::kTuple:
        return "(" + Items(value) + ")";
      case Kind::kSize:
        return "Size(" + Items(value) + ")";
      case Kind::kComplex:
        return "complex(" + Items(value) + ")";
      case Kind::kDevice:
        return "device(" + Items(value) + ")";
      case Kind::kByteArray:
        return "bytearray(" + Items(value) + ")";
      case Kind::kList:
        return "[" + Items(value) + "]";
      case Kind::kDict:
        return "{" + Pairs(value) + "}";
      case Kind::kCounter:
        return "Counter{" + Pairs(value) + "}";
      case Kind::kOrderedDict:
        return "Ordered{" + Pairs(value) + "}" + Attributes(value);
      case Kind::kSet:
        return "Set" + Set(value);
      case Kind::kTensor:
        return Tensor(rebuild_.tensors()[static_cast<std::size_t>(value.bits)]);
      case Kind::kUndefined:
      case Kind::kStorage:
      case Kind::kGlobal:
      case Kind::kRawBytes:
      case Kind::kForeign:
      case Kind::kNumpyDtype:  // not possible without a trust list
      case Kind::kNumpyScalar:
      case Kind::kNdarray:
      case Kind::kInstance:
        break;
    }
    return "?";
  }

 private:
  std::string Items(const Value& value) const {
    std::string text;
    for (const Value& item : values_.Items(value)) text += Text(item) + ",";
    return text;
  }
  std::string Pairs(const Value& value) const {
    std::string text;
    const auto items = values_.Items(value);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2)
      text += Text(items[i]) + ":" + Text(items[i + 1]) + ",";
    return text;
  }
  std::string Attributes(const Value& value) const {
    const Value attributes = values_.Attributes(value);
    return values_.Items(attributes).empty() ? "" : "+" + Text(attributes);
  }
  std::string Set(const Value& value) const {
    std::vector<std::string> all;
    for (const Value& item : values_.Items(value)) all.push_back(Text(item));
    std::ranges::sort(all);
    std::string text = "{";
    for (const std::string& each : all) text += each + ",";
    return text + "}";
  }
  std::string Tensor(const torch::internal::TensorValue& tensor) const {
    const torch::internal::StorageValue& storage = rebuild_.storages()[tensor.storage];
    return std::string(tensor.is_parameter ? "Parameter" : "Tensor") + "<" +
           std::string(torch::internal::Info(tensor.dtype).name) + " " +
           std::to_string(tensor.offset) + " (" + Items(tensor.shape) + ") (" +
           Items(tensor.stride) + ") " + (tensor.requires_grad ? "True" : "False") + " " +
           Hex(storage.key) + " " + std::to_string(storage.bytes) + ">";
  }

  const pickle::Values& values_;
  const torch::internal::Rebuild& rebuild_;
};

}  // namespace

std::string Dump(const pickle::Values& values, const torch::internal::Rebuild& rebuild,
                 const Value& value) {
  return Dumper(values, rebuild).Text(value);
}

}  // namespace tensorgate::test
