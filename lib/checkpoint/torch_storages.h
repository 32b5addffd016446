// The storages of a PyTorch checkpoint as a `Checkpoint`.
#ifndef TENSORGATE_CHECKPOINT_TORCH_STORAGES_H_
#define TENSORGATE_CHECKPOINT_TORCH_STORAGES_H_

#include <expected>
#include <memory>
#include <string>

#include "lib/checkpoint/checkpoint_data.h"

namespace tensorgate::internal {

/// The storages of a file as tensors of one dimension, in the order of torch::File::storage, whatever is seen in them: for those
/// who make the views themselves. Their names are empty. Anything that is not a checkpoint of PyTorch's is refused as what it is,
/// and where it is accepted, by a rule `use/...`.
std::expected<Checkpoint, Report> OpenStorages(const std::string& path,
                                               const CheckOptions& options = {});
/// Memory of the caller's, which must outlive the checkpoint and not change.
std::expected<Checkpoint, Report> OpenStorages(std::span<const std::byte> bytes,
                                               const CheckOptions& options = {});

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_TORCH_STORAGES_H_
