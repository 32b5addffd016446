// Writes one file's bytes into a sink: head, then each tensor's data from wherever they come.
#ifndef TENSORGATE_OPS_WRITE_H_
#define TENSORGATE_OPS_WRITE_H_

#include <cstdint>
#include <span>

#include "lib/ops/sink.h"
#include "lib/safetensors/layout.h"
#include "tensorgate/save.h"

namespace tensorgate::internal {

/// What progress and cancellation know of a saving.
class Meter {
 public:
  Meter(const SaveOptions& options, std::uint64_t all) : options_(&options), all_(all) {}
  /// So many bytes more are written.
  Result<void> Add(std::uint64_t count);

 private:
  const SaveOptions* options_;
  std::uint64_t all_, done_ = 0;
};

/// A tensor of one file.
struct Piece {
  const TensorData* tensor;
  std::uint64_t bytes;
  std::uint32_t number;  ///< As the caller counts, for errors.
};

/// `pieces` in the order of the data. Data that are pushed are left out. May throw what callbacks and sources throw.
Result<void> WriteFile(std::string_view head, std::span<const Piece> pieces, Sink& sink,
                       Meter& meter);

/// The sources of `pieces` say that their bytes did not change.
Result<void> CheckSources(std::span<const TensorData> tensors);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_OPS_WRITE_H_
