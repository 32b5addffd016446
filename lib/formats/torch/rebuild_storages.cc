// The storages of a checkpoint, as named by its persistent ids.
#include <algorithm>
#include <string>

#include "lib/base/character_set.h"
#include "lib/base/checked.h"
#include "lib/base/names.h"
#include "lib/formats/torch/globals.h"
#include "lib/formats/torch/rebuild.h"

namespace tensorgate::torch::internal {
namespace {

using pickle::Kind;
using pickle::Machine;
using pickle::Value;
using Items = std::span<const Value>;

// Keys are compared with each other, so both profiles limit their length.
constexpr std::size_t kLongestKey = 4096;

constexpr tensorgate::internal::CharacterSet kKey(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.");

// Devices that torch.load restores to (register_package in torch/serialization.py) if the machine
// has them, with or without an index. Of the names given to PrivateUse1, only Ascend's occurs in
// published files.
constexpr std::string_view kDeviceTypes[] = {"cuda", "mps", "xpu",          "hpu",
                                             "mtia", "npu", "privateuseone"};

bool IsKey(std::string_view key) {
  return !key.empty() && key.size() <= 64 && kKey.HasAll(key) && key != "." && key != "..";
}

// As accepted by torch.device: no sign, no leading zero, 8 bits.
bool IsDeviceIndex(std::string_view digits) {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return false;
  std::uint64_t index = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return false;
    index = index * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return index <= INT8_MAX;
}

bool IsLocation(std::string_view location) {
  if (location == "cpu") return true;
  const std::size_t colon = location.find(':');
  if (std::ranges::find(kDeviceTypes, location.substr(0, colon)) == std::end(kDeviceTypes))
    return false;
  return colon == location.npos || IsDeviceIndex(location.substr(colon + 1));
}

bool IsUnsigned(const Value& value) { return value.IsInt() && value.Int() >= 0; }

std::string IdWords(const Value& id, std::size_t count) {
  if (id.kind != Kind::kTuple) return "of type " + std::string(Name(id.kind));
  return "a tuple of " + std::to_string(count) + (count == 1 ? " item" : " items");
}

std::string ItemWords(Items id, std::size_t index) {
  return "item " + std::to_string(index + 1) + " of type " + std::string(Name(id[index].kind));
}

}  // namespace

std::optional<Value> Rebuild::Persistent(Machine& machine, const Value& id) {
  const Items items = machine.values().Items(id);
  // A module's class with its source, which the loader only compares.
  if (machine.foreign() && form_ == Form::kLegacy && id.kind == Kind::kTuple && items.size() == 4 &&
      items[0].IsString() && machine.values().Text(items[0]) == "module" &&
      machine.foreign()->IsName(items[1])) {
    return items[1];
  }
  const std::size_t length = form_ == Form::kZip ? 5 : 6;
  if (id.kind != Kind::kTuple || items.size() != length || !items[0].IsString() ||
      machine.values().Text(items[0]) != "storage") {
    machine.AddFinding(
        Rule::kTorchPersistentId,
        {.found = items.size(), .allowed = length, .text = IdWords(id, items.size())});
    return std::nullopt;
  }
  StorageValue storage;
  if (!ReadStorage(machine, items, storage)) return std::nullopt;
  // A view of a storage: no writer since PyTorch 0.4 creates one, and two keys would then share
  // bytes.
  if (form_ == Form::kLegacy && items[5].kind != Kind::kNone) {
    machine.AddFinding(Rule::kTorchPersistentId, {.found = 5, .text = ItemWords(items, 5)});
    return std::nullopt;
  }
  storages_.PushBack(storage);
  return Value::Of(Kind::kStorage, storages_.size() - 1);
}

bool Rebuild::ReadStorage(Machine& machine, Items id, StorageValue& storage) {
  const auto bad = [&](std::size_t index) {
    machine.AddFinding(Rule::kTorchPersistentId, {.found = index, .text = ItemWords(id, index)});
    return false;
  };
  const pickle::Values& values = machine.values();
  if (id[1].kind != Kind::kGlobal || id[1].bits >= Globals().size()) return bad(1);
  const GlobalInfo& type = Globals()[static_cast<std::size_t>(id[1].bits)];
  // In a legacy stream PyTorch asks the class for its dtype, which an untyped one does not have.
  const bool untyped = type.role == Role::kUntypedStorage && form_ != Form::kLegacy;
  // Extraction leaves their tensors out, but their records are proven like the others.
  const bool quantized = machine.foreign() != nullptr && type.role == Role::kRefused &&
                         type.name.ends_with("Storage") && type.name != "TypedStorage";
  if (type.role != Role::kStorage && !untyped && !quantized) {
    machine.AddFinding(Rule::kTorchStorageType,
                       {.text = std::string(type.module) + "." + std::string(type.name)});
    return false;
  }
  if (!id[2].IsString()) return bad(2);
  if (!id[3].IsString()) return bad(3);
  if (!IsUnsigned(id[4])) return bad(4);
  storage = {.key = values.Text(id[2]),
             .location = values.Text(id[3]),
             .dtype = static_cast<ScalarType>(type.detail),
             .untyped = untyped,
             .numel = id[4].bits,
             .bytes = id[4].bits,
             .offset = machine.at()};
  if (!IsKey(storage.key)) {
    const bool tolerated = machine.AddFinding(Rule::kTorchStorageKey,
                                              {.text = std::string(storage.key.substr(0, 256))});
    if (!tolerated) return false;
    if (storage.key.size() > kLongestKey) {
      machine.AddFinding(Rule::kLimitNameBytes,
                         {.found = storage.key.size(), .allowed = kLongestKey});
      return false;
    }
  }
  if (storage.location == "meta") {
    machine.AddFinding(Rule::kTorchStorageMeta, {.text = std::string(storage.key.substr(0, 256))});
    return false;
  }
  if (!IsLocation(storage.location)) {
    machine.AddFinding(Rule::kTorchStorageLocation,
                       {.text = std::string(storage.location.substr(0, 256))});
    return false;
  }
  if (tensorgate::internal::MultiplyOverflows(storage.bytes,
                                              std::uint64_t{Info(storage.dtype).bytes}) ||
      storage.bytes > kMaxBytes) {
    machine.AddFinding(Rule::kTorchStorageOverflow,
                       {.found = storage.numel, .text = std::string(storage.key.substr(0, 256))});
    return false;
  }
  return true;
}

// One entry per key. PyTorch returns for every later use of a key what the first one created.
bool Rebuild::UnifyStorages(Machine& machine) {
  const std::span<StorageValue> all = storages_.span();
  tensorgate::internal::PodBuffer<std::uint32_t> hashes, places;
  hashes.Resize(all.size());
  places.Resize(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    hashes[i] = tensorgate::internal::HashName(all[i].key.substr(0, 256));
    places[i] = UINT32_MAX;
  }
  bool good = true;
  const auto stated = [&](std::uint32_t later, std::uint32_t first) {
    const StorageValue &a = all[first], &b = all[later];
    const bool same = a.location == b.location && a.dtype == b.dtype && a.untyped == b.untyped &&
                      a.numel == b.numel;
    if (!same) {
      good = machine.AddFinding(Rule::kTorchStorageDisagrees,
                                {.offset = b.offset, .text = std::string(b.key.substr(0, 256))});
    }
    places[later] = first;
  };
  tensorgate::internal::NameIndex index;
  index.Build(hashes, [&](std::uint32_t i) { return all[i].key; }, stated);
  if (!good) return false;
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (places[i] == UINT32_MAX) {
      all[kept] = all[i];
      places[i] = kept++;
    } else {
      places[i] = places[places[i]];
    }
  }
  storages_.Resize(kept);
  for (TensorValue& tensor : tensors_.span()) tensor.storage = places[tensor.storage];
  unified_ = std::move(places);
  return true;
}

}  // namespace tensorgate::torch::internal
