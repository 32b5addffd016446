// The contents of a pickle as plain values: small ones in place, texts as views of the pickle,
// containers in an arena and shared by reference.
//
//   const pickle::Value root = outcome.root;
//   if (root.kind == pickle::Kind::kDict) {
//     const std::span<const pickle::Value> items = values.Items(root);  // key, value, key, value …
//     std::string_view key = values.Text(items[0]);
//   }
//
// Views are valid as long as the pickle's bytes and the `Values`. An accepted result has no cycles
// and is at most kMaxNesting deep; walking it as a tree (visiting shared parts repeatedly) visits
// at most the bytes allowed by `pickle/expansion`.
#ifndef TENSORGATE_CONTAINERS_PICKLE_VALUE_H_
#define TENSORGATE_CONTAINERS_PICKLE_VALUE_H_

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/pod_buffer.h"

namespace tensorgate::pickle {

enum class Kind : std::uint8_t {
  kUndefined,  ///< A memo entry that was never written; never in a result.
  kNone,
  kBool,
  kInt,     ///< 64 bits, signed.
  kBigInt,  ///< Larger ones: little-endian two's complement, shortest form, at most 255 bytes.
  kFloat,
  kString,  ///< UTF-8.
  kBytes,   ///< Stored as the UTF-8 of the Latin-1 text in the pickle.
  kDtype,   ///< `bits` is a number of the policy, as for the kinds below.
  kLayout,
  kQscheme,
  kTuple,  ///< An object, like the kinds below.
  kSize,
  kComplex,    ///< Items: real, imaginary.
  kDevice,     ///< Items: type, and index if it has one.
  kByteArray,  ///< Items: the bytes, if any.
  kList,
  kDict,  ///< Items: key, value, key, value …
  kOrderedDict,
  kCounter,
  kSet,
  /// For the line `numpy` of a trust list, like the kinds below. Items: the policy's number, byte
  /// order.
  kNumpyDtype,
  kNumpyScalar,  ///< Items: dtype, bytes.
  kNdarray,      ///< Items: shape, dtype, whether in Fortran order, bytes.
  /// The result of a trusted call. Items: the policy's number, arguments, and state if it has one.
  kInstance,
  kTensor,   ///< `bits` is a number of the policy, as for the kinds below.
  kStorage,  ///< Never in a result that the strict profile accepts, like the one below.
  kGlobal,   ///< An allowed function or class.
  // Only in a machine that follows foreign values (foreign.h):
  kRawBytes,  ///< The bytes as they are in the pickle.
  kForeign,   ///< `bits`: index in ForeignValues.
};

/// None, booleans, numbers, texts, dtypes, or undefined: values that do not refer to others.
constexpr bool IsScalar(Kind kind) { return kind <= Kind::kQscheme; }
constexpr bool IsObject(Kind kind) { return kind >= Kind::kTuple && kind <= Kind::kInstance; }
constexpr bool IsMapping(Kind kind) {
  return kind == Kind::kDict || kind == Kind::kOrderedDict || kind == Kind::kCounter;
}
std::string_view Name(Kind kind);  ///< "int", "OrderedDict" …

struct Value {
  Kind kind = Kind::kUndefined;
  std::uint32_t length = 0;  ///< Size of a text or a large integer, in bytes.
  std::uint64_t bits = 0;    ///< The number; a text's offset in the pickle; an object's index.

  static Value Of(Kind kind, std::uint64_t bits = 0) { return {.kind = kind, .bits = bits}; }
  std::int64_t Int() const { return static_cast<std::int64_t>(bits); }
  double Float() const { return std::bit_cast<double>(bits); }
  bool IsInt() const { return kind == Kind::kInt; }
  bool IsString() const { return kind == Kind::kString; }
  friend bool operator==(const Value&, const Value&) = default;
};
static_assert(sizeof(Value) == 16);

/// A container. Its items are contiguous in the arena.
struct Object {
  Kind kind;
  bool hashable;  ///< Contains nothing mutable, at any depth.
  bool flat;      ///< Contains only scalars.
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
  std::uint32_t capacity = 0;
  std::uint32_t attributes = 0;  ///< Index + 1 of the dict that BUILD gave to an OrderedDict.
};

class Values {
 public:
  Values() = default;
  explicit Values(std::string_view pickle) : pickle_(pickle) {}

  /// The items of an object; for a mapping, keys and values in turn. Empty for anything else.
  std::span<const Value> Items(const Value& value) const;
  /// The text of a string (UTF-8), of bytes (as UTF-8, see DecodeBytes) or of a large integer.
  std::string_view Text(const Value& value) const {
    return value.length == 0 ? std::string_view()
                             : pickle_.substr(static_cast<std::size_t>(value.bits), value.length);
  }
  std::string DecodeBytes(const Value& value) const;
  /// The attributes that BUILD gave to an OrderedDict; kUndefined if there are none.
  Value Attributes(const Value& value) const;

  const Object& object(const Value& value) const {
    return objects_[static_cast<std::size_t>(value.bits)];
  }
  std::size_t object_count() const { return objects_.size(); }
  std::string_view pickle() const { return pickle_; }

 private:
  friend class Machine;
  Object& Mutable(const Value& value) { return objects_[static_cast<std::size_t>(value.bits)]; }
  /// Makes room at the end of `object` for `count` more items, and returns it.
  std::span<Value> Extend(Object& object, std::uint32_t count);

  /// Grows the pool to `size` values; returns the old size.
  std::size_t GrowPool(std::size_t size);

  std::string_view pickle_;
  internal::PodBuffer<Object> objects_;
  internal::PodBuffer<Value> pool_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_VALUE_H_
