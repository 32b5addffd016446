// Slices of tensors.
#include "tensorgate/slice.h"

#include <utility>

#include "lib/base/guarded.h"
#include "lib/checkpoint/transfer.h"

namespace tensorgate {

using internal::Gather;
using internal::Guarded;
using internal::Pass;
using internal::Selection;
using internal::Sweep;
using internal::Transfer;

Result<SlicePlan> PlanSlice(const TensorRef& tensor, std::span<const Subscript> subscripts) {
  return Guarded([&]() -> Result<SlicePlan> {
    Selection selection = TENSORGATE_TRY(internal::Select(tensor, subscripts));
    SlicePlan plan;
    plan.shape = std::move(selection.shape);
    plan.bytes = selection.bytes;
    const Gather gather(std::move(selection));
    plan.range = gather.range();
    plan.contiguous = gather.contiguous();
    plan.reads = gather.pieces();
    plan.read_bytes = gather.read_bytes();
    const Gather* const only = &gather;
    if (plan.bytes != 0 && Sweep::Choose(std::span(&only, 1))[0] != 0) {
      const Pass pass(gather.range(), gather.run());
      plan.reads = pass.blocks();
      plan.read_bytes = pass.read_bytes();
    }
    return plan;
  });
}

Result<SlicePlan> Checkpoint::PlanSlice(std::size_t index,
                                        std::span<const Subscript> subscripts) const {
  return Guarded([&]() -> Result<SlicePlan> {
    const TensorRef tensor = TENSORGATE_TRY(data_->Tensor(index));
    return tensorgate::PlanSlice(tensor, subscripts);
  });
}

Result<void> Checkpoint::ReadSliceInto(std::size_t index, std::span<const Subscript> subscripts,
                                       std::span<std::byte> into,
                                       const LoadOptions& options) const {
  return Guarded([&]() -> Result<void> {
    const TensorRef tensor = TENSORGATE_TRY(data_->Tensor(index));
    Selection selection = TENSORGATE_TRY(internal::Select(tensor, subscripts));
    if (into.size() != selection.bytes) {
      return std::unexpected(Status{.rule = Rule::kUseWrongSize, .found = into.size()});
    }
    TENSORGATE_TRY(data_->CheckRepeats(selection.bytes, options));
    Transfer transfer(*data_, options);
    transfer.AddSelection(tensor.part, std::move(selection), into);
    return transfer.Run();
  });
}

Result<Slice> Checkpoint::ReadSlice(std::size_t index, std::span<const Subscript> subscripts,
                                    const LoadOptions& options) const {
  return Guarded([&]() -> Result<Slice> {
    SlicePlan plan = TENSORGATE_TRY(PlanSlice(index, subscripts));
    TENSORGATE_TRY(data_->CheckRepeats(plan.bytes, options));
    Buffer buffer = TENSORGATE_TRY(Buffer::Allocate(plan.bytes));
    TENSORGATE_TRY(ReadSliceInto(index, subscripts, buffer.bytes(), options));
    return Slice{std::move(plan.shape), std::move(buffer)};
  });
}

}  // namespace tensorgate
