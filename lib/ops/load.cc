// Reading tensors: one, or many at once.
#include <algorithm>
#include <utility>

#include "lib/ops/checkpoint_data.h"
#include "lib/ops/jobs.h"
#include "lib/ops/layout.h"

namespace tensorgate {

using internal::CheckpointData;
using internal::Extent;
using internal::Guarded;
using internal::Job;

namespace {

constexpr std::uint64_t kLargestPage = 65536;

std::unexpected<Status> WrongSize(std::size_t size) {
  return std::unexpected(Status{.rule = Rule::kUseWrongSize, .found = size});
}

// A size of memory; on 32 bits a tensor can be too large for any.
Result<std::size_t> ToSize(std::uint64_t bytes) {
  if (bytes > SIZE_MAX) return std::unexpected(Status{.rule = Rule::kIoOutOfMemory});
  return static_cast<std::size_t>(bytes);
}

Result<Job> JobFor(const TensorRef& tensor, std::span<std::byte> into) {
  if (into.size() != tensor.bytes()) return WrongSize(into.size());
  return Job{tensor.part, tensor.range.offset, into};
}

}  // namespace

Result<void> Checkpoint::ReadInto(std::size_t index, std::span<std::byte> into,
                                  const LoadOptions& options) const {
  const Destination destination{index, into};
  return LoadInto(std::span(&destination, 1), options);
}

Result<Buffer> Checkpoint::Read(std::size_t index, const LoadOptions& options) const {
  return Guarded([&]() -> Result<Buffer> {
    const Result<TensorRef> tensor = data_->Tensor(index);
    if (!tensor) return std::unexpected(tensor.error());
    const Result<std::size_t> size = ToSize(tensor->bytes());
    if (!size) return std::unexpected(size.error());
    const std::size_t align = std::max(1u, Bits(tensor->dtype) / 8);
    const auto offset = static_cast<std::size_t>(tensor->range.offset % kLargestPage);
    Result<Buffer> buffer = Buffer::Allocate(*size, offset % align == 0 ? offset : 0);
    if (!buffer) return buffer;
    const Result<void> read = ReadInto(index, buffer->bytes(), options);
    if (!read) return std::unexpected(read.error());
    return buffer;
  });
}

Result<void> Checkpoint::ReadRange(std::size_t part, std::uint64_t offset,
                                   std::span<std::byte> into, const LoadOptions& options) const {
  return Guarded([&]() -> Result<void> {
    if (part >= parts()) {
      return std::unexpected(Status{.rule = Rule::kUseNoSuchTensor, .found = part});
    }
    const std::uint64_t size = data_->parts[part].source->size();
    if (offset > size || into.size() > size - offset) {
      return std::unexpected(Status{.rule = Rule::kUseNoSuchTensor, .found = offset});
    }
    const Job job{part, offset, into};
    return ReadJobs(*data_, std::span(&job, 1), options);
  });
}

Result<void> Checkpoint::LoadInto(std::span<const Destination> into,
                                  const LoadOptions& options) const {
  return Guarded([&]() -> Result<void> {
    std::vector<Job> jobs;
    jobs.reserve(into.size());
    for (const Destination& each : into) {
      const Result<TensorRef> tensor = data_->Tensor(each.index);
      if (!tensor) return std::unexpected(tensor.error());
      const Result<Job> job = JobFor(*tensor, each.into);
      if (!job) return std::unexpected(job.error());
      jobs.push_back(*job);
    }
    std::ranges::sort(jobs, {}, [](const Job& job) { return std::pair(job.part, job.offset); });
    return ReadJobs(*data_, jobs, options);
  });
}

Result<Loaded> Checkpoint::Load(std::span<const std::size_t> which,
                                const LoadOptions& options) const {
  return Guarded([&]() -> Result<Loaded> {
    std::vector<Extent> extents;
    extents.reserve(which.size());
    for (const std::size_t index : which) {
      const Result<TensorRef> tensor = data_->Tensor(index);
      if (!tensor) return std::unexpected(tensor.error());
      extents.push_back({tensor->part, tensor->range, std::max(1u, Bits(tensor->dtype) / 8)});
    }
    const auto layout = internal::LayOut(extents);
    const Result<std::size_t> size = ToSize(layout ? layout->size : UINT64_MAX);
    if (!layout || !size) return std::unexpected(Status{.rule = Rule::kIoOutOfMemory});
    Loaded loaded;
    Result<Buffer> buffer = Buffer::Allocate(*size);
    if (!buffer) return std::unexpected(buffer.error());
    loaded.buffer_ = std::move(*buffer);
    const auto at = [&](std::uint64_t position, std::uint64_t length) {
      return loaded.buffer_.bytes().subspan(static_cast<std::size_t>(position),
                                            static_cast<std::size_t>(length));
    };
    std::vector<Job> jobs;
    jobs.reserve(layout->stretches.size());
    for (const internal::Stretch& stretch : layout->stretches) {
      jobs.push_back(
          {stretch.part, stretch.range.offset, at(stretch.position, stretch.range.length)});
    }
    const Result<void> read = ReadJobs(*data_, jobs, options);
    if (!read) return std::unexpected(read.error());
    loaded.tensors_.reserve(which.size());
    for (std::size_t i = 0; i < which.size(); ++i) {
      loaded.tensors_.push_back(at(layout->positions[i], extents[i].range.length));
    }
    return loaded;
  });
}

Result<Loaded> Checkpoint::LoadAll(const LoadOptions& options) const {
  return Guarded([&] {
    std::vector<std::size_t> which(size());
    for (std::size_t i = 0; i < which.size(); ++i) which[i] = i;
    return Load(which, options);
  });
}

}  // namespace tensorgate
