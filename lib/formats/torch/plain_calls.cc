#include "lib/formats/torch/plain_calls.h"

#include <algorithm>
#include <array>

#include "lib/base/utf8.h"

namespace tensorgate::torch::internal {
namespace {

using pickle::Kind;
using pickle::Machine;
using pickle::Value;
using Items = std::span<const Value>;

constexpr std::string_view kLayouts[] = {"torch.strided",    "torch.sparse_coo", "torch.sparse_csr",
                                         "torch.sparse_csc", "torch.sparse_bsr", "torch.sparse_bsc",
                                         "torch._mkldnn",    "torch.jagged"};

constexpr std::string_view kQschemes[] = {"torch.per_tensor_affine", "torch.per_tensor_symmetric",
                                          "torch.per_channel_affine", "torch.per_channel_symmetric",
                                          "torch.per_channel_affine_float_qparams"};

constexpr std::string_view kDevices[] = {
    "cpu",  "cuda", "ipu", "xpu",  "mkldnn", "opengl", "opencl", "ideep", "hip",  "ve",
    "fpga", "maia", "xla", "lazy", "vulkan", "mps",    "meta",   "hpu",   "mtia", "privateuseone"};

std::optional<Value> Pairs(Machine& machine, const GlobalInfo& info, Items arguments) {
  const Value made = machine.Make(Kind::kOrderedDict, {});
  if (arguments.empty()) return made;
  if (arguments.size() != 1 || arguments[0].kind != Kind::kList)
    return BadArgument(machine, arguments, 0);
  const Value list =
      arguments[0];  // a copy: the arena, which holds the arguments, moves when it grows
  const std::size_t count = machine.values().Items(list).size();
  if (!machine.Charge(2 * std::uint64_t{count})) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    const Value pair = machine.values().Items(list)[i];
    const Items items = machine.values().Items(pair);
    if ((pair.kind != Kind::kList && pair.kind != Kind::kTuple) || items.size() != 2) {
      return BadCall(machine,
                     "item " + std::to_string(i + 1) + " of the list for " + std::string(info.name),
                     i);
    }
    if (!machine.CheckKey(items[0])) return std::nullopt;
    machine.Append(made, items);
  }
  return made;
}

std::optional<Value> CounterOf(Machine& machine, const GlobalInfo&, Items arguments) {
  if (arguments.empty()) return machine.Make(Kind::kCounter, {});
  if (arguments.size() != 1 || arguments[0].kind != Kind::kDict)
    return BadArgument(machine, arguments, 0);
  const Items items = machine.values().Items(arguments[0]);
  if (!machine.Charge(items.size())) return std::nullopt;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (!machine.CheckKey(items[i])) return std::nullopt;
  }
  return machine.Make(Kind::kCounter, items);
}

std::optional<Value> SetOf(Machine& machine, const GlobalInfo&, Items arguments) {
  if (arguments.empty()) return machine.Make(Kind::kSet, {});
  if (arguments.size() != 1 || arguments[0].kind != Kind::kList)
    return BadArgument(machine, arguments, 0);
  const Items items = machine.values().Items(arguments[0]);
  if (!machine.Charge(items.size())) return std::nullopt;
  for (const Value& item : items) {
    if (!machine.CheckKey(item)) return std::nullopt;
  }
  return machine.Make(Kind::kSet, items);
}

// A text whose characters are the bytes.
std::optional<Value> Latin1(Machine& machine, Items arguments) {
  const std::string_view text = machine.values().Text(arguments[0]);
  if (!machine.Charge(text.size() / 8)) return std::nullopt;
  for (std::string_view rest = text; !rest.empty();) {
    const tensorgate::internal::CodePoint point = tensorgate::internal::DecodeUtf8(rest);
    if (point.length == 0 || point.value > 0xFF) return BadArgument(machine, arguments, 0);
    rest.remove_prefix(point.length);
  }
  Value bytes = arguments[0];
  bytes.kind = Kind::kBytes;
  return bytes;
}

std::optional<Value> Encode(Machine& machine, const GlobalInfo&, Items arguments) {
  if (arguments.size() != 2) return BadCount(machine, arguments.size());
  if (!arguments[0].IsString()) return BadArgument(machine, arguments, 0);
  if (!arguments[1].IsString() || machine.values().Text(arguments[1]) != "latin1") {
    return BadArgument(machine, arguments, 1);
  }
  return Latin1(machine, arguments);
}

std::optional<Value> ByteArrayOf(Machine& machine, const GlobalInfo&, Items arguments) {
  if (arguments.empty()) return machine.Make(Kind::kByteArray, {});
  if (arguments.size() == 1 && arguments[0].kind == Kind::kBytes)
    return machine.Make(Kind::kByteArray, arguments);
  if (arguments.size() > 2) return BadCount(machine, arguments.size());
  if (arguments.size() == 1 || !arguments[0].IsString()) return BadArgument(machine, arguments, 0);
  if (!arguments[1].IsString() || machine.values().Text(arguments[1]) != "latin-1") {
    return BadArgument(machine, arguments, 1);
  }
  const std::optional<Value> bytes = Latin1(machine, arguments);
  if (!bytes) return std::nullopt;
  return machine.Make(Kind::kByteArray, std::span(&*bytes, 1));
}

