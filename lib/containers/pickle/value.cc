#include "lib/containers/pickle/value.h"

#include <algorithm>
#include <array>

#include "lib/base/utf8.h"

namespace tensorgate::pickle {

std::string_view Name(Kind kind) {
  constexpr std::array<std::string_view, 30> kNames = {
      "nothing", "None",        "bool",         "int",
      "int",     "float",       "str",          "bytes",
      "dtype",   "layout",      "qscheme",      "tuple",
      "Size",    "complex",     "device",       "bytearray",
      "list",    "dict",        "OrderedDict",  "Counter",
      "set",     "numpy.dtype", "numpy.scalar", "numpy.ndarray",
      "object",  "Tensor",      "Storage",      "function or class",
      "bytes",   "object"};
  static_assert(kNames.size() == static_cast<std::size_t>(Kind::kForeign) + 1);
  return kNames[static_cast<std::size_t>(kind)];
}

std::span<const Value> Values::Items(const Value& value) const {
  if (!IsObject(value.kind)) return {};
  const Object& object = this->object(value);
  return pool_.span().subspan(object.begin, object.size);
}

std::string Values::DecodeBytes(const Value& value) const {
  std::string bytes;
  for (std::string_view text = Text(value); !text.empty();) {
    const internal::CodePoint point = internal::DecodeUtf8(text);
    bytes.push_back(static_cast<char>(point.value));
    text.remove_prefix(point.length);
  }
  return bytes;
}

Value Values::Attributes(const Value& value) const {
  if (!IsObject(value.kind) || object(value).attributes == 0) return {};
  return Value::Of(Kind::kDict, object(value).attributes - 1);
}

std::size_t Values::GrowPool(std::size_t size) {
  if (size > pool_.capacity()) pool_.Reserve(size + size / 2);
  const std::size_t before = pool_.size();
  pool_.Resize(size);
  return before;
}

std::span<Value> Values::Extend(Object& object, std::uint32_t count) {
  const std::size_t size = std::size_t{object.size} + count;
  if (size > object.capacity) {
    if (std::size_t{object.begin} + object.capacity == pool_.size()) {
      // The last object of the arena can grow in place.
      GrowPool(object.begin + size);
      object.capacity = static_cast<std::uint32_t>(size);
    } else {
      const std::size_t capacity = object.size == 0 ? size : 2 * size;
      const std::size_t begin = GrowPool(pool_.size() + capacity);
      const std::span<Value> all = pool_.span();
      std::ranges::copy(all.subspan(object.begin, object.size), all.subspan(begin).begin());
      object.begin = static_cast<std::uint32_t>(begin);
      object.capacity = static_cast<std::uint32_t>(capacity);
    }
  }
  const std::span<Value> added =
      pool_.span().subspan(std::size_t{object.begin} + object.size, count);
  object.size = static_cast<std::uint32_t>(size);
  return added;
}

}  // namespace tensorgate::pickle
