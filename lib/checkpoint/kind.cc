#include "lib/checkpoint/kind.h"

#include <array>

#include "tensorgate/shards.h"

namespace tensorgate::checkpoint {
namespace {

constexpr std::array kKinds = {
    Kind{"safetensors-checkpoint", "safetensors", ".safetensors", "model.safetensors.index.json"},
    Kind{"pytorch-checkpoint", "pytorch-zip", ".bin", "pytorch_model.bin.index.json"},
};

bool IsIndexOf(const Kind& kind, std::string_view name) {
  constexpr std::string_view kIndex = ".index.", kSuffix = "json";
  const std::size_t index = name.rfind(kIndex);
  if (index == name.npos) return false;
  const std::string_view file = name.substr(0, index);
  if (!file.ends_with(kind.shard_suffix) || file == kind.shard_suffix) return false;
  const std::string_view rest = name.substr(index + kIndex.size());
  const std::size_t dot = rest.find('.');
  return rest == kSuffix || (dot != rest.npos && dot != 0 && rest.substr(dot + 1) == kSuffix);
}

}  // namespace

const Kind& SafetensorsKind() { return kKinds[0]; }
const Kind& PytorchKind() { return kKinds[1]; }

const Kind* KindOf(std::string_view path) {
  const std::string_view name = internal::LastPart(path);
  for (const Kind& kind : kKinds) {
    if (IsIndexOf(kind, name)) return &kind;
  }
  return nullptr;
}

Chosen ChooseIndex(const internal::FolderNames& names, const Kind& kind) {
  Chosen chosen;
  for (const internal::FolderNames::Name& entry : names.list) {
    const std::string_view name = names.At(entry);
    if (KindOf(name) != &kind) continue;
    if (chosen.candidates++ == 0 || name == kind.usual) chosen.name = name;
  }
  if (chosen.name == kind.usual) chosen.candidates = 1;
  return chosen;
}

}  // namespace tensorgate::checkpoint

namespace tensorgate {

bool IsNamedIndex(std::string_view path) { return checkpoint::KindOf(path) != nullptr; }

}  // namespace tensorgate
