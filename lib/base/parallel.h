// Work in numbered pieces, shared out among threads.
#ifndef TENSORGATE_BASE_PARALLEL_H_
#define TENSORGATE_BASE_PARALLEL_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "tensorgate/status.h"

namespace tensorgate::internal {

/// As in LoadOptions, where each is explained.
struct ParallelOptions {
  unsigned threads = 0;
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress = {};
  const std::atomic<bool>* cancel = nullptr;
};

/// Does the piece of that number; returns how many bytes came. May throw.
using ReadPiece = std::function<Result<std::uint64_t>(std::uint64_t number)>;

/// Does the pieces 0 … `count` - 1, in this order where one thread does them, and `total`
/// bytes together. After a failure or a cancellation no new piece is begun; of several failures the one
/// of the lowest number is reported. `single_threaded`: on the caller's thread only. Never throws.
Result<void> RunPieces(std::uint64_t count, std::uint64_t total, bool single_threaded,
                       const ParallelOptions& options, const ReadPiece& piece);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_PARALLEL_H_
