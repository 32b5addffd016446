#include "lib/formats/torch/rebuild.h"

#include <algorithm>
#include <array>
#include <string>

#include "lib/base/checked.h"
#include "lib/formats/torch/globals.h"
#include "lib/formats/torch/numpy.h"
#include "lib/formats/torch/open_calls.h"
#include "lib/formats/torch/plain_calls.h"
#include "lib/formats/torch/trust.h"
#include "tensorgate/tensor.h"

namespace tensorgate::torch::internal {
namespace {

using pickle::Kind;
using pickle::Machine;
using pickle::Value;
using Items = std::span<const Value>;

// Numbers from here on are those of the user's list, or of OpenNames().
std::size_t NumpyBegin() { return FirstNumpy(); }
std::size_t TrustedBegin() { return FirstOpen(); }

// The class of parameters, in torch.nn.parameter.
constexpr std::string_view kParameter = "Parameter";

bool IsUnsigned(const Value& value) { return value.IsInt() && value.Int() >= 0; }

// Tensors that save_file can write: PyTorch's own class, or a parameter.
bool IsTensorClass(const Value& value) {
  if (value.kind != Kind::kGlobal || value.bits >= NumpyBegin()) return false;
  const GlobalInfo& info = Globals()[static_cast<std::size_t>(value.bits)];
  return info.rule == Rule::kTorchTensorClass && (info.name == kParameter || info.name == "Tensor");
}

}  // namespace

std::optional<Value> Rebuild::Find(Machine& machine, std::string_view module, std::string_view name,
                                   bool& alias) {
  const std::optional<FoundGlobal> found = FindGlobal(module, name);
  if (!found)
    return machine.foreign() ? FindOpen(module, name) : FindTrusted(machine, module, name);
  alias = found->alias;
  const GlobalInfo& info = Globals()[found->index];
  if (info.role == Role::kDtype) return Value::Of(Kind::kDtype, info.detail);
  if (info.role == Role::kQscheme) return Value::Of(Kind::kQscheme, info.detail);
  return Value::Of(Kind::kGlobal, found->index);
}

// Numbers after those of the table are NumPy's names, then indices in the user's list.
std::optional<Value> Rebuild::FindTrusted(Machine& machine, std::string_view module,
                                          std::string_view name) {
  if (tensorgate::internal::TrustAccess::Numpy(trusted_)) {
    if (const std::optional<std::size_t> place = FindNumpy(module, name)) {
      AddTrusted(machine, *place, std::string(module) + "." + std::string(name));
      return Value::Of(Kind::kGlobal, NumpyBegin() + *place);
    }
  }
  const auto place = tensorgate::internal::FindTrusted(trusted_, module, name);
  if (!place) return std::nullopt;
  AddTrusted(machine, NumpyNames().size() + *place,
             tensorgate::internal::TrustAccess::Calls(trusted_)[*place].FullName());
  return Value::Of(Kind::kGlobal, TrustedBegin() + *place);
}

// Reported where it is named: looking up the name already imports its module.
void Rebuild::AddTrusted(Machine& machine, std::size_t number, std::string full) {
  used_.resize(std::max(used_.size(), number + 1));
  if (used_[number]) return;
  used_[number] = true;
  machine.AddFinding(Rule::kUseTrustedCall, {.text = std::move(full), .again = true});
}

std::optional<Value> Rebuild::Numpy(Machine& machine, std::size_t place, const Value& arguments) {
  const Items items = machine.values().Items(arguments);
  const std::size_t begin = NumpyBegin();
  const bool is_ndarray =
      !items.empty() && items[0].kind == Kind::kGlobal && items[0].bits >= begin &&
      items[0].bits < TrustedBegin() &&
      NumpyNames()[static_cast<std::size_t>(items[0].bits) - begin].role == NumpyRole::kNdarray;
  const std::optional<Value> made = CallNumpy(machine, NumpyNames()[place].role, items, is_ndarray);
  const bool open = made && (made->kind == Kind::kNumpyDtype || made->kind == Kind::kNdarray);
  if (open) numpy_.PushBack(*made);
  return made;
}

std::optional<Value> Rebuild::Call(Machine& machine, pickle::Global function,
                                   const Value& arguments) {
  if (function >= TrustedBegin()) {
    if (machine.foreign()) return CallOpen(machine, function, arguments);
    return Trusted(machine, function - TrustedBegin(), true, arguments);
  }
  if (function >= NumpyBegin()) return Numpy(machine, function - NumpyBegin(), arguments);
  const GlobalInfo& info = Globals()[function];
  const Items items = machine.values().Items(arguments);
  switch (info.role) {
    case Role::kRebuildTensor:
      return Tensor(machine, items, 1);
    case Role::kRebuildTensorV2:
      return Tensor(machine, items, 2);
    case Role::kRebuildTensorV3:
      return Tensor(machine, items, 3);
    case Role::kRebuildParameter:
      return Parameter(machine, items, false);
    case Role::kRebuildParameterWithState:
      return Parameter(machine, items, true);
    case Role::kRefused:
      if (machine.foreign() && info.name == kParameter) return MakeParameter(machine, items);
      if (machine.foreign() && info.rule == Rule::kTorchRebuildFromType) {
        return FromType(machine, function, arguments);
      }
      machine.AddFinding(info.rule,
                         {.text = std::string(info.module) + "." + std::string(info.name)});
      return std::nullopt;
    default:
      return CallPlain(machine, info, items);
  }
}

std::optional<Value> Rebuild::New(Machine& machine, pickle::Global type, const Value& arguments) {
  if (type >= TrustedBegin()) {
    if (machine.foreign()) return CallOpen(machine, type, arguments);
    return Trusted(machine, type - TrustedBegin(), false, arguments);
  }
  if (type >= NumpyBegin()) return BadCall(machine, "NEWOBJ of a NumPy class", type - NumpyBegin());
  const GlobalInfo& info = Globals()[type];
  std::string subject = std::string(info.module) + "." + std::string(info.name);
  const Role role = info.role;
  const bool empty = machine.values().Items(arguments).empty();
  const bool plain = role == Role::kOrderedDict || role == Role::kCounter || role == Role::kSet ||
                     role == Role::kByteArray;
  if (machine.foreign() && info.name == kParameter) {
    return MakeParameter(machine, machine.values().Items(arguments));
  }
  if (!machine.foreign() && !machine.AddFinding(Rule::kTorchNewObject, {.text = subject})) {
    return std::nullopt;
  }
  if (plain && empty) return CallPlain(machine, info, {});
  machine.AddFinding(role == Role::kRefused ? info.rule : Rule::kTorchCallArguments,
                     {.text = std::move(subject)});
  return std::nullopt;
}

std::optional<Value> Rebuild::Trusted(Machine& machine, std::size_t place, bool reduce,
                                      const Value& arguments) {
  const Items items = machine.values().Items(arguments);
  const auto entry = tensorgate::internal::MatchTrusted(trusted_, place, reduce, items);
  if (!entry) {
    const auto& call = tensorgate::internal::TrustAccess::Calls(trusted_)[place];
    return BadCall(machine, call.FullName(), items.size());
  }
  const std::array<Value, 2> parts = {Value::Of(Kind::kInt, *entry), arguments};
  return machine.Make(Kind::kInstance, parts);
}

bool Rebuild::Build(Machine& machine, const Value& target, const Value& state) {
  if (target.kind == Kind::kInstance) {
    const Items parts = machine.values().Items(target);
    const tensorgate::internal::TrustedCall& call =
        tensorgate::internal::TrustAccess::Calls(trusted_)[static_cast<std::size_t>(parts[0].bits)];
    if (parts.size() == 2 && tensorgate::internal::Holds(call.state, state.kind)) {
      machine.Append(target, std::span(&state, 1));
      return true;
    }
    return BadCall(machine, "the state of " + call.FullName(), parts.size() - 1).has_value();
  }
  if (target.kind == Kind::kNumpyDtype || target.kind == Kind::kNdarray) {
    return BuildNumpy(machine, target, state);
  }
  machine.AddFinding(Rule::kTorchBuildTarget, {.text = std::string(Name(target.kind))});
  return false;
}

// ---- Tensors.

std::uint64_t LastElement(const pickle::Values& values, const TensorValue& tensor) {
  const Items shape = values.Items(tensor.shape), stride = values.Items(tensor.stride);
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) last += (shape[i].bits - 1) * stride[i].bits;
  return last;
}

