#include "lib/formats/torch/numpy.h"

#include <algorithm>
#include <array>
#include <string>

#include "lib/base/checked.h"
#include "lib/formats/torch/plain_calls.h"

namespace tensorgate::torch::internal {
namespace {

using enum NumpyRole;
using pickle::Kind;
using pickle::Machine;
using pickle::Value;
using Items = std::span<const Value>;

constexpr NumpyName kNames[] = {
    {"numpy", "dtype", kDtype},
    {"numpy.core.multiarray", "scalar", kScalar},
    {"numpy._core.multiarray", "scalar", kScalar},
    {"numpy.core.multiarray", "_reconstruct", kReconstruct},
    {"numpy._core.multiarray", "_reconstruct", kReconstruct},
    {"numpy", "ndarray", kNdarray},
    {"__builtin__", "bytes", kBytes},
    {"builtins", "bytes", kBytes},
};

constexpr std::string_view kRaw[] = {"dtype", "ndarray", "scalar", "_reconstruct", "_frombuffer"};

struct NumberType {
  std::string_view code;
  std::uint64_t bytes;
};
// Types with the same size and meaning everywhere: no long double, text, time or object.
constexpr std::array<NumberType, 14> kTypes = {{{"b1", 1},
                                                {"i1", 1},
                                                {"i2", 2},
                                                {"i4", 4},
                                                {"i8", 8},
                                                {"u1", 1},
                                                {"u2", 2},
                                                {"u4", 4},
                                                {"u8", 8},
                                                {"f2", 2},
                                                {"f4", 4},
                                                {"f8", 8},
                                                {"c8", 8},
                                                {"c16", 16}}};
constexpr std::size_t kBool = 0;

// NumPy 1's limit; NumPy 2's is twice as high.
constexpr std::size_t kMaxDimensions = 32;

bool Is(const Value& value, std::int64_t number) { return value.IsInt() && value.Int() == number; }

// Older versions of NumPy write flags as numbers.
bool IsFlag(const Value& value, std::uint64_t set) {
  return (value.kind == Kind::kBool || value.IsInt()) && value.bits == set;
}

std::optional<Value> Dtype(Machine& machine, Items arguments) {
  if (arguments.size() != 3) return BadCount(machine, arguments.size());
  const std::string_view code = machine.values().Text(arguments[0]);
  const auto found = std::ranges::find(kTypes, code, &NumberType::code);
  if (!arguments[0].IsString() || found == kTypes.end()) return BadArgument(machine, arguments, 0);
  if (!IsFlag(arguments[1], 0)) return BadArgument(machine, arguments, 1);
  // Without a copy, the interpreter's own dtype would receive the state.
  if (!IsFlag(arguments[2], 1)) return BadArgument(machine, arguments, 2);
  const Value type = Value::Of(Kind::kInt, static_cast<std::uint64_t>(found - kTypes.begin()));
  return machine.Make(Kind::kNumpyDtype, std::span(&type, 1));
}

// Version, byte order, no subarray, no names, no fields, size and alignment of the type, no flags.
bool BuildDtype(Machine& machine, const Value& target, Items state) {
  const pickle::Values& values = machine.values();
  if (IsBuilt(values, target) || state.size() != 8) return false;
  const NumberType& type = kTypes[static_cast<std::size_t>(values.Items(target)[0].bits)];
  const std::string_view order = values.Text(state[1]);
  const bool ordered = type.bytes == 1 ? order == "|" : order == "<" || order == ">";
  bool plain = Is(state[0], 3) && state[1].IsString() && ordered;
  for (std::size_t i = 2; i < 5; ++i) plain &= state[i].kind == Kind::kNone;
  plain &= Is(state[5], -1) && Is(state[6], -1) && Is(state[7], 0);
  if (plain) machine.Append(target, state.subspan(1, 1));
  return plain;
}

// True if `bytes` are `count` numbers of a dtype that has its state.
bool Holds(Machine& machine, const Value& dtype, const Value& bytes, std::uint64_t count) {
  const pickle::Values& values = machine.values();
  if (dtype.kind != Kind::kNumpyDtype || !IsBuilt(values, dtype)) return false;
  const bool raw = bytes.kind == Kind::kRawBytes;
  if ((bytes.kind != Kind::kBytes && !raw) || !machine.Charge(bytes.length / 8)) return false;
  // Unless the bytes are raw, the text has one character per byte.
  const std::string_view text = values.Text(bytes);
  const auto length = static_cast<std::uint64_t>(
      std::ranges::count_if(text, [&](char c) { return raw || (c & 0xC0) != 0x80; }));
  const auto type = static_cast<std::size_t>(values.Items(dtype)[0].bits);
  std::uint64_t expected = kTypes[type].bytes;
  if (tensorgate::internal::MultiplyOverflows(expected, count) || length != expected) return false;
  return type != kBool || std::ranges::all_of(text, [](char c) { return c == 0 || c == 1; });
}

std::optional<Value> Scalar(Machine& machine, Items arguments) {
  if (arguments.size() != 2 || !Holds(machine, arguments[0], arguments[1], 1))
    return BadCall(machine, "a NumPy scalar", arguments.size());
  return machine.Make(Kind::kNumpyScalar, arguments);
}

std::optional<Value> Reconstruct(Machine& machine, Items arguments, bool is_ndarray) {
  const pickle::Values& values = machine.values();
  const bool plain = is_ndarray && arguments.size() == 3 && arguments[1].kind == Kind::kTuple &&
                     values.Items(arguments[1]).size() == 1 &&
                     Is(values.Items(arguments[1])[0], 0) &&
                     (arguments[2].kind == Kind::kBytes || arguments[2].kind == Kind::kRawBytes) &&
                     values.Text(arguments[2]) == "b";
  if (!plain) return BadCall(machine, "NumPy's _reconstruct", arguments.size());
  return machine.Make(Kind::kNdarray, {});
}

// Version, shape, dtype, whether in Fortran order, bytes.
bool BuildArray(Machine& machine, const Value& target, Items state) {
  const pickle::Values& values = machine.values();
  if (IsBuilt(values, target) || state.size() != 5) return false;
  if (!Is(state[0], 1) || state[1].kind != Kind::kTuple || state[3].kind != Kind::kBool)
    return false;
  const Items shape = values.Items(state[1]);
  if (shape.size() > kMaxDimensions) return false;
  tensorgate::internal::ShapeSize<std::uint64_t> size;
  for (const Value& dimension : shape) {
    if (!dimension.IsInt() || dimension.Int() < 0) return false;
    size.Multiply(dimension.bits);
  }
  // Even if a dimension of 0 makes the product 0.
  constexpr std::uint64_t kLargest = 16;
  if (size.nonzero_overflows || size.nonzero > INT64_MAX / kLargest) return false;
  if (!Holds(machine, state[2], state[4], size.zero ? 0 : size.nonzero)) return false;
  machine.Append(target, state.subspan(1));
  return true;
}

}  // namespace

std::span<const NumpyName> NumpyNames() { return kNames; }

std::optional<std::size_t> FindNumpy(std::string_view module, std::string_view name) {
  const auto found = std::ranges::find_if(
      kNames, [&](const NumpyName& each) { return each.module == module && each.name == name; });
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<std::size_t>(found - std::begin(kNames));
}

bool TakesRawMemory(std::string_view module, std::string_view name) {
  if (module != "numpy" && !module.starts_with("numpy.")) return false;
  return module == "numpy.dtypes" || std::ranges::find(kRaw, name) != std::end(kRaw);
}

std::optional<Value> CallNumpy(Machine& machine, NumpyRole role, Items arguments, bool is_ndarray) {
  switch (role) {
    case kDtype:
      return Dtype(machine, arguments);
    case kScalar:
      return Scalar(machine, arguments);
    case kReconstruct:
      return Reconstruct(machine, arguments, is_ndarray);
    case kBytes:
      if (arguments.empty()) return Value::Of(Kind::kBytes);
      [[fallthrough]];
    default:
      return BadCall(machine, "a NumPy class", arguments.size());
  }
}

bool BuildNumpy(Machine& machine, const Value& target, const Value& state) {
  const Items items = machine.values().Items(state);
  const bool dtype = target.kind == Kind::kNumpyDtype;
  const bool good = state.kind == Kind::kTuple && (dtype ? BuildDtype(machine, target, items)
                                                         : BuildArray(machine, target, items));
  if (!good) BadCall(machine, "the state of " + std::string(Name(target.kind)), items.size());
  return good;
}

bool IsBuilt(const pickle::Values& values, const Value& value) {
  return values.Items(value).size() > 1;
}

}  // namespace tensorgate::torch::internal
