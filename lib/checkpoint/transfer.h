// Reading of many ranges and selections at once.
#ifndef TENSORGATE_CHECKPOINT_TRANSFER_H_
#define TENSORGATE_CHECKPOINT_TRANSFER_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "lib/base/pod_buffer.h"
#include "lib/checkpoint/checkpoint_data.h"
#include "lib/checkpoint/sweep.h"
#include "lib/tensor/gather.h"

namespace tensorgate::internal {

/// Collects what shall be read, then reads it: in parallel where that pays, large ranges in blocks.
/// All may throw std::bad_alloc.
class Transfer {
 public:
  Transfer(const CheckpointData& data, const LoadOptions& options);

  /// `into` gets the bytes of the part's file from `offset` on.
  void AddRange(std::size_t part, std::uint64_t offset, std::span<std::byte> into);
  /// `into` has the selection's number of bytes.
  void AddSelection(std::size_t part, Selection selection, std::span<std::byte> into);
  /// A whole tensor, in C order; `into` has its number of bytes.
  Result<void> AddTensor(const TensorRef& tensor, std::span<std::byte> into);

  /// Reads all of it. Afterwards no file that was read may have changed. Call once.
  Result<void> Run();

 private:
  struct Block {
    std::size_t part;
    std::uint64_t offset;
    std::span<std::byte> into;
  };
  struct Task {
    std::size_t part;
    Gather gather;
    std::span<std::byte> into;
    std::uint64_t first;  // number of its first piece, or of what follows if it has none of its own
  };
  // Tasks that are read together.
  struct Together {
    std::size_t part;
    Sweep sweep;
    std::uint64_t first;  // number of its first block
  };
  // A window for each thread that needs one, used again and again.
  class Windows {
   public:
    Result<Buffer> Take(std::uint64_t size);
    void Give(Buffer window);

   private:
    std::mutex mutex_;
    std::vector<Buffer> free_;
  };

  void Touch(std::size_t part, std::uint64_t bytes);
  void ChooseSweeps();
  void NumberPieces();
  Result<std::uint64_t> Do(std::uint64_t number);
  Result<std::uint64_t> Do(const Task& task, std::uint64_t number);
  Result<std::uint64_t> Do(const Together& together, std::uint64_t number);
  template <typename TakeApart>
  Result<void> ReadWindow(std::size_t part, const ByteRange& range, const TakeApart& take_apart);
  Result<void> CheckUnchanged();

  const CheckpointData& data_;
  const LoadOptions& options_;
  const std::size_t block_;
  std::vector<Block> blocks_;
  std::vector<Task> tasks_;
  std::vector<std::uint32_t> groups_;  // of each task, those that are read together; 0: none
  std::vector<Together> together_;
  std::uint64_t task_pieces_ = 0, sweep_blocks_ = 0;
  std::vector<std::size_t> parts_;
  std::uint64_t total_ = 0;
  std::uint64_t window_ = 0;
  bool alone_ = false;
  Windows windows_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_TRANSFER_H_