std::optional<Value> Rebuild::Tensor(Machine& machine, Items items, int version) {
  const std::size_t required = version == 1 ? 4 : version == 2 ? 6 : 7;
  const std::size_t optional = version == 1 ? 0 : 1;
  if (items.size() < required || items.size() > required + optional) {
    return BadCount(machine, items.size());
  }
  if (items[0].kind != Kind::kStorage) return BadArgument(machine, items, 0);
  if (!IsUnsigned(items[1])) return BadArgument(machine, items, 1);
  if (items[2].kind != Kind::kTuple) return BadArgument(machine, items, 2);
  if (items[3].kind != Kind::kTuple) return BadArgument(machine, items, 3);
  const StorageValue& storage = storages_[static_cast<std::size_t>(items[0].bits)];
  TensorValue tensor = {.storage = static_cast<std::uint32_t>(items[0].bits),
                        .dtype = storage.dtype,
                        .offset = items[1].bits,
                        .shape = items[2],
                        .stride = items[3]};
  if (version != 1) {
    if (items[4].kind != Kind::kBool) return BadArgument(machine, items, 4);
    tensor.requires_grad = items[4].bits != 0;
    if (!Hooks(machine, items[5])) return std::nullopt;
  }
  if (version == 3) {
    if (items[6].kind != Kind::kDtype) return BadArgument(machine, items, 6);
    tensor.dtype = static_cast<ScalarType>(items[6].bits);
    // Types with their own storage class are not stored in this way.
    if (!storage.untyped || !Info(tensor.dtype).storage.empty()) {
      if (!machine.AddFinding(Rule::kTorchDtypeUnexpected,
                              {.text = std::string(Info(tensor.dtype).name)}))
        return std::nullopt;
    }
  }
  if (!Info(tensor.dtype).tensors) {
    machine.AddFinding(Rule::kTorchDtypeUnsupported,
                       {.text = std::string(Info(tensor.dtype).name)});
    return std::nullopt;
  }
  // For a tensor of v3, PyTorch assigns the data after the flag, which autograd refuses.
  const bool gradients = version != 3 && Info(tensor.dtype).gradients;
  if (tensor.requires_grad && !gradients) return BadArgument(machine, items, 4);
  if (items.size() > required && !CheckTensorMetadata(machine, items[required]))
    return std::nullopt;
  tensor.place = machine.at();
  if (!View(machine, tensor, storage)) return std::nullopt;
  return Add(tensor, version == 1 ? Value::Of(Kind::kNone) : items[5]);
}

