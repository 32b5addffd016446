#include "lib/checkpoint/tensor_stats.h"

#include <algorithm>
#include <cstdint>
#include <variant>

namespace tensorgate::internal {
namespace {

// What one thread reads before it takes the next piece. Sums are added piece by piece, in order, so
// that they do not depend on the threads.
constexpr std::uint64_t kPiece = kStatsUnit << 18;

struct Piece {
  std::size_t tensor;
  std::uint64_t offset, length;
  NumberStats stats;
};

Result<void> Run(std::vector<Piece>& pieces, std::span<const TensorData> tensors,
                 bool single_threaded, const ParallelOptions& options) {
  std::uint64_t total = 0;
  for (const Piece& piece : pieces) total += piece.length;
  return RunPieces(pieces.size(), total, single_threaded, options,
                   [&](std::uint64_t number) -> Result<std::uint64_t> {
                     Piece& piece = pieces[static_cast<std::size_t>(number)];
                     const TensorData& tensor = tensors[piece.tensor];
                     const auto& data = std::get<SourceData>(tensor.data);
                     piece.stats = TENSORGATE_TRY(ReadNumberStats(
                         *data.source, data.offset + piece.offset, piece.length, tensor.dtype));
                     return piece.length;
                   });
}

}  // namespace

Result<std::vector<NumberStats>> ReadTensorStats(std::span<const TensorData> tensors,
                                                 const ParallelOptions& options) {
  // Sources that are not concurrent are read from their first byte to their last.
  std::vector<Piece> parallel, in_turn;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto* data = std::get_if<SourceData>(&tensors[i].data);
    if (data == nullptr) {
      return std::unexpected(Status{.rule = Rule::kSaveMisuse, .found = i});
    }
    std::vector<Piece>& pieces = data->source->concurrent() ? parallel : in_turn;
    const std::uint64_t bytes = TENSORGATE_TRY(DataBytes(tensors[i]));
    for (std::uint64_t done = 0; done < bytes; done += kPiece) {
      pieces.push_back({i, done, std::min(kPiece, bytes - done), {}});
    }
  }
  TENSORGATE_TRY(Run(parallel, tensors, false, options));
  TENSORGATE_TRY(Run(in_turn, tensors, true, options));
  std::vector<NumberStats> stats(tensors.size());
  for (const std::vector<Piece>* pieces : {&parallel, &in_turn}) {
    for (const Piece& piece : *pieces) stats[piece.tensor].Add(piece.stats);
  }
  return stats;
}

}  // namespace tensorgate::internal
