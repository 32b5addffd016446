// A model's tensors, proven and ready to be read: one file, or many files as one.
//
//   auto checkpoint = tensorgate::Checkpoint::OpenPath("model.safetensors");
//   if (!checkpoint) return;  // checkpoint.error() is the report
//   for (const tensorgate::TensorRef& tensor : checkpoint->tensors()) std::puts(std::string(tensor.name).c_str());
//   if (auto index = checkpoint->Find("lm_head.weight")) {
//     tensorgate::Result<tensorgate::Buffer> data = checkpoint->Read(*index);
//     if (!data) std::puts(tensorgate::Message(data.error()).c_str());
//   }
//   tensorgate::Result<tensorgate::Loaded> all = checkpoint->LoadAll();  // in parallel
//
// A file is safetensors or a checkpoint of PyTorch's (torch.h), which its content decides as in a scan.
// Of the latter, tensors are named by their paths (`model.layers.0.weight`), may have strides and share
// bytes; all are read in C order. One whose dtype safetensors lacks keeps it from opening
// (`use/no-dtype`). Anything else is refused by the report that a scan gives, such as `unsupported`; an accepted file
// without tensors, such as a pickle of plain values, by `use/no-tensors`.
//
// Guarantees: a `Checkpoint` exists only if every check of the strict profile passed. Opening reads
// the header alone, a tensor's bytes are read when they are asked for. Each call that reads delivers
// everything or an error; after an error the bytes in the caller's buffer have no value.
//
// A file that others change: the checked header is in memory of our own and cannot change. After
// every read the file's size, times and identity are compared with those at opening; if they differ,
// the call fails (`io/changed`, or `io/short-read` if it was cut), so bytes written before or while
// they were read are not passed on, as far as the file's times tell: a writer within the same tick of
// the clock, or one that goes by a mapping, need not be seen. `Map` is another matter, see there.
//
// Lifetime: names and `TensorRef`s are views into the checkpoint and die with it; moving it keeps
// them. Threads: a const `Checkpoint` may be used by many; a source that is not concurrent is read by
// one of them at a time. No call throws; running out of memory is `io/out-of-memory`. On a big-endian
// machine nothing opens (`use/big-endian`).
#ifndef TENSORGATE_CHECKPOINT_H_
#define TENSORGATE_CHECKPOINT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/buffer.h"
#include "tensorgate/export.h"
#include "tensorgate/limits.h"
#include "tensorgate/mapping.h"
#include "tensorgate/model_file.h"
#include "tensorgate/report.h"
#include "tensorgate/slice.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"
#include "tensorgate/tensor.h"
#include "tensorgate/tensor_range.h"

namespace tensorgate {

namespace internal {
struct CheckpointData;
}  // namespace internal

/// How tensors are read; the defaults suit files on disk.
struct LoadOptions {
  /// How many may read at once, the caller's thread among them. 0: as many as there are processors,
  /// 16 at most. Small amounts are read by the caller's alone, and so is a source that is not
  /// concurrent.
  unsigned threads = 0;
  /// Bytes that one thread reads in one go; progress and cancellation come between.
  std::size_t block = std::size_t{8} << 20;
  /// Called on the caller's thread after its own blocks and at the end: bytes so far, and in all.
  /// False cancels (`use/cancelled`), unless all have come. What it throws cancels, too.
  std::function<bool(std::uint64_t done, std::uint64_t all)> progress;
  /// Tensors of a PyTorch checkpoint can share bytes of their file, or repeat them (`expand`): a few
  /// bytes can claim terabytes. One call gives at most four times the bytes of the file and so many
  /// more; it fails with `use/expands` before it allocates or reads anything.
  std::uint64_t repeated_bytes = std::uint64_t{64} << 20;
  /// Cancels once it is true; may be set by any thread.
  const std::atomic<bool>* cancel = nullptr;
};

/// Where a tensor shall go: as many bytes as the tensor has.
struct Destination {
  std::size_t index = 0;
  std::span<std::byte> into;
};

/// Tensors in one block of memory.
class Loaded {
 public:
  std::size_t size() const { return tensors_.size(); }
  /// The bytes of the `i`-th of those that were asked for; aligned for its dtype. The same tensor
  /// asked for twice is there once. `i` must be below size().
  std::span<std::byte> bytes(std::size_t i) { return tensors_[i]; }
  std::span<const std::byte> bytes(std::size_t i) const { return tensors_[i]; }
  /// All of it, gaps of less than a page included.
  const Buffer& buffer() const { return buffer_; }