Value Rebuild::Add(const TensorValue& tensor, const Value& hooks) {
  const auto number = static_cast<std::uint32_t>(tensors_.size());
  tensors_.PushBack(tensor);
  if (hooks.kind != Kind::kNone) hooked_.PushBack({number, hooks});
  return Value::Of(Kind::kTensor, number);
}

// A backward pass would call the functions in the hooks.
bool Rebuild::Hooks(Machine& machine, const Value& hooks) {
  if (hooks.kind == Kind::kNone) return true;
  if (!IsMapping(hooks.kind)) {
    machine.AddFinding(Rule::kTorchCallArguments,
                       {.text = "backward_hooks of type " + std::string(Name(hooks.kind))});
    return false;
  }
  if (hooks_.empty() || hooks_[hooks_.size() - 1].bits != hooks.bits) hooks_.PushBack(hooks);
  return true;
}

bool Rebuild::View(Machine& machine, TensorValue& tensor, const StorageValue& storage) {
  const Items shape = machine.values().Items(tensor.shape),
              stride = machine.values().Items(tensor.stride);
  if (!machine.Charge(shape.size() / 8)) return false;
  if (shape.size() != stride.size()) {
    machine.AddFinding(Rule::kTorchCallArguments,
                       {.found = stride.size(),
                        .allowed = shape.size(),
                        .text = "the number of strides differs from the number of dimensions"});
    return false;
  }
  if (shape.size() > kMaxRank &&
      !machine.AddFinding(Rule::kTorchRank, {.found = shape.size(), .allowed = kMaxRank}))
    return false;
  tensorgate::internal::ShapeSize<std::uint64_t> size;
  tensorgate::internal::ViewReach<std::uint64_t> reach(tensor.offset);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!IsUnsigned(shape[i]) || !IsUnsigned(stride[i])) {
      machine.AddFinding(
          Rule::kTorchCallArguments,
          {.found = i, .text = "a size or stride that is not a non-negative integer"});
      return false;
    }
    size.Multiply(shape[i].bits);
    reach.Add(shape[i].bits, stride[i].bits);
  }
  const std::uint64_t item = Info(tensor.dtype).bytes;
  // The number of whole elements of the tensor's type in the storage; they differ from the
  // storage's only for a tensor of v3.
  const std::uint64_t room = storage.bytes / item;
  tensor.elements = size.zero ? 0 : size.nonzero;
  if (size.Overflow(item) || (!size.zero && tensor.elements > kMaxBytes / item)) {
    machine.AddFinding(Rule::kTorchTensorOverflow, {.allowed = kMaxBytes});
    return false;
  }
  if (!reach.Inside(room)) {
    const Rule rule = size.zero ? Rule::kTorchViewOutsideEmpty : Rule::kTorchViewOutside;
    // The index of the last element, counted from 0.
    const std::uint64_t needed =
        size.zero ? reach.last()
                  : tensorgate::internal::SaturatingAdd(reach.last(), std::uint64_t{1});
    if (!machine.AddFinding(rule,
                            {.found = needed, .allowed = room, .text = std::string(storage.key)}))
      return false;
  }
  if (tensor.elements > room) {
    machine.AddFinding(
        Rule::kTorchViewExpands,
        {.found = tensor.elements, .allowed = room, .text = std::string(storage.key)});
  }
  return true;
}

