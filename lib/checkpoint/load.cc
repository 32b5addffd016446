// Reading tensors: one, or many at once.
#include <algorithm>
#include <utility>

#include "lib/base/checked.h"
#include "lib/base/guarded.h"
#include "lib/checkpoint/checkpoint_data.h"
#include "lib/checkpoint/memory_layout.h"
#include "lib/checkpoint/transfer.h"

namespace tensorgate {

using internal::Extent;
using internal::Guarded;
using internal::Transfer;

namespace {

constexpr std::uint64_t kLine = 64;

std::unexpected<Status> WrongSize(std::size_t size) {
  return std::unexpected(Status{.rule = Rule::kUseWrongSize, .found = size});
}

std::uint64_t AlignmentOf(const TensorRef& tensor) { return tensor.type.alignment(); }

std::span<std::byte> At(std::span<std::byte> memory, std::uint64_t position, std::uint64_t length) {
  return memory.subspan(static_cast<std::size_t>(position), static_cast<std::size_t>(length));
}

// Tensors in one block: first those that are in the file as they are in memory, then those that are
// assembled from strides.
class Places {
 public:
  void Add(TensorRef tensor) {
    const bool strided = !tensor.stride.empty();
    extents_.push_back({tensor.part, strided ? ByteRange() : tensor.range, AlignmentOf(tensor)});
    if (strided) strided_.push_back({extents_.size() - 1, std::move(tensor), 0});
  }

  // The total size, or the largest number if it does not fit.
  std::uint64_t LayOut() {
    std::optional<internal::Layout> layout = internal::LayOut(extents_);
    if (!layout) return UINT64_MAX;
    layout_ = std::move(*layout);
    std::uint64_t size = layout_.size;
    for (Strided& each : strided_) {
      each.position = internal::SaturatingAdd(size, (0 - size) % kLine);
      size = internal::SaturatingAdd(each.position, each.tensor.bytes());
    }
    return size;
  }

  Result<void> AddTo(Transfer& transfer, std::span<std::byte> memory,
                     std::vector<std::span<std::byte>>& tensors) {
    for (const internal::Stretch& stretch : layout_.stretches) {
      transfer.AddRange(stretch.part, stretch.range.offset,
                        At(memory, stretch.position, stretch.range.length));
    }
    tensors.reserve(extents_.size());
    for (std::size_t i = 0; i < extents_.size(); ++i) {
      tensors.push_back(At(memory, layout_.positions[i], extents_[i].range.length));
    }
    for (const Strided& each : strided_) {
      tensors[each.index] = At(memory, each.position, each.tensor.bytes());
      TENSORGATE_TRY(transfer.AddTensor(each.tensor, tensors[each.index]));
    }
    return {};
  }

 private:
  struct Strided {
    std::size_t index;
    TensorRef tensor;
    std::uint64_t position;
  };
  std::vector<Extent> extents_;
  std::vector<Strided> strided_;
  internal::Layout layout_;
};

}  // namespace

Result<void> internal::CheckpointData::CheckRepeats(std::uint64_t bytes,
                                                    const LoadOptions& options) const {
  std::uint64_t all = 0;
  bool shared = false;
  for (const PartData& part : parts) {
    shared |= part.file->shares_bytes();
    all = SaturatingAdd(all, part.source->size());
  }
  if (!shared || bytes <= MostCopied(all, options.repeated_bytes)) return {};
  return std::unexpected(Status{.rule = Rule::kUseExpands, .found = bytes});
}

Result<void> Checkpoint::ReadInto(std::size_t index, std::span<std::byte> into,
                                  const LoadOptions& options) const {
  const Destination destination{index, into};
  return LoadInto(std::span(&destination, 1), options);
}

Result<Buffer> Checkpoint::Read(std::size_t index, const LoadOptions& options) const {
  return Guarded([&]() -> Result<Buffer> {
    const TensorRef tensor = TENSORGATE_TRY(data_->Tensor(index));
    TENSORGATE_TRY(data_->CheckRepeats(tensor.bytes(), options));
    const bool aligned = tensor.range.offset % AlignmentOf(tensor) == 0;
    Result<Buffer> buffer = Buffer::Allocate(tensor.bytes(), aligned ? tensor.range.offset : 0);
    if (!buffer) return buffer;
    TENSORGATE_TRY(ReadInto(index, buffer->bytes(), options));
    return buffer;
  });
}

Result<void> Checkpoint::ReadRange(std::size_t part, std::uint64_t offset,
                                   std::span<std::byte> into, const LoadOptions& options) const {
  return Guarded([&]() -> Result<void> {
    if (part >= part_count()) {
      return std::unexpected(Status{.rule = Rule::kUseNoSuchTensor, .found = part});
    }
    const std::uint64_t size = data_->parts[part].source->size();
    if (offset > size || into.size() > size - offset) {
      return std::unexpected(Status{.rule = Rule::kUseNoSuchTensor, .found = offset});
    }
    Transfer transfer(*data_, options);
    transfer.AddRange(part, offset, into);
    return transfer.Run();
  });
}

Result<void> Checkpoint::LoadInto(std::span<const Destination> into,
                                  const LoadOptions& options) const {
  return Guarded([&]() -> Result<void> {
    // In the order of the data, which is best for disks.
    std::vector<std::pair<std::size_t, std::span<std::byte>>> sorted;
    sorted.reserve(into.size());
    for (const Destination& each : into) sorted.emplace_back(each.index, each.into);
    std::ranges::sort(sorted, {}, [](const auto& each) { return each.first; });
    Transfer transfer(*data_, options);
    std::uint64_t all = 0;
    for (const auto& [index, bytes] : sorted) {
      const TensorRef tensor = TENSORGATE_TRY(data_->Tensor(index));
      if (bytes.size() != tensor.bytes()) return WrongSize(bytes.size());
      all = internal::SaturatingAdd(all, std::uint64_t{bytes.size()});
      TENSORGATE_TRY(transfer.AddTensor(tensor, bytes));
    }
    const Result<void> fits = data_->CheckRepeats(all, options);
    return fits ? transfer.Run() : fits;
  });
}

Result<Loaded> Checkpoint::Load(std::span<const std::size_t> which,
                                const LoadOptions& options) const {
  return Guarded([&]() -> Result<Loaded> {
    Places places;
    for (const std::size_t index : which) {
      TensorRef tensor = TENSORGATE_TRY(data_->Tensor(index));
      places.Add(std::move(tensor));
    }
    const std::uint64_t all = places.LayOut();
    TENSORGATE_TRY(data_->CheckRepeats(all, options));
    Buffer buffer = TENSORGATE_TRY(Buffer::Allocate(all));
    Loaded loaded;
    loaded.buffer_ = std::move(buffer);
    Transfer transfer(*data_, options);
    Result<void> done = places.AddTo(transfer, loaded.buffer_.bytes(), loaded.tensors_);
    if (done) done = transfer.Run();
    if (!done) return std::unexpected(done.error());
    return loaded;
  });
}

Result<Loaded> Checkpoint::LoadAll(const LoadOptions& options) const {
  return Guarded([&] {
    std::vector<std::size_t> which(tensor_count());
    for (std::size_t i = 0; i < which.size(); ++i) which[i] = i;
    return Load(which, options);
  });
}

}  // namespace tensorgate
