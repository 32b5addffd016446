// Reads many ranges and selections at once.
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

/// Collects the ranges and selections to read, then reads them: in parallel if worthwhile, and
/// large ranges in blocks. All functions may throw std::bad_alloc.
class Transfer {
 public:
  Transfer(const CheckpointData& data, const LoadOptions& options);

  /// `into` receives the bytes of the part's file from `offset` on.
  void AddRange(std::size_t part, std::uint64_t offset, std::span<std::byte> into);
  /// `into` must have the selection's size.
  void AddSelection(std::size_t part, Selection selection, std::span<std::byte> into);
  /// A whole tensor, in C order; `into` must have its size.
  Result<void> AddTensor(const TensorRef& tensor, std::span<std::byte> into);

  /// Reads everything, then checks that no file that was read has changed. Call once.
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
    std::uint64_t first;  // number of its first piece, or of the next task's if it has none
  };
  // Tasks that are read together.
  struct Together {
    std::size_t part;
    Sweep sweep;
    std::uint64_t first;  // number of its first block
  };
  // Windows for the threads that need one, which are reused.
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
  // Group of each task that is read together with others; 0: none
  std::vector<std::uint32_t> groups_;
  std::vector<Together> together_;
  std::uint64_t task_pieces_ = 0, sweep_blocks_ = 0;
  std::vector<std::size_t> parts_;
  std::uint64_t total_ = 0;
  std::uint64_t window_ = 0;
  bool single_threaded_ = false;
  Windows windows_;
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_TRANSFER_H_
