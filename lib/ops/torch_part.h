// A PyTorch checkpoint as the part of a `Checkpoint`.
#ifndef TENSORGATE_OPS_TORCH_PART_H_
#define TENSORGATE_OPS_TORCH_PART_H_

#include <expected>
#include <memory>
#include <string>

#include "lib/ops/checkpoint_data.h"

namespace tensorgate::internal {

/// Its tensors in the order of their data. `opened` is `source`, or what stands before it and has its bytes. Throws
/// std::bad_alloc.
std::expected<PartData, Report> OpenTorchPart(std::string path, std::unique_ptr<Source> source,
                                              Source& opened, const CheckOptions& options);

/// The same of what was opened before.
std::expected<PartData, Report> MakeTorchPart(std::string path, std::unique_ptr<Source> source,
                                              torch::File file, const CheckOptions& options);

/// Its storages as tensors of one dimension, in the order of torch::File::storage, whatever is seen in them: for those
/// who make the views themselves. Their names are empty. What is no checkpoint of PyTorch's is refused as what it is.
std::expected<Checkpoint, Report> OpenStorages(const std::string& path,
                                               const CheckOptions& options = {});
/// Memory of the caller's, which must outlive the checkpoint and not change.
std::expected<Checkpoint, Report> OpenStorages(std::span<const std::byte> bytes,
                                               const CheckOptions& options = {});

}  // namespace tensorgate::internal

#endif  // TENSORGATE_OPS_TORCH_PART_H_
