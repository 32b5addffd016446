#include "lib/ops/jobs.h"

#include <algorithm>

#include "lib/base/bytes.h"
#include "lib/ops/parallel.h"

namespace tensorgate::internal {
namespace {

constexpr std::size_t kSmallestBlock = 4096;

// Cuts at multiples of the block in memory: two threads never touch the same huge page first.
void AppendBlocks(std::vector<Job>& blocks, Job job, std::size_t block) {
  while (!job.into.empty()) {
    const std::size_t at = static_cast<std::size_t>(AddressOf(job.into) % block);
    const std::size_t count = std::min(job.into.size(), block - at);
    blocks.push_back({job.part, job.offset, job.into.first(count)});
    job.offset += count;
    job.into = job.into.subspan(count);
  }
}

}  // namespace

Result<void> ReadJobs(const CheckpointData& data, std::span<const Job> jobs,
                      const LoadOptions& options) {
  const std::size_t block = std::max(options.block, kSmallestBlock);
  std::vector<Job> blocks;
  std::vector<std::size_t> parts;
  std::uint64_t all = 0;
  bool alone = false;
  for (const Job& job : jobs) {
    if (job.into.empty()) continue;
    AppendBlocks(blocks, job, block);
    all += job.into.size();
    alone |= !data.parts[job.part].source->concurrent();
    if (parts.empty() || parts.back() != job.part) parts.push_back(job.part);
  }
  const Result<void> read = RunPieces(
      blocks.size(), all, alone, options, [&](std::uint64_t number) -> Result<std::uint64_t> {
        const Job& job = blocks[static_cast<std::size_t>(number)];
        const Result<void> came = data.parts[job.part].Read(job.offset, job.into);
        if (!came) return std::unexpected(came.error());
        return job.into.size();
      });
  if (!read) return read;
  return CheckUnchanged(data, std::move(parts));
}

Result<void> CheckUnchanged(const CheckpointData& data, std::vector<std::size_t> parts) {
  std::ranges::sort(parts);
  const auto repeated = std::ranges::unique(parts);
  parts.erase(repeated.begin(), repeated.end());
  for (const std::size_t part : parts) {
    if (const Result<void> unchanged = data.parts[part].Unchanged(); !unchanged) return unchanged;
  }
  return {};
}

}  // namespace tensorgate::internal
