#include "lib/sharded/kind.h"

#include "tensorgate/shards.h"

namespace tensorgate::sharded {
namespace {

using internal::Format;
using internal::ShardScheme;

bool IsIndexOf(const ShardScheme& scheme, std::string_view name) {
  constexpr std::string_view kIndex = ".index.", kSuffix = "json";
  const std::size_t index = name.rfind(kIndex);
  if (index == name.npos) return false;
  const std::string_view file = name.substr(0, index);
  if (!file.ends_with(scheme.suffix) || file == scheme.suffix) return false;
  const std::string_view rest = name.substr(index + kIndex.size());
  const std::size_t dot = rest.find('.');
  return rest == kSuffix || (dot != rest.npos && dot != 0 && rest.substr(dot + 1) == kSuffix);
}

}  // namespace

const Format* ShardsOf(std::string_view path) {
  const std::string_view name = internal::LastPart(path);
  for (const Format& format : internal::Formats()) {
    if (format.shards != nullptr && IsIndexOf(*format.shards, name)) return &format;
  }
  return nullptr;
}

Chosen ChooseIndex(const internal::FolderNames& names, const Format& shards) {
  Chosen chosen;
  const std::string_view usual = shards.shards->usual;
  for (const internal::FolderNames::Name& entry : names.list) {
    const std::string_view name = names.At(entry);
    if (ShardsOf(name) != &shards) continue;
    if (chosen.candidates++ == 0 || name == usual) chosen.name = name;
  }
  if (chosen.name == usual) chosen.candidates = 1;
  return chosen;
}

}  // namespace tensorgate::sharded

namespace tensorgate {

bool IsNamedIndex(std::string_view path) { return sharded::ShardsOf(path) != nullptr; }

}  // namespace tensorgate
