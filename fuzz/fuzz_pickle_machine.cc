// The machine on pickles, with PyTorch's table: the same input gives the same outcome; the strict
// profile accepts only what the reference accepts, and a lower limit of operations never accepts
// more; an accepted result is finite, contains only plain values, and its tensors are inside their
// storages.
#include <vector>

#include "fuzz/support.h"
#include "lib/formats/torch/pickle_file.h"
#include "lib/formats/torch/rebuild.h"
#include "tensorgate/tensor.h"

namespace {

namespace pickle = tensorgate::pickle;
namespace torch = tensorgate::torch;

// Visits each container once, however often it is shared.
void CheckResult(const pickle::Values& values, const torch::internal::Rebuild& rebuild,
                 const pickle::Value& root) {
  std::vector<bool> seen(values.object_count());
  std::vector<pickle::Value> left = {root};
  while (!left.empty()) {
    const pickle::Value value = left.back();
    left.pop_back();
    FUZZ_ASSERT(value.kind != pickle::Kind::kUndefined && value.kind != pickle::Kind::kStorage &&
                value.kind != pickle::Kind::kGlobal);
    if (value.kind == pickle::Kind::kString || value.kind == pickle::Kind::kBytes) {
      FUZZ_ASSERT(values.Text(value).size() == value.length);
    }
    if (value.kind == pickle::Kind::kTensor) FUZZ_ASSERT(value.bits < rebuild.tensors().size());
    if (!pickle::IsObject(value.kind) || seen[static_cast<std::size_t>(value.bits)]) continue;
    seen[static_cast<std::size_t>(value.bits)] = true;
    const auto items = values.Items(value);
    if (pickle::IsMapping(value.kind)) FUZZ_ASSERT(items.size() % 2 == 0);
    left.insert(left.end(), items.begin(), items.end());
    if (values.Attributes(value).kind != pickle::Kind::kUndefined)
      left.push_back(values.Attributes(value));
  }
}

// Whether reachable or not: only the tuple of a call or of an id may contain a name or a storage.
void CheckAll(const pickle::Values& values) {
  for (std::size_t i = 0; i < values.object_count(); ++i) {
    const pickle::Kind kind = values.object(pickle::Value::Of(pickle::Kind::kTuple, i)).kind;
    const pickle::Value object = pickle::Value::Of(kind, i);
    if (kind == pickle::Kind::kTuple) continue;
    for (const pickle::Value& item : values.Items(object)) {
      FUZZ_ASSERT(item.kind != pickle::Kind::kStorage && item.kind != pickle::Kind::kGlobal);
    }
  }
}

void CheckTensors(const pickle::Values& values, const torch::internal::Rebuild& rebuild) {
  for (const torch::internal::TensorValue& tensor : rebuild.tensors()) {
    FUZZ_ASSERT(tensor.storage < rebuild.storages().size());
    const torch::internal::StorageValue& storage = rebuild.storages()[tensor.storage];
    const auto shape = values.Items(tensor.shape), stride = values.Items(tensor.stride);
    FUZZ_ASSERT(shape.size() == stride.size() && shape.size() <= tensorgate::kMaxRank);
    double last = static_cast<double>(tensor.offset);
    bool empty = false;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      FUZZ_ASSERT(shape[i].Int() >= 0 && stride[i].Int() >= 0);
      empty |= shape[i].bits == 0;
      last += static_cast<double>(shape[i].bits) * static_cast<double>(stride[i].bits) -
              static_cast<double>(stride[i].bits);
    }
    const double room =
        static_cast<double>(storage.bytes) / torch::internal::Info(tensor.dtype).bytes;
    // In doubles, so only up to their rounding errors; anything far outside is found.
    if (!empty) FUZZ_ASSERT(last <= room * (1 + 1e-9));
  }
}

pickle::Outcome Run(std::span<const std::byte> bytes, const tensorgate::CheckOptions& options,
                    torch::internal::Form form) {
  torch::internal::Rebuild rebuild(form);
  pickle::Machine machine(bytes, rebuild, options);
  pickle::Outcome outcome = machine.Run();
  FUZZ_ASSERT(outcome.end <= bytes.size());
  FUZZ_ASSERT(outcome.complete || !outcome.facts.empty());
  if (outcome.complete && options.profile == tensorgate::Profile::kStrict) {
    CheckResult(machine.values(), rebuild, outcome.root);
    CheckAll(machine.values());
    CheckTensors(machine.values(), rebuild);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = tensorgate::fuzz::Bytes(data, size);
  tensorgate::fuzz::Choices choices(bytes);
  for (const torch::internal::Form form :
       {torch::internal::Form::kZip, torch::internal::Form::kLegacy}) {
    tensorgate::CheckOptions strict, reference;
    reference.profile = tensorgate::Profile::kReference;
    const pickle::Outcome first = Run(bytes, strict, form), again = Run(bytes, strict, form);
    FUZZ_ASSERT(first.complete == again.complete && first.end == again.end &&
                first.facts.size() == again.facts.size());
    const pickle::Outcome predicted = Run(bytes, reference, form);
    if (first.complete) FUZZ_ASSERT(predicted.complete && predicted.end == first.end);
    tensorgate::CheckOptions tighter = strict;
    tighter.limits.pickle_operations = choices.Below(first.operations + 2);
    const pickle::Outcome limited = Run(bytes, tighter, form);
    if (limited.complete)
      FUZZ_ASSERT(first.complete && first.operations <= tighter.limits.pickle_operations);
  }
  tensorgate::MemorySource source(bytes);
  tensorgate::fuzz::CheckContract(torch::internal::CheckPickle(source, {}), size);
  return 0;
}
