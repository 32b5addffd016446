// Reading of many ranges at once.
#ifndef TENSORGATE_OPS_JOBS_H_
#define TENSORGATE_OPS_JOBS_H_

#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "lib/ops/checkpoint_data.h"

namespace tensorgate::internal {

/// Bytes of a part's file, and where they go.
struct Job {
  std::size_t part = 0;
  std::uint64_t offset = 0;
  std::span<std::byte> into;
};

/// Reads them all, in parallel where that pays, large ones in blocks; afterwards no file may have
/// changed. Throws std::bad_alloc.
Result<void> ReadJobs(const CheckpointData& data, std::span<const Job> jobs,
                      const LoadOptions& options);

/// The parts of them, each once, are as they were when they were opened.
Result<void> CheckUnchanged(const CheckpointData& data, std::vector<std::size_t> parts);

/// What `body` returns; what it throws as a status.
template <typename Body>
auto Guarded(const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return std::unexpected(Status{.rule = Rule::kIoOutOfMemory});
  } catch (...) {
    return std::unexpected(Status{.rule = Rule::kIoReadFailed});
  }
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_OPS_JOBS_H_
