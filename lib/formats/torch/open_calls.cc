#include "lib/formats/torch/open_calls.h"

#include <algorithm>
#include <array>

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
    {"collections", "defaultdict", kDefaultDict},
    {"collections", "deque", kSequence},
    {"__builtin__", "frozenset", kSequence},
    {"builtins", "frozenset", kSequence},
    {"__builtin__", "slice", kKeep},
    {"builtins", "slice", kKeep},
    {"functools", "partial", kKeep},
    {"types", "SimpleNamespace", kNamespace},
    {"inspect", "Parameter", kKeep},
    {"inspect", "Signature", kKeep},
    {"numpy.random._pickle", "__bit_generator_ctor", kKeep},
    {"numpy.random._pickle", "__generator_ctor", kKeep},
    {"numpy.random._pickle", "__randomstate_ctor", kKeep},
    {"numpy.ma.core", "_mareconstruct", kKeep},
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

bool IsPlain(const Value& value) { return value.kind < Kind::kTuple; }

// A container whose iteration runs no foreign code.
bool IsKnownSequence(const Value& value) {
  return value.kind == Kind::kList || value.kind == Kind::kTuple;
}

}  // namespace

std::span<const OpenName> OpenNames() { return kNames; }

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
      // Of anything but a class it returns a value that is not known here.
      if (items.size() != 2 || !foreign.IsName(items[0])) break;
      return make(Origin::kKept, function);
    case kReconstructor:
      if (items.size() != 3 || !foreign.IsName(items[0]) || items[0].kind != Kind::kForeign) break;
      if (!is_object || items[2].kind != Kind::kNone) break;
      return machine.MakeForeign(Origin::kNew, items[0], {});
    case kDefaultDict:
      if (items.size() > 1) break;
      return machine.Make(Kind::kDict, {});
    case kSequence:
      if (items.size() > 2 || (!items.empty() && !IsKnownSequence(items[0]))) break;
      if (items.size() == 2 && !IsPlain(items[1])) break;
      return make(Origin::kKept, function);
    case kNamespace:
      if (!items.empty()) break;
      return machine.MakeForeign(Origin::kNew, function, {});
    case kKeep:
      return make(Origin::kKept, function);
    case kObject:
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