 private:
  friend class Checkpoint;
  Buffer buffer_;
  std::vector<std::span<std::byte>> tensors_;
};

/// A part of a tensor, in C order.
struct Slice {
  std::vector<std::uint64_t> shape;
  Buffer buffer;
};

/// One file of a checkpoint.
struct Part {
  std::string_view path;            ///< As it was opened; empty for a descriptor or a source.
  std::uint64_t size = 0;           ///< Of the file.
  const Report* report = nullptr;   ///< Accepted; its warnings and notes.
  const ModelFile* file = nullptr;  ///< What is proven; `file->As<safetensors::File>()`.
  Source* source = nullptr;         ///< Where its bytes come from: `descriptor()`, `memory()`.
};

class TENSORGATE_API Checkpoint {
 public:
  /// One file; or, by its index or the folder that holds it (see shards.h), all shards of
  /// a checkpoint as one: each is opened once and held, so that a thousand of them need a thousand
  /// descriptors (where the system gives no more, `checkpoint/shard-undecided`). Checks by the strict
  /// profile whatever `options.profile` says.
  static std::expected<Checkpoint, Report> OpenPath(const std::string& path,
                                                    const CheckOptions& options = {});
  /// By a duplicate of the descriptor: the caller's may be closed; its file offset is not used.
  static std::expected<Checkpoint, Report> OpenDescriptor(int descriptor,
                                                          const CheckOptions& options = {});
  /// Memory of the caller's, which must outlive the checkpoint and not change.
  static std::expected<Checkpoint, Report> OpenBytes(std::span<const std::byte> bytes,
                                                     const CheckOptions& options = {});
  static std::expected<Checkpoint, Report> Open(std::unique_ptr<Source> source,
                                                const CheckOptions& options = {});

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  /// Tensors of all parts; those of one part in the order of their data.
  std::size_t tensor_count() const;
  /// All of them as `TensorRef`s, in that order.
  auto tensors() const {
    return TensorRange<Checkpoint, &Checkpoint::TensorAt>(*this, tensor_count());
  }
  /// `index` must be below tensor_count(); a larger one ends the program.
  std::string_view name(std::size_t index) const;
  /// `use/no-such-tensor` if `index` is not below tensor_count().
  Result<TensorRef> tensor(std::size_t index) const;
  std::optional<std::size_t> Find(std::string_view name) const;

  /// Of the file, the index or the folder as it was opened; empty for a descriptor or a source.
  std::string_view path() const;

  /// Of the first part.
  std::size_t metadata_count() const;
  /// `index` must be below metadata_count(); a larger one ends the program.
  MetadataEntry metadata(std::size_t index) const;
  std::optional<MetadataValue> FindMetadata(std::string_view key) const;

  /// At least one; shards are in the order of their names.
  std::size_t part_count() const;
  /// `index` must be below part_count(); a larger one ends the program.
  Part part(std::size_t index) const;
  const Report& report() const;

  /// Fills `into`, which must have the tensor's number of bytes (`use/wrong-size`).
  Result<void> ReadInto(std::size_t index, std::span<std::byte> into,
                        const LoadOptions& options = {}) const;
  /// The same into memory of its own.
  Result<Buffer> Read(std::size_t index, const LoadOptions& options = {}) const;
  /// Bytes of a part as they stand in its file.
  Result<void> ReadRange(std::size_t part, std::uint64_t offset, std::span<std::byte> into,
                         const LoadOptions& options = {}) const;

  /// What `subscripts` choose of a tensor, and what reading it costs.
  Result<SlicePlan> PlanSlice(std::size_t index, std::span<const Subscript> subscripts) const;
  /// Fills `into`, which must have the slice's number of bytes (`SlicePlan::bytes`).
  Result<void> ReadSliceInto(std::size_t index, std::span<const Subscript> subscripts,
                             std::span<std::byte> into, const LoadOptions& options = {}) const;
  Result<Slice> ReadSlice(std::size_t index, std::span<const Subscript> subscripts,
                          const LoadOptions& options = {}) const;

  /// Many tensors into one block that is laid out as the files are, so that neighbours come in one
  /// go. Memory: the tensors', and less than a page for each group of neighbours.
  Result<Loaded> Load(std::span<const std::size_t> which, const LoadOptions& options = {}) const;
  Result<Loaded> LoadAll(const LoadOptions& options = {}) const;
  /// Many tensors, each into memory of the caller's, which must not overlap.
  Result<void> LoadInto(std::span<const Destination> into, const LoadOptions& options = {}) const;

  /// A part's file through a private mapping: nothing is read yet. Its risk is told in mapping.h.
  /// Fails with `use/not-mappable` where the source is no file and not memory.
  Result<Mapping> Map(std::size_t part, const MapOptions& options = {}) const;

  /// `io/changed` if a file of it is known to have changed since it was opened.
  Result<void> CheckUnchanged() const;

 private:
  friend struct internal::CheckpointData;
  TensorRef TensorAt(std::size_t index) const;
  explicit Checkpoint(std::unique_ptr<const internal::CheckpointData> data);
  std::unique_ptr<const internal::CheckpointData> data_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_CHECKPOINT_H_
