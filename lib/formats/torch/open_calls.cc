#include "lib/formats/torch/open_calls.h"

#include <algorithm>
#include <array>

#include "lib/formats/torch/globals.h"
#include "lib/formats/torch/numpy.h"
#include "lib/formats/torch/plain_calls.h"

namespace tensorgate::torch::internal {
namespace {

using enum OpenRole;
using pickle::Kind;
using pickle::Machine;
using pickle::Origin;
using pickle::Value;
using Items = std::span<const Value>;

constexpr OpenName kNames[] = {
    {"__builtin__", "getattr", kGetAttribute},
    {"builtins", "getattr", kGetAttribute},
    {"_operator", "getitem", kGetItem},
    {"operator", "getitem", kGetItem},
    {"copy_reg", "_reconstructor", kReconstructor},
    {"copyreg", "_reconstructor", kReconstructor},
    {"__builtin__", "object", kObject},
    {"builtins", "object", kObject},
    {"__builtin__", "list", kType},
    {"builtins", "list", kType},
    {"__builtin__", "dict", kType},
    {"builtins", "dict", kType},
    {"__builtin__", "tuple", kType},
    {"builtins", "tuple", kType},
    {"__builtin__", "int", kType},
    {"builtins", "int", kType},
    {"__builtin__", "float", kType},
    {"builtins", "float", kType},
    {"__builtin__", "str", kType},
    {"builtins", "str", kType},
    {"__builtin__", "bool", kType},
    {"builtins", "bool", kType},
    {"__builtin__", "long", kType},
    {"__builtin__", "unicode", kType},
    {"collections", "defaultdict", kDefaultDict},
    {"collections", "deque", kSequence},
    {"__builtin__", "frozenset", kSet},
    {"builtins", "frozenset", kSet},
    {"__builtin__", "slice", kPlain},
    {"builtins", "slice", kPlain},
    {"functools", "partial", kKeep},
    {"types", "SimpleNamespace", kNamespace},
    {"numpy.random._pickle", "__bit_generator_ctor", kNumpy},
    {"numpy.random._pickle", "__generator_ctor", kNumpy},
    {"numpy.random._pickle", "__randomstate_ctor", kNumpy},
    {"numpy.ma.core", "_mareconstruct", kNumpy},
};

// What torch.Tensor gives a meaning to. Other attributes are only kept.
constexpr std::string_view kTensorAttributes[] = {"data",
                                                  "grad",
                                                  "_grad",
                                                  "real",
                                                  "imag",
                                                  "requires_grad",
                                                  "names",
                                                  "name",
                                                  "T",
                                                  "H",
                                                  "mT",
                                                  "mH",
                                                  "dtype",
                                                  "device",
                                                  "volatile",
                                                  "retains_grad",
                                                  "_base",
                                                  "_cdata",
                                                  "shape",
                                                  "layout",
                                                  "_version",
                                                  "_backward_hooks",
                                                  "_post_accumulate_grad_hooks"};

bool IsPlain(const Value& value) {
  return value.kind < Kind::kTuple || value.kind == Kind::kRawBytes;
}

bool IsOfNumpy(const Machine& machine, const Value& value) {
  if (IsPlain(value)) return true;
  if (value.kind == Kind::kTuple)
    return std::ranges::all_of(machine.values().Items(value), IsPlain);
  if (value.kind == Kind::kGlobal) {
    const auto number = static_cast<std::size_t>(value.bits);
    return number >= FirstNumpy() &&
           (number < FirstOpen() || OpenNames()[number - FirstOpen()].role == kNumpy);
  }
  if (value.kind != Kind::kForeign) return false;
  const pickle::Foreign& foreign = (*machine.foreign())[value];
  if (foreign.origin == Origin::kKept) return true;
  return foreign.origin == Origin::kName && foreign.module.starts_with("numpy.") &&
         !machine.foreign()->HasInternalWord(value);
}

// A type as a parameter of another: a plain value, a name without internal words, or several.
bool IsParameter(const Machine& machine, const Value& value) {
  const pickle::ForeignValues& foreign = *machine.foreign();
  const auto simple = [&](const Value& each) {
    return IsPlain(each) || (foreign.IsName(each) && !foreign.HasInternalWord(each));
  };
  if (value.kind != Kind::kTuple) return simple(value);
  return std::ranges::all_of(machine.values().Items(value), simple);
}

// A container whose iteration runs no foreign code.
bool IsKnownSequence(const Value& value) {
  return value.kind == Kind::kList || value.kind == Kind::kTuple;
}

}  // namespace

std::span<const OpenName> OpenNames() { return kNames; }
std::size_t FirstNumpy() { return Globals().size(); }
std::size_t FirstOpen() { return FirstNumpy() + NumpyNames().size(); }

bool IsFixedType(std::uint64_t number) {
  if (number < FirstOpen()) return false;
  const OpenRole role = OpenNames()[static_cast<std::size_t>(number) - FirstOpen()].role;
  return role == kType || role == kObject;
}

std::optional<std::size_t> FindOpen(std::string_view module, std::string_view name) {
  const auto found = std::ranges::find_if(
      kNames, [&](const OpenName& each) { return each.module == module && each.name == name; });
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<std::size_t>(found - std::begin(kNames));
}

std::optional<Value> CallOpenName(Machine& machine, OpenRole role, const Value& function,
                                  const Value& arguments, bool is_object) {
  const Items items = machine.values().Items(arguments);
  const pickle::ForeignValues& foreign = *machine.foreign();
  const auto make = [&](Origin origin, const Value& callee) {
    return machine.MakeForeign(origin, callee, arguments);
  };
  switch (role) {
    case kGetAttribute:
      if (items.size() != 2 || !items[1].IsString()) break;
      return make(Origin::kAttribute, items[0]);
    case kGetItem:
      if (items.size() != 2 || items[0].kind != Kind::kForeign) break;
      if (foreign[items[0]].module != "typing" || !IsParameter(machine, items[1])) break;
      return make(Origin::kAttribute, items[0]);
    case kReconstructor:
      if (items.size() != 3 || !foreign.IsName(items[0]) || items[0].kind != Kind::kForeign) break;
      if (!is_object || items[2].kind != Kind::kNone) break;
      return machine.MakeForeign(Origin::kNew, items[0], {});
    case kDefaultDict:
      // It is called for keys that are missing.
      if (items.size() > 1) break;
      if (items.size() == 1 && items[0].kind != Kind::kNone &&
          (!foreign.IsName(items[0]) || foreign.Base(items[0]) != items[0] ||
           foreign.HasInternalWord(items[0]))) {
        break;
      }
      return machine.Make(Kind::kDict, {});
    case kSequence:
      if (items.size() > 2 || (!items.empty() && !IsKnownSequence(items[0]))) break;
      if (items.size() == 2 && !IsPlain(items[1])) break;
      return make(Origin::kKept, function);
    case kSet:
      if (items.size() != 1 || !IsKnownSequence(items[0])) break;
      for (std::size_t i = 0; i < machine.values().Items(items[0]).size(); ++i) {
        if (!machine.CheckKey(machine.values().Items(items[0])[i])) return std::nullopt;
      }
      return make(Origin::kKept, function);
    case kNumpy:
      if (!std::ranges::all_of(items, [&](const Value& each) { return IsOfNumpy(machine, each); }))
        break;
      return make(Origin::kKept, function);
    case kPlain:
      if (!std::ranges::all_of(items, IsPlain)) break;
      return make(Origin::kKept, function);
    case kNamespace:
      if (!items.empty()) break;
      return machine.MakeForeign(Origin::kNew, function, {});
    case kKeep:
      return make(Origin::kKept, function);
    case kObject:
    case kType:
      break;
  }
  return BadCall(machine, "a call of " + std::string(Name(function.kind)), items.size());
}

bool IsHarmlessState(const pickle::Values& values, const Value& state) {
  if (state.kind == Kind::kNone) return true;
  if (!IsMapping(state.kind) || values.Attributes(state).kind != Kind::kUndefined) return false;
  const Items items = values.Items(state);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const std::string_view key = values.Text(items[i]);
    if (!items[i].IsString() || !IsPlain(items[i + 1]) || key.starts_with("__")) return false;
    if (std::ranges::find(kTensorAttributes, key) != std::end(kTensorAttributes)) return false;
  }
  return true;
}

}  // namespace tensorgate::torch::internal
