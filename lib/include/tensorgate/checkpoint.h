// A model's tensors, verified and ready to be read, from one file or from many files as one.
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
// A file is either safetensors or a PyTorch checkpoint (torch.h); its content decides, as in a
// scan. Tensors of a PyTorch checkpoint are named by their paths (`model.layers.0.weight`) and may
// have strides and share bytes; all are read in C order. A checkpoint with a tensor whose dtype
// safetensors lacks does not open (`use/no-dtype`). Any other file fails with the report that a
// scan would give, such as `unsupported`. An accepted file without tensors, such as a pickle of
// plain values, fails with `use/no-tensors`.
//
// Guarantees: a `Checkpoint` exists only if every check of the strict profile passed. Opening reads
// only the header; a tensor's bytes are read when they are requested. Each call that reads delivers
// everything or an error; after an error the contents of the caller's buffer are unspecified.
//
// If other processes change the file: the checked header is in private memory and cannot change.
// After every read, the file's size, timestamps and identity are compared with those at opening. If
// they differ, the call fails (`io/changed`, or `io/short-read` if the file was truncated), so
// bytes written before or during the read are not passed on, as far as the file's timestamps can
// show: a write within the same clock tick, or through a mapping, may go unnoticed. `Map` gives
// none of these guarantees, see below.
//
// Lifetime: names and `TensorRef`s are views into the checkpoint and are valid as long as it is;
// moving the checkpoint keeps them valid. Threads: a const `Checkpoint` may be used by many
// threads; a source that is not concurrent is read by one of them at a time. No call throws;
// running out of memory is `io/out-of-memory`. On a big-endian machine nothing opens
// (`use/big-endian`).
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
  /// Number of threads that may read at once, including the caller's. 0: one for each processor, up
  /// to 16. Small amounts, and sources that are not concurrent, are read by the caller's thread
  /// only.
  unsigned threads = 0;
  /// Bytes that one thread reads at a time; progress and cancellation are handled between blocks.
  std::size_t block = std::size_t{8} << 20;
  /// Progress callback, called on the caller's thread after each of its blocks and at the end:
  /// bytes read so far, total bytes. Returning false cancels with `use/cancelled`, unless
  /// everything has been read. An exception cancels, too.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
  /// Tensors of a PyTorch checkpoint can share or repeat (`expand`) bytes of their file: a few
  /// bytes can claim terabytes. One call returns at most `4 * file size + repeated_bytes` bytes; a
  /// larger request fails with `use/expands` before anything is allocated or read.
  std::uint64_t repeated_bytes = std::uint64_t{64} << 20;
  /// Cancels once it is true; any thread may set it.
  const std::atomic<bool>* cancel = nullptr;
};

/// Destination of one tensor; `into` must have exactly the tensor's size in bytes.
struct Destination {
  std::size_t index = 0;
  std::span<std::byte> into;
};

/// Tensors in one block of memory.
class Loaded {
 public:
  std::size_t size() const { return tensors_.size(); }
  /// The bytes of the `i`-th requested tensor, aligned for its dtype. A tensor requested twice is
  /// stored once. Requires `i < size()`.
  std::span<std::byte> bytes(std::size_t i) { return tensors_[i]; }
  std::span<const std::byte> bytes(std::size_t i) const { return tensors_[i]; }
  /// The whole block, including gaps of less than a page.
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
  /// The path as it was opened; empty for a descriptor or a source.
  std::string_view path;
  /// Size of the file in bytes.
  std::uint64_t size = 0;
  /// Accepted; holds the file's warnings and notes.
  const Report* report = nullptr;
  /// The verified contents; `file->As<safetensors::File>()` gives the format's own class.
  const ModelFile* file = nullptr;
  /// The source of its bytes: `descriptor()`, `memory()`.
  Source* source = nullptr;
};

