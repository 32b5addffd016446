// Writes safetensors files: whole or not at all, and never a file that this library would refuse.
//
//   std::vector<float> weight(1000), bias(10);
//   const std::vector<tensorgate::TensorData> tensors = {
//       {.name = "weight", .dtype = tensorgate::DType::kF32, .shape = {10, 100},
//        .data = std::as_bytes(std::span(weight))},
//       {.name = "bias", .dtype = tensorgate::DType::kF32, .shape = {10},
//        .data = std::as_bytes(std::span(bias))}};
//   tensorgate::SaveOptions options;
//   options.metadata = tensorgate::Metadata{{"format", "pt"}};
//   auto saved = tensorgate::Save("model.safetensors", tensors, options);
//   if (!saved) std::puts(tensorgate::Info(saved.error().rule).id.data());
//
// The same input gives the same bytes, and they are the bytes that the format's reference writes
// for the same metadata in the same order: tensors by dtype (U64 first, BOOL last), then by name;
// compact JSON, padded with spaces to a multiple of 8. Data are little-endian, in C order; dtypes
// below 8 bits are packed. The strict profile and the reference accept every file that is written.
//
// A file appears under its name at the end, in one step. Until then, and after any error, signal or
// crash, whatever had that name is unchanged. A file may be replaced while it is being read or
// mapped, by this or another process: readers keep the old one. A symbolic link is replaced by the
// file; its target is not touched. The new file has the mode of the file it replaces (and its
// owner, if the system allows it), or the default mode of new files. If the system has unnamed
// files (Linux, most file systems), even SIGKILL leaves no file; otherwise it can leave a
// file named `.NAME.tensorgate-partial-` and 16 hexadecimal digits, which may be deleted.
//
// Errors: `save/...` if the arguments are invalid or the system refuses, where Status::found is the
// index of the tensor or metadata entry concerned, counted from 0 in the order given; `io/...` for
// sources; and whatever a callback returned. Calls throw only where stated.
#ifndef TENSORGATE_SAVE_H_
#define TENSORGATE_SAVE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tensorgate/dtype.h"
#include "tensorgate/export.h"
#include "tensorgate/source.h"
#include "tensorgate/status.h"

namespace tensorgate {

/// Puts bytes [offset, offset + into.size()) of one tensor into `into`, all of them. Called in
/// ascending order without gaps.
using DataCallback = std::function<Result<void>(std::uint64_t offset, std::span<std::byte> into)>;

/// The tensor's bytes are in another file, starting at `offset`. If both are files and the bytes
/// keep their offset within a page, the kernel copies them and shares the blocks if the file system
/// can. Afterwards the source is asked whether it changed.
struct SourceData {
  Source* source = nullptr;
  std::uint64_t offset = 0;
};

/// The bytes are passed to Writer::Write.
struct PushedData {};

/// A tensor to be written. Memory, callback and source must remain valid until the file is
/// finished.
struct TensorData {
  std::string name;  ///< UTF-8, anything but `__metadata__`.
  DType dtype = DType::kU8;
  std::vector<std::uint64_t> shape;  ///< Dimensions; empty: a scalar.
  std::variant<std::span<const std::byte>, DataCallback, SourceData, PushedData> data;
};

enum class TensorOrder : std::uint8_t {
  /// By dtype, then by name, like the format's reference. Every tensor is aligned to its element
  /// size.
  kReference,
  kAsGiven,
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

struct SaveOptions {
  /// `__metadata__`, in this order; keys must be unique. Not set: the file has no metadata (an
  /// empty list is written as an empty object).
  std::optional<Metadata> metadata;
  /// The data start at a multiple of this, which must be a power of two from 8 to 1 MiB. To achieve
  /// that, the header is padded with spaces, which every reader skips. Data may not have gaps, so
  /// single tensors get this guarantee: with a value above 8 and TensorOrder::kReference, tensors
  /// whose sizes are multiples of `alignment` come first, then those with multiples of half of it,
  /// and so on (in the reference's order among equals). Every tensor therefore starts at a multiple
  /// of `alignment`, or of the largest power of two that divides its size, whichever is smaller.
  std::uint64_t alignment = 8;
  TensorOrder order = TensorOrder::kReference;
  /// Wait until data and name have reached the disk (fsync). Without it, all processes see the
  /// complete file, but a power failure may lose it.
  bool sync = true;
  /// 0: one file. Otherwise shards of at most this many bytes of tensors, filled in the order given
  /// as huggingface_hub does; a larger tensor gets a shard of its own. For the path
  /// `model.safetensors` the shards are `model-00001-of-0000N.safetensors`, with
  /// `model.safetensors.index.json` next to them; a single shard is `model.safetensors` without an
  /// index. A previous checkpoint of that name is replaced: after the new one is in place, the old
  /// index, shards or single file that are not part of it are removed. Shards appear one by one,
  /// the index last.
  std::uint64_t max_shard_bytes = 0;
  /// Cancels with `use/cancelled` once it is true; any thread may set it.
  const std::atomic<bool>* cancel = nullptr;
  /// Progress callback: bytes written so far, total bytes. Returning false cancels with
  /// `use/cancelled`.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
};

/// Writes a file tensor by tensor. Tensors may have any size: it keeps names and shapes, and one
/// block of data. Not thread-safe: use it from one thread at a time.
class TENSORGATE_API Writer {
 public:
  /// Opens the folder. Nothing is created before Finish or the first Write.
  static Result<Writer> Create(const std::string& path, SaveOptions options = {});
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  /// Unless Finish succeeded, nothing is left on disk.
  ~Writer();