std::optional<Value> Rebuild::Parameter(Machine& machine, Items items, bool state) {
  if (items.size() != (state ? 4 : 3)) return BadCount(machine, items.size());
  if (items[0].kind != Kind::kTensor) return BadArgument(machine, items, 0);
  if (items[1].kind != Kind::kBool) return BadArgument(machine, items, 1);
  TensorValue tensor = tensors_[static_cast<std::size_t>(items[0].bits)];
  tensor.is_parameter = true;
  tensor.requires_grad = items[1].bits != 0;
  tensor.place = machine.at();
  if (tensor.requires_grad && !Info(tensor.dtype).gradients) return BadArgument(machine, items, 1);
  if (!Hooks(machine, items[2])) return std::nullopt;
  // PyTorch sets attributes on the object whatever their names are.
  const bool empty = !state || items[3].kind == Kind::kNone ||
                     (IsMapping(items[3].kind) && machine.values().Items(items[3]).empty() &&
                      machine.values().Attributes(items[3]).kind == Kind::kUndefined);
  if (!empty && !(machine.foreign() && IsHarmlessState(machine.values(), items[3]))) {
    machine.AddFinding(Rule::kTorchParameterState, {.text = std::string(Name(items[3].kind))});
    return std::nullopt;
  }
  return Add(tensor, items[2]);
}

// ---- Calls that only a machine that follows foreign values makes.

std::optional<Value> Rebuild::FindOpen(std::string_view module, std::string_view name) {
  if (const std::optional<std::size_t> place = FindNumpy(module, name)) {
    return Value::Of(Kind::kGlobal, NumpyBegin() + *place);
  }
  const std::optional<std::size_t> place = internal::FindOpen(module, name);
  if (!place) return std::nullopt;
  return Value::Of(Kind::kGlobal, TrustedBegin() + *place);
}

