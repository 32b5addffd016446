#include "lib/formats/torch/globals.h"

#include <array>

namespace tensorgate::torch::internal {
namespace {

using enum Role;

constexpr GlobalInfo Refused(std::string_view module, std::string_view name, Rule rule) {
  return {module, name, kRefused, 0, rule};
}

// The names that PyTorch 2.11 allows by default (torch/_weights_only_unpickler.py,
// _get_allowed_globals), without the rows generated from the table of element types. Pickles of
// protocol 2 use Python 2's names for builtins.
constexpr GlobalInfo kNamed[] = {
    {"torch._utils", "_rebuild_tensor_v2", kRebuildTensorV2},
    {"torch._utils", "_rebuild_parameter", kRebuildParameter},
    {"torch._utils", "_rebuild_tensor_v3", kRebuildTensorV3},
    {"torch._utils", "_rebuild_tensor", kRebuildTensor},
    {"torch._utils", "_rebuild_parameter_with_state", kRebuildParameterWithState},
    {"collections", "OrderedDict", kOrderedDict},
    {"collections", "Counter", kCounter},
    {"__builtin__", "set", kSet},
    {"builtins", "set", kSet},
    {"__builtin__", "bytearray", kByteArray},
    {"builtins", "bytearray", kByteArray},
    {"__builtin__", "complex", kComplex},
    {"builtins", "complex", kComplex},
    {"_codecs", "encode", kEncode},
    {"torch", "Size", kSize},
    {"torch", "device", kDevice},
    {"torch.serialization", "_get_layout", kGetLayout},
    {"torch.storage", "UntypedStorage", kUntypedStorage,
     static_cast<std::uint8_t>(ScalarType::kUint8)},
    {"torch", "per_tensor_affine", kQscheme, 0},
    {"torch", "per_tensor_symmetric", kQscheme, 1},
    {"torch", "per_channel_affine", kQscheme, 2},
    {"torch", "per_channel_symmetric", kQscheme, 3},
    {"torch", "per_channel_affine_float_qparams", kQscheme, 4},
    Refused("torch._utils", "_rebuild_qtensor", Rule::kTorchRebuildQuantized),
    Refused("torch._utils", "_rebuild_sparse_tensor", Rule::kTorchRebuildSparse),
    Refused("torch._utils", "_rebuild_nested_tensor", Rule::kTorchRebuildNested),
    Refused("torch._utils", "_rebuild_meta_tensor_no_storage", Rule::kTorchRebuildMeta),
    Refused("torch._utils", "_rebuild_wrapper_subclass", Rule::kTorchRebuildWrapper),
    Refused("torch._utils", "_rebuild_device_tensor_from_numpy", Rule::kTorchRebuildDevice),
    Refused("torch._utils", "_rebuild_device_tensor_from_cpu_tensor", Rule::kTorchRebuildDevice),
    Refused("torch._tensor", "_rebuild_from_type_v2", Rule::kTorchRebuildFromType),
    Refused("torch.nn.parameter", "Parameter", Rule::kTorchTensorClass),
    Refused("torch", "Tensor", Rule::kTorchTensorClass),
    Refused("torch.storage", "TypedStorage", Rule::kTorchStorageType),
};

constexpr std::string_view kTensorClasses[] = {
    "FloatTensor", "DoubleTensor", "HalfTensor", "BFloat16Tensor", "LongTensor",
    "IntTensor",   "ShortTensor",  "CharTensor", "ByteTensor",     "BoolTensor"};
constexpr std::string_view kTensorModules[] = {"torch", "torch.cuda", "torch.sparse",
                                               "torch.cuda.sparse"};

constexpr std::size_t kLegacyStorages = 17;  // types with their own storage class
constexpr std::size_t kCount = std::size(kNamed) + kScalarTypeCount + 2 * kLegacyStorages +
                               std::size(kTensorClasses) * std::size(kTensorModules);

const std::array<GlobalInfo, kCount>& Table() {
  static const std::array<GlobalInfo, kCount> table = [] {
    std::array<GlobalInfo, kCount> all{};
    std::size_t count = 0;
    for (const GlobalInfo& each : kNamed) all[count++] = each;
    for (const ScalarInfo& each : ScalarTypes()) {
      const auto type = static_cast<std::uint8_t>(each.type);
      all[count++] = {"torch", each.name, kDtype, type};
      if (each.storage.empty()) continue;
      const Role role = each.tensors ? kStorage : kRefused;
      for (const std::string_view module : {"torch", "torch.cuda"}) {
        all[count++] = {module, each.storage, role, type, Rule::kTorchStorageType};
      }
    }
    for (const std::string_view module : kTensorModules) {
      for (const std::string_view name : kTensorClasses)
        all[count++] = Refused(module, name, Rule::kTorchTensorClass);
    }
    return all;
  }();
  return table;
}

// Python 2 modules that PyTorch maps (IMPORT_MAPPING in torch/_utils.py) to modules in the table.
std::string_view Renamed(std::string_view module) {
  if (module == "__builtin__") return "builtins";
  if (module == "UserDict" || module == "UserList" || module == "UserString") return "collections";
  return module;
}

// a.b == c.d, wherever the dots are.
bool JoinedEqual(std::string_view module, std::string_view name, const GlobalInfo& info) {
  if (module.size() + name.size() != info.module.size() + info.name.size()) return false;
  const auto at = [](std::string_view first, std::string_view second, std::size_t i) {
    if (i < first.size()) return first[i];
    return i == first.size() ? '.' : second[i - first.size() - 1];
  };
  for (std::size_t i = 0; i <= module.size() + name.size(); ++i) {
    if (at(module, name, i) != at(info.module, info.name, i)) return false;
  }
  return true;
}

}  // namespace

std::span<const GlobalInfo> Globals() { return Table(); }

std::optional<FoundGlobal> FindGlobal(std::string_view module, std::string_view name) {
  const std::span<const GlobalInfo> all = Globals();
  for (std::uint16_t i = 0; i < all.size(); ++i) {
    if (all[i].name == name && all[i].module == module) return FoundGlobal{i, false};
  }
  module = Renamed(module);
  for (std::uint16_t i = 0; i < all.size(); ++i) {
    if (all[i].module != "__builtin__" && JoinedEqual(module, name, all[i]))
      return FoundGlobal{i, true};
  }
  return std::nullopt;
}

}  // namespace tensorgate::torch::internal
