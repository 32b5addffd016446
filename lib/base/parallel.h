// Work in numbered pieces, distributed among threads.
#ifndef TENSORGATE_BASE_PARALLEL_H_
#define TENSORGATE_BASE_PARALLEL_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "tensorgate/status.h"

namespace tensorgate::internal {

/// As in LoadOptions, which explains each of them.
struct ParallelOptions {
  unsigned threads = 0;
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress = {};
  const std::atomic<bool>* cancel = nullptr;
};

/// Processes the piece with this number; returns the number of bytes it read. May throw.
using ReadPiece = std::function<Result<std::uint64_t>(std::uint64_t number)>;

/// Processes the pieces 0 … `count` - 1, in this order if there is only one thread; together they
/// have `total` bytes. After a failure or a cancellation no new piece is started; if several pieces
/// fail, the lowest number is reported. `single_threaded`: only on the caller's thread. Never
/// throws.
Result<void> RunPieces(std::uint64_t count, std::uint64_t total, bool single_threaded,
                       const ParallelOptions& options, const ReadPiece& piece);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_PARALLEL_H_
