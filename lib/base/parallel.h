// Work in numbered pieces, shared out among threads.
#ifndef TENSORGATE_BASE_PARALLEL_H_
#define TENSORGATE_BASE_PARALLEL_H_

#include <cstdint>
#include <functional>

#include "tensorgate/checkpoint.h"
#include "tensorgate/status.h"

namespace tensorgate::internal {

/// Does the piece of that number; returns how many bytes came. May throw.
using Piece = std::function<Result<std::uint64_t>(std::uint64_t number)>;

/// Does the pieces 0 … `count` - 1, in this order where one thread does them, and `all` bytes
/// together. After a failure or a cancellation no new piece is begun; of several failures the one
/// of the lowest number is told. `alone`: on the caller's thread only. Never throws.
Result<void> RunPieces(std::uint64_t count, std::uint64_t all, bool alone,
                       const LoadOptions& options, const Piece& piece);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_PARALLEL_H_