std::optional<Value> Rebuild::CallOpen(Machine& machine, pickle::Global function,
                                       const Value& arguments) {
  const auto role_of = [](const Value& value) -> std::optional<OpenRole> {
    if (value.kind != Kind::kGlobal || value.bits < TrustedBegin()) return std::nullopt;
    return OpenNames()[static_cast<std::size_t>(value.bits) - TrustedBegin()].role;
  };
  const Value callee = Value::Of(Kind::kGlobal, function);
  const Items items = machine.values().Items(arguments);
  const bool is_object = items.size() > 1 && role_of(items[1]) == OpenRole::kObject;
  return CallOpenName(machine, *role_of(callee), callee, arguments, is_object);
}

bool Rebuild::OnlyCreates(pickle::Global function) const { return function < TrustedBegin(); }

// Parameter(data, requires_grad): the same bytes.
std::optional<Value> Rebuild::MakeParameter(Machine& machine, Items items) {
  if (items.empty() || items.size() > 2) return BadCount(machine, items.size());
  if (items[0].kind != Kind::kTensor) return BadArgument(machine, items, 0);
  const Value flag = items.size() == 2 ? items[1] : Value::Of(Kind::kBool, 1);
  const std::array<Value, 3> all = {items[0], flag, Value::Of(Kind::kNone)};
  return Parameter(machine, all, false);
}

// _rebuild_from_type_v2: function, class, arguments, state. It calls the function, makes the result
// an instance of the class, and sets the state.
std::optional<Value> Rebuild::FromType(Machine& machine, pickle::Global function,
                                       const Value& arguments) {
  const Items items = machine.values().Items(arguments);
  const bool known = items.size() == 4 && items[0].kind == Kind::kGlobal &&
                     items[0].bits < NumpyBegin() && items[2].kind == Kind::kTuple;
  const bool plain =
      known && IsTensorClass(items[1]) && IsHarmlessState(machine.values(), items[3]);
  if (plain) {
    const Role role = Globals()[static_cast<std::size_t>(items[0].bits)].role;
    const bool rebuilds = role == Role::kRebuildTensor || role == Role::kRebuildTensorV2 ||
                          role == Role::kRebuildTensorV3 || role == Role::kRebuildParameter;
    if (rebuilds) return Call(machine, static_cast<pickle::Global>(items[0].bits), items[2]);
  }
  const Value made =
      machine.MakeForeign(pickle::Origin::kCall, Value::Of(Kind::kGlobal, function), arguments);
  // A function that is not known receives its arguments, and a class of the file's own its state.
  const auto by = static_cast<std::uint32_t>(made.bits) + 1;
  for (std::size_t i = known ? 2 : 0; i < machine.values().Items(arguments).size(); ++i) {
    machine.Give(machine.values().Items(arguments)[i], {.code = true, .by = by});
  }
  return made;
}

void Rebuild::Expect(std::size_t bytes) {
  constexpr std::size_t kBytesOfTensor = 128;
  tensors_.Expect(bytes / kBytesOfTensor);
  storages_.Expect(bytes / kBytesOfTensor);
}

bool Rebuild::Finish(Machine& machine) {
  if (machine.foreign()) return UnifyStorages(machine);
  for (const Value& hooks : hooks_.span()) {
    const Value attributes = machine.values().Attributes(hooks);
    const std::size_t count =
        machine.values().Items(hooks).size() + (attributes.kind == Kind::kUndefined ? 0u : 1u);
    if (count != 0 && !machine.AddFinding(Rule::kTorchTensorHooks, {.found = count})) return false;
  }
  for (const Value& value : numpy_.span()) {
    if (IsBuilt(machine.values(), value)) continue;
    return BadCall(machine, std::string(Name(value.kind)) + " without a state", 0).has_value();
  }
  return UnifyStorages(machine);
}

}  // namespace tensorgate::torch::internal
