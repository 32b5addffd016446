// The values of a checkpoint as JSON.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/base64.h"
#include "lib/formats/torch/contents.h"
#include "lib/formats/torch/plain_calls.h"
#include "lib/json/writer.h"
#include "tensorgate/torch.h"

namespace tensorgate::torch {
namespace {

using internal::AppendKey;
using internal::Contents;
using internal::kAttributes;
using internal::LayoutName;
using internal::QschemeName;
using internal::ScalarType;
using pickle::Kind;
using pickle::Value;
using tensorgate::internal::JsonWriter;

template <typename Number>
std::string Digits(Number number) {
  std::array<char, 40> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), number);
  return {digits.begin(), end.ptr};
}

std::string Hexadecimal(std::string_view little_endian) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = little_endian.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(little_endian[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

struct Level {
  Value object;
  std::size_t child = 0;
  bool wrapped = false;     // inside an object with one key
  bool attributes = false;  // already written
  bool pairs = false;       // a mapping written as a list of key and value
};

// JSON keys are strings, and readers disagree about duplicates: 1 and "1" are different keys here.
bool KeysCollide(const pickle::Values& values, const Value& mapping) {
  const std::span<const Value> items = values.Items(mapping);
  const bool attributes = values.Attributes(mapping).kind != Kind::kUndefined;
  bool texts = !attributes;
  for (std::size_t i = 0; i < items.size(); i += 2) texts &= items[i].IsString();
  if (texts) return false;  // text keys are unique
  std::vector<std::string> keys;
  if (attributes) keys.emplace_back(kAttributes);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    AppendKey(keys.emplace_back(), values, items[i], i / 2);
  }
  std::ranges::sort(keys);
  return std::ranges::adjacent_find(keys) != keys.end();
}

class Writer {
 public:
  Writer(const Contents& contents, std::string& out)
      : contents_(contents), values_(contents.values()), json_(out) {}

  void Run() {
    Open(contents_.root);
    while (!levels_.empty()) Step();
  }

 private:
  void Step() {
    Level& level = levels_.back();
    const std::span<const Value> items = values_.Items(level.object);
    const bool mapping = pickle::IsMapping(level.object.kind);
    const std::size_t i = level.child;
    if (level.pairs && i % 2 == 0 && i != 0 && !level.attributes) json_.EndArray();
    if (i >= items.size()) {
      if (level.pairs && !level.attributes) json_.EndArray();
      const Value attributes = values_.Attributes(level.object);
      if (level.attributes || attributes.kind == Kind::kUndefined) return Close();
      level.attributes = true;
      json_.Key(kAttributes);
      return Open(attributes);
    }
    level.child += mapping && !level.pairs ? 2 : 1;
    if (level.pairs) {
      if (i % 2 == 0) json_.BeginArray();
      return Open(items[i]);
    }
    if (mapping) {
      std::string key;
      AppendKey(key, values_, items[i], i / 2);
      json_.Key(key);
    }
    Open(items[mapping ? i + 1 : i]);
  }

  void Close() {
    const Level level = levels_.back();
    levels_.pop_back();
    pickle::IsMapping(level.object.kind) ? json_.EndObject() : json_.EndArray();
    if (level.wrapped) json_.EndObject();
  }

  void Wrap(std::string_view key, std::string_view text) {
    json_.BeginObject();
    json_.Member(key, text);
    json_.EndObject();
  }

  void Open(const Value& value) {
    if (pickle::IsObject(value.kind)) return OpenObject(value);
    switch (value.kind) {
      case Kind::kBool:
        return json_.Bool(value.bits != 0);
      case Kind::kInt:
        return json_.Raw(Digits(value.Int()));
      case Kind::kBigInt:
        return Wrap("integer", "0x" + Hexadecimal(values_.Text(value)));
      case Kind::kFloat:
        if (std::isfinite(value.Float())) return json_.Raw(Digits(value.Float()));
        return Wrap("float", Digits(value.Float()));
      case Kind::kString:
        return json_.String(values_.Text(value));
      case Kind::kBytes:
        return Wrap("bytes", tensorgate::internal::Base64(values_.DecodeBytes(value)));
      case Kind::kDtype:
        return Wrap("dtype", Info(static_cast<ScalarType>(value.bits)).name);
      case Kind::kLayout:
        return Wrap("layout", LayoutName(value.bits));
      case Kind::kQscheme:
        return Wrap("qscheme", QschemeName(value.bits));
      case Kind::kTensor:
        return Wrap("tensor", contents_.NameOf(contents_.tensors[next_tensor_++]));
      default:
        return json_.Null();
    }
  }

  void OpenObject(const Value& value) {
    const bool wrapped = value.kind == Kind::kSet || value.kind == Kind::kComplex ||
                         value.kind == Kind::kDevice || value.kind == Kind::kByteArray;
    if (wrapped) {
      json_.BeginObject();
      json_.Key(Name(value.kind));
    }
    const bool mapping = pickle::IsMapping(value.kind);
    const bool pairs = mapping && KeysCollide(values_, value);
    mapping ? json_.BeginObject() : json_.BeginArray();
    if (pairs) {
      json_.Key("items");
      json_.BeginArray();
    }
    levels_.push_back({.object = value, .wrapped = wrapped, .pairs = pairs});
  }

  const Contents& contents_;
  const pickle::Values& values_;
  JsonWriter json_;
  std::vector<Level> levels_;
  std::size_t next_tensor_ = 0;
};

}  // namespace

std::string File::ValuesJson() const {
  std::string out;
  Writer(*contents_, out).Run();
  return out;
}

}  // namespace tensorgate::torch
