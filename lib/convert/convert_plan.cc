#include "lib/convert/convert_plan.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "lib/base/checked.h"
#include "lib/checkpoint/checkpoint_data.h"

namespace tensorgate::internal {
namespace {

constexpr std::string_view kUsualKey = "state_dict";

using Planned = std::expected<void, ConvertError>;

std::unexpected<ConvertError> Error(Rule rule, std::string_view tensor = {}) {
  return std::unexpected(ConvertError{.status = {.rule = rule}, .tensor = std::string(tensor)});
}

bool IsBelow(std::string_view name, std::string_view key) {
  return key.empty() ||
         (name.size() > key.size() && name.starts_with(key) && name[key.size()] == '.');
}

std::string KeyOf(const std::vector<PlannedFile>& files, const ConvertOptions& options) {
  if (options.select) return *options.select;
  for (const PlannedFile& each : files) {
    for (std::size_t i = 0; i < each.file->tensor_count(); ++i) {
      if (IsBelow(each.file->name(i), kUsualKey)) return std::string(kUsualKey);
    }
  }
  return {};
}

Planned TakeTensors(PlannedFile& into, Converted& converted) {
  const std::string& key = converted.selected;
  for (std::size_t i = 0; i < into.file->tensor_count(); ++i) {
    if (!IsBelow(into.file->name(i), key)) {
      ++converted.left_out;
      continue;
    }
    TensorRef tensor = into.file->tensor(i);
    if (!tensor.type.dtype) return Error(Rule::kConvertDtype, tensor.name);
    if (tensor.bytes() > tensor.range.length) return Error(Rule::kConvertExpanded, tensor.name);
    const std::size_t cut = key.empty() ? 0 : key.size() + 1;
    into.tensors.push_back({std::string(tensor.name.substr(cut)), std::move(tensor)});
  }
  return {};
}

// The same view under several names: the first name in the file's order stays, which is the one
// that models know (`transformer.wte.weight` before `lm_head.weight`).
void DropTied(PlannedFile& in) {
  using View = std::tuple<std::uint64_t, std::string_view, std::vector<std::uint64_t>,
                          std::vector<std::uint64_t>>;
  std::map<View, std::size_t> first;
  std::vector<PlannedTensor> kept;
  for (PlannedTensor& each : in.tensors) {
    const TensorRef& tensor = each.tensor;
    // Tensors without bytes share nothing.
    if (tensor.range.length != 0) {
      const auto [found, inserted] = first.try_emplace(
          View{tensor.range.offset, tensor.type.name, tensor.shape, tensor.stride}, kept.size());
      if (!inserted) {
        in.tied.emplace_back(kept[found->second].name, each.name);
        continue;
      }
    }
    kept.push_back(std::move(each));
  }
  in.tensors = std::move(kept);
}

Planned CheckSize(const std::vector<PlannedFile>& files, Converted& converted) {
  std::uint64_t all = 0;
  for (const PlannedFile& each : files) all = SaturatingAdd(all, each.file_size);
  // Overlapping views become copies.
  const std::uint64_t most = MostCopied(all, LoadOptions{}.repeated_bytes);
  for (const PlannedFile& each : files) {
    for (const PlannedTensor& planned : each.tensors) {
      converted.bytes = SaturatingAdd(converted.bytes, planned.tensor.bytes());
      converted.rearranged += planned.tensor.stride.empty() ? 0u : 1u;
      if (converted.bytes > most) return Error(Rule::kConvertTooLarge, planned.name);
    }
    converted.tensors += each.tensors.size();
  }
  return {};
}

}  // namespace

Planned Plan(std::vector<PlannedFile>& files, const ConvertOptions& options, Converted& converted) {
  converted.selected = KeyOf(files, options);
  for (PlannedFile& each : files) {
    if (Planned taken = TakeTensors(each, converted); !taken) return taken;
    DropTied(each);
    std::ranges::sort(each.tensors, {}, &PlannedTensor::name);
    std::ranges::sort(each.tied);
    converted.tied.insert(converted.tied.end(), each.tied.begin(), each.tied.end());
  }
  if (options.refuse_tied && !converted.tied.empty()) {
    return Error(Rule::kConvertTied, converted.tied[0].second);
  }
  const auto has_tensors = [](const PlannedFile& each) { return !each.tensors.empty(); };
  if (std::ranges::none_of(files, has_tensors)) return Error(Rule::kConvertNoTensors);
  return CheckSize(files, converted);
}

}  // namespace tensorgate::internal