  /// Adds a tensor. Duplicate names are reported once all tensors are known.
  Result<void> Add(const TensorData& tensor);
  Result<void> Add(TensorData&& tensor);
  /// Writes the next bytes of a tensor that was added with PushedData; tensors may be interleaved.
  /// No tensor can be added after the first Write. After a file error the writer is dead: every
  /// later call fails.
  Result<void> Write(std::string_view name, std::span<const std::byte> bytes);
  /// Writes everything that is still missing and puts the file in place.
  Result<void> Finish();

 private:
  struct TENSORGATE_LOCAL State;
  explicit Writer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Create, Add and Finish in one.
TENSORGATE_API Result<void> Save(const std::string& path, std::span<const TensorData> tensors,
                                 const SaveOptions& options = {});

/// One file of a sharded checkpoint: its tensors and its own metadata.
struct ShardData {
  /// Path relative to the folder, with '/' between its parts; no part is "", "." or "..".
  std::string name;
  std::vector<TensorData> tensors;
  std::optional<Metadata> metadata;
};

/// Writes the given shards into `folder`, and an index over them named `index` (""; no index). The
/// folder and the shards' subfolders are created if they do not exist. All shards are written
/// before the first one appears; then they appear one by one, the index last. Other files in the
/// folder are left as they are. `options.metadata` and `options.max_shard_bytes` are ignored;
/// PushedData is refused. Status::found counts the tensors of all shards.
TENSORGATE_API Result<void> SaveShards(const std::string& folder, const std::string& index,
                                       std::span<const ShardData> shards,
                                       const SaveOptions& options = {});

/// How `max_shard_bytes` groups tensors of the given sizes in bytes: their indices, shard by shard,
/// in the order given. A shard is closed when the next tensor would make it larger than
/// `max_shard_bytes`; a tensor that is larger by itself gets a shard of its own, before the shard
/// that is still open. Without tensors: one empty shard. Throws std::bad_alloc.
TENSORGATE_API std::vector<std::vector<std::uint32_t>> SplitIntoShards(
    std::span<const std::uint64_t> bytes, std::uint64_t max_shard_bytes);

/// Names of the files of a sharded checkpoint, derived from the name of a single file. Its members
/// throw std::bad_alloc.
class TENSORGATE_API ShardNames {
 public:
  /// `name` must end in ".safetensors".
  explicit ShardNames(std::string_view name);
  static bool Fits(std::string_view name) { return name.ends_with(kSuffix); }

  /// "model-00002-of-00003.safetensors" for number 1 (counted from 0) and count 3.
  std::string Shard(std::size_t number, std::size_t count) const;
  /// "model.safetensors.index.json"
  std::string Index() const { return stem_ + std::string(kSuffix) + ".index.json"; }
  /// True if `name` is the name of a shard, whatever its numbers.
  bool IsShard(std::string_view name) const;

 private:
  static constexpr std::string_view kSuffix = ".safetensors";
  std::string stem_;
};

/// The tensor's size in bytes, by its dtype and shape. Fails if it cannot be written:
/// `save/shape-overflow` (even if a dimension of 0 makes the product 0), `save/sub-byte-row`.
TENSORGATE_API Result<std::uint64_t> DataBytes(const TensorData& tensor);

/// The file's bytes in memory. `sync` and `max_shard_bytes` are ignored; PushedData is refused.
TENSORGATE_API Result<std::vector<std::byte>> Serialize(std::span<const TensorData> tensors,
                                                        const SaveOptions& options = {});
/// Size in bytes of what Serialize would return.
TENSORGATE_API Result<std::uint64_t> SerializedSize(std::span<const TensorData> tensors,
                                                    const SaveOptions& options = {});
/// Writes to caller-owned memory, which must have exactly that size (`save/wrong-size`); after an
/// error its contents are unspecified.
TENSORGATE_API Result<void> SerializeInto(std::span<const TensorData> tensors,
                                          std::span<std::byte> into,
                                          const SaveOptions& options = {});

}  // namespace tensorgate

#endif  // TENSORGATE_SAVE_H_
