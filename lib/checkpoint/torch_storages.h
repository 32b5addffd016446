// The storages of a PyTorch checkpoint as a `Checkpoint`.
#ifndef TENSORGATE_CHECKPOINT_TORCH_STORAGES_H_
#define TENSORGATE_CHECKPOINT_TORCH_STORAGES_H_

#include <expected>
#include <memory>
#include <string>

#include "lib/checkpoint/checkpoint_data.h"

namespace tensorgate::internal {

/// The storages of a file as one-dimensional tensors without names, in the order of
/// torch::File::storage, whatever tensors they hold, for code that creates the views itself. A file
/// that is not a PyTorch checkpoint is refused with its own report, or by a rule `use/...` if it is
/// accepted.
std::expected<Checkpoint, Report> OpenStorages(const std::string& path,
                                               const CheckOptions& options = {});
/// Caller-owned memory, which must outlive the checkpoint and must not change.
std::expected<Checkpoint, Report> OpenStorages(std::span<const std::byte> bytes,
                                               const CheckOptions& options = {});

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_TORCH_STORAGES_H_