std::optional<Value> ComplexOf(Machine& machine, const GlobalInfo&, Items arguments) {
  if (arguments.size() != 2) return BadCount(machine, arguments.size());
  for (std::size_t i = 0; i < 2; ++i) {
    if (arguments[i].kind != Kind::kFloat) return BadArgument(machine, arguments, i);
  }
  return machine.Make(Kind::kComplex, arguments);
}

std::optional<Value> SizeOf(Machine& machine, const GlobalInfo&, Items arguments) {
  if (arguments.size() != 1) return BadCount(machine, arguments.size());
  if (arguments[0].kind != Kind::kTuple) return BadArgument(machine, arguments, 0);
  const Items sizes = machine.values().Items(arguments[0]);
  if (!machine.Charge(sizes.size())) return std::nullopt;
  for (const Value& size : sizes) {
    if (!size.IsInt()) return BadArgument(machine, arguments, 0);
  }
  return machine.Make(Kind::kSize, sizes);
}

std::optional<Value> Device(Machine& machine, const GlobalInfo&, Items arguments) {
  if (arguments.empty() || arguments.size() > 2) return BadCount(machine, arguments.size());
  const bool known =
      std::ranges::find(kDevices, machine.values().Text(arguments[0])) != std::end(kDevices);
  if (!arguments[0].IsString() || !known) return BadArgument(machine, arguments, 0);
  const bool index = arguments.size() == 2;
  if (index && !(arguments[1].IsInt() && arguments[1].bits <= INT8_MAX))
    return BadArgument(machine, arguments, 1);
  return machine.Make(Kind::kDevice, arguments);
}

std::optional<Value> Layout(Machine& machine, const GlobalInfo&, Items arguments) {
  if (arguments.size() != 1) return BadCount(machine, arguments.size());
  const auto found = std::ranges::find(kLayouts, machine.values().Text(arguments[0]));
  if (!arguments[0].IsString() || found == std::end(kLayouts))
    return BadArgument(machine, arguments, 0);
  return Value::Of(Kind::kLayout, static_cast<std::uint64_t>(found - std::begin(kLayouts)));
}

}  // namespace

std::optional<Value> CallPlain(Machine& machine, const GlobalInfo& info, Items arguments) {
  switch (info.role) {
    case Role::kOrderedDict:
      return Pairs(machine, info, arguments);
    case Role::kCounter:
      return CounterOf(machine, info, arguments);
    case Role::kSet:
      return SetOf(machine, info, arguments);
    case Role::kByteArray:
      return ByteArrayOf(machine, info, arguments);
    case Role::kComplex:
      return ComplexOf(machine, info, arguments);
    case Role::kEncode:
      return Encode(machine, info, arguments);
    case Role::kSize:
      return SizeOf(machine, info, arguments);
    case Role::kDevice:
      return Device(machine, info, arguments);
    case Role::kGetLayout:
      return Layout(machine, info, arguments);
    default:
      return BadCall(machine, std::string(info.name), arguments.size());
  }
}

bool CheckTensorMetadata(Machine& machine, const Value& metadata) {
  const bool empty = metadata.kind == Kind::kNone ||
                     (IsMapping(metadata.kind) && machine.values().Items(metadata).empty() &&
                      machine.values().Attributes(metadata).kind == Kind::kUndefined);
  if (!empty)
    machine.AddFinding(Rule::kTorchTensorMetadata, {.text = std::string(Name(metadata.kind))});
  return empty;
}

std::optional<Value> BadCall(Machine& machine, std::string subject, std::uint64_t found) {
  machine.AddFinding(Rule::kTorchCallArguments, {.found = found, .text = std::move(subject)});
  return std::nullopt;
}

std::optional<Value> BadCount(Machine& machine, std::size_t count) {
  return BadCall(machine, std::to_string(count) + (count == 1 ? " argument" : " arguments"), count);
}

std::optional<Value> BadArgument(Machine& machine, Items arguments, std::size_t index) {
  const std::string kind(Name(arguments[index].kind));
  return BadCall(machine, "argument " + std::to_string(index + 1) + " of type " + kind, index + 1);
}

std::string_view LayoutName(std::uint64_t number) {
  return std::span(kLayouts)[static_cast<std::size_t>(number)];
}
std::string_view QschemeName(std::uint64_t number) {
  return std::span(kQschemes)[static_cast<std::size_t>(number)];
}

}  // namespace tensorgate::torch::internal