class TENSORGATE_API Checkpoint {
 public:
  /// Opens one file, or all shards of a checkpoint as one, given its index or the folder that
  /// contains it (see shards.h). Each shard is opened once and kept open, so a thousand shards need
  /// a thousand descriptors; if the system has none left, opening fails with
  /// `checkpoint/shard-undecided`. Always checks by the strict profile, whatever `options.profile`
  /// is.
  static std::expected<Checkpoint, Report> OpenPath(const std::string& path,
                                                    const CheckOptions& options = {});
  /// Uses a duplicate of the descriptor: the caller may close the original. Its file offset is
  /// neither used nor changed.
  static std::expected<Checkpoint, Report> OpenDescriptor(int descriptor,
                                                          const CheckOptions& options = {});
  /// Caller-owned memory, which must outlive the checkpoint and must not change.
  static std::expected<Checkpoint, Report> OpenBytes(std::span<const std::byte> bytes,
                                                     const CheckOptions& options = {});
  static std::expected<Checkpoint, Report> Open(std::unique_ptr<Source> source,
                                                const CheckOptions& options = {});

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  /// Number of tensors in all parts. Tensors are ordered by part, then by the position of their
  /// data.
  std::size_t tensor_count() const;
  /// All tensors as `TensorRef`s, in that order.
  auto tensors() const {
    return TensorRange<Checkpoint, &Checkpoint::TensorAt>(*this, tensor_count());
  }
  /// Requires `index < tensor_count()`; aborts otherwise.
  std::string_view name(std::size_t index) const;
  /// Fails with `use/no-such-tensor` if `index` is not below tensor_count().
  Result<TensorRef> tensor(std::size_t index) const;
  std::optional<std::size_t> Find(std::string_view name) const;

  /// Path of the file, index or folder as it was opened; empty for a descriptor or a source.
  std::string_view path() const;

  /// Metadata of the first part.
  std::size_t metadata_count() const;
  /// Requires `index < metadata_count()`; aborts otherwise.
  MetadataEntry metadata(std::size_t index) const;
  std::optional<MetadataValue> FindMetadata(std::string_view key) const;

  /// At least one; shards are in the order of their names.
  std::size_t part_count() const;
  /// Requires `index < part_count()`; aborts otherwise.
  Part part(std::size_t index) const;
  const Report& report() const;

  /// Fills `into`, whose size must be the tensor's size in bytes (otherwise `use/wrong-size`).
  Result<void> ReadInto(std::size_t index, std::span<std::byte> into,
                        const LoadOptions& options = {}) const;
  /// Reads into a new buffer.
  Result<Buffer> Read(std::size_t index, const LoadOptions& options = {}) const;
  /// Reads bytes of one part as they are in its file, from `offset` on.
  Result<void> ReadRange(std::size_t part, std::uint64_t offset, std::span<std::byte> into,
                         const LoadOptions& options = {}) const;

  /// The part of a tensor that `subscripts` select, and the cost of reading it.
  Result<SlicePlan> PlanSlice(std::size_t index, std::span<const Subscript> subscripts) const;
  /// Fills `into`, whose size must be `SlicePlan::bytes`.
  Result<void> ReadSliceInto(std::size_t index, std::span<const Subscript> subscripts,
                             std::span<std::byte> into, const LoadOptions& options = {}) const;
  Result<Slice> ReadSlice(std::size_t index, std::span<const Subscript> subscripts,
                          const LoadOptions& options = {}) const;

  /// Reads many tensors into one block arranged like the files, so that neighboring tensors are
  /// read together. Needs memory for the tensors, and less than a page for each group of neighbors.
  Result<Loaded> Load(std::span<const std::size_t> which, const LoadOptions& options = {}) const;
  Result<Loaded> LoadAll(const LoadOptions& options = {}) const;
  /// Reads many tensors, each into caller-owned memory. The destinations must not overlap.
  Result<void> LoadInto(std::span<const Destination> into, const LoadOptions& options = {}) const;

  /// Maps a part's file privately; nothing is read yet. mapping.h describes the risks. Fails with
  /// `use/not-mappable` if the source is neither a file nor memory.
  Result<Mapping> Map(std::size_t part, const MapOptions& options = {}) const;

  /// Fails with `io/changed` if a file of the checkpoint is known to have changed since it was
  /// opened.
  Result<void> CheckUnchanged() const;

 private:
  friend struct internal::CheckpointData;
  TensorRef TensorAt(std::size_t index) const;
  explicit Checkpoint(std::unique_ptr<const internal::CheckpointData> data);
  std::unique_ptr<const internal::CheckpointData> data_;
};

}  // namespace tensorgate

#endif  // TENSORGATE_CHECKPOINT_H_
