// Parts of tensors.
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
    Result<Selection> selection = internal::Select(tensor, subscripts);
    if (!selection) return std::unexpected(selection.error());
    SlicePlan plan;
    plan.shape = std::move(selection->shape);
    plan.bytes = selection->bytes;
    const Gather gather(std::move(*selection));
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
    const Result<TensorRef> tensor = data_->Tensor(index);
    if (!tensor) return std::unexpected(tensor.error());
    return tensorgate::PlanSlice(*tensor, subscripts);
  });
}

Result<void> Checkpoint::ReadSliceInto(std::size_t index, std::span<const Subscript> subscripts,
                                       std::span<std::byte> into,
                                       const LoadOptions& options) const {
  return Guarded([&]() -> Result<void> {
    const Result<TensorRef> tensor = data_->Tensor(index);
    if (!tensor) return std::unexpected(tensor.error());
    Result<Selection> selection = internal::Select(*tensor, subscripts);
    if (!selection) return std::unexpected(selection.error());
    if (into.size() != selection->bytes) {
      return std::unexpected(Status{.rule = Rule::kUseWrongSize, .found = into.size()});
    }
    const Result<void> fits = data_->CheckRepeats(selection->bytes, options);
    if (!fits) return fits;
    Transfer transfer(*data_, options);
    transfer.AddSelection(tensor->part, std::move(*selection), into);
    return transfer.Run();
  });
}

Result<Slice> Checkpoint::ReadSlice(std::size_t index, std::span<const Subscript> subscripts,
                                    const LoadOptions& options) const {
  return Guarded([&]() -> Result<Slice> {
    Result<SlicePlan> plan = PlanSlice(index, subscripts);
    if (!plan) return std::unexpected(plan.error());
    const Result<void> fits = data_->CheckRepeats(plan->bytes, options);
    if (!fits) return std::unexpected(fits.error());
    Result<Buffer> buffer = Buffer::Allocate(plan->bytes);
    if (!buffer) return std::unexpected(buffer.error());
    const Result<void> read = ReadSliceInto(index, subscripts, buffer->bytes(), options);
    if (!read) return std::unexpected(read.error());
    return Slice{std::move(plan->shape), std::move(*buffer)};
  });
}

}  // namespace tensorgate
