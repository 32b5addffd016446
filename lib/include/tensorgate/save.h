// Writes safetensors files: whole or not at all, and never one that this library would refuse.
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
// The same input gives the same bytes, and they are those that the format's reference writes for the same metadata in the
// same order: tensors by dtype (U64 first, BOOL last), then by name; compact JSON; spaces up to a multiple of 8. Data are
// little-endian, in C order, dtypes below 8 bits packed. What is written is accepted by the strict profile and by the
// reference.
//
// A file appears under its name at the end, in one step; before that, and after any error, signal or crash, what stood there is
// as it was. A file that is being read or mapped, by this process or another, may be saved over: readers keep the old one.
// A symbolic link is replaced by the file; what it led to is not touched. The mode is that of the file replaced (also
// its owner, where the system allows) or, if there is none, an ordinary new file's. Where the system has nameless files
// (Linux, most file systems) even SIGKILL leaves nothing behind; elsewhere it can leave a file named
// `.NAME.tensorgate-partial-` and 16 hexadecimal digits, which may be removed.
//
// Errors: `save/...` for what the caller or the system refuses, where Status::found is the number of the tensor or metadata
// entry concerned, counted from 0 as given; `io/...` for sources; what a callback returned. Nothing throws.
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

/// Bytes [offset, offset + into.size()) of one tensor into `into`, all of them. Called in ascending order without gaps.
using DataCallback = std::function<Result<void>(std::uint64_t offset, std::span<std::byte> into)>;

/// The tensor's bytes in another file, from `offset` on. Where both are files and the bytes keep their place within
/// a page, the kernel copies them, and shares the blocks where the file system can. The source is asked whether it changed
/// meanwhile.
struct SourceData {
  Source* source = nullptr;
  std::uint64_t offset = 0;
};

/// The bytes are handed over by Writer::Write.
struct PushedData {};

/// A tensor to be written. Memory, callback and source must stay until the file is finished.
struct TensorData {
  std::string name;  ///< UTF-8, any but `__metadata__`.
  DType dtype = DType::kU8;
  std::vector<std::uint64_t> shape;  ///< In elements; empty: a scalar.
  std::variant<std::span<const std::byte>, DataCallback, SourceData, PushedData> data;
};

enum class TensorOrder : std::uint8_t {
  kReference,  ///< By dtype, then by name, as the format's reference. Every tensor is aligned to its element size.
  kAsGiven,
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

struct SaveOptions {
  /// `__metadata__`, in this order; keys must differ. None: the file has none (an empty list is written as one).
  std::optional<Metadata> metadata;
  /// Where the data begin: a multiple of this, a power of two from 8 to 1 MiB. The header is padded with spaces for
  /// it, which every reader skips. Data may not have gaps, so what is promised of the single tensors is this: with more
  /// than 8 and TensorOrder::kReference, those whose sizes are multiples of `alignment` come first, then those of half of
  /// it, and so on (among equals the reference's order); thus every tensor begins at a multiple of `alignment`, or of the
  /// largest power of two that divides its size, whichever is less.
  std::uint64_t alignment = 8;
  TensorOrder order = TensorOrder::kReference;
  /// Bytes and name have reached the disk when it succeeds (fsync). Without it the file is whole in the eyes of all processes,
  /// but a power cut may lose it.
  bool sync = true;
  /// 0: one file. Else shards of at most so many bytes of tensors, filled in the order given as huggingface_hub does; a
  /// larger tensor gets one of its own. For the path `model.safetensors` they are `model-00001-of-0000N.safetensors`, with
  /// `model.safetensors.index.json` beside them; one shard alone is `model.safetensors` without an index. The former
  /// checkpoint of that name is replaced: its index, its shards or its single file, none of which is part of the new
  /// one, are removed after the new one is in place. Shards appear one by one, the index last.
  std::uint64_t max_shard_bytes = 0;
  /// Set by another thread, it ends the saving as `use/cancelled`.
  const std::atomic<bool>* cancel = nullptr;
  /// Told of bytes written, of all of them; false ends the saving as `use/cancelled`.
  std::function<bool(std::uint64_t done, std::uint64_t all)> progress;
};

/// Tensor by tensor, of any size; keeps names and shapes, and one block of data. For one thread at a time.
class TENSORGATE_API Writer {
 public:
  /// Opens the folder. Nothing is created before Finish or the first Write.
  static Result<Writer> Create(const std::string& path, SaveOptions options = {});
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  /// Without a Finish that succeeded nothing is left.
  ~Writer();

  /// Adds a tensor. Duplicates are found when all are known.
  Result<void> Add(const TensorData& tensor);
  Result<void> Add(TensorData&& tensor);
  /// The next bytes of a tensor that was added with PushedData; tensors may take turns. The first Write ends the adding.
  /// After an error of the file nothing goes on.
  Result<void> Write(std::string_view name, std::span<const std::byte> bytes);
  /// Writes what is not written yet and puts the file in place.
  Result<void> Finish();

 private:
  struct TENSORGATE_LOCAL State;
  explicit Writer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Create, Add and Finish in one.
TENSORGATE_API Result<void> Save(const std::string& path, std::span<const TensorData> tensors,
                                 const SaveOptions& options = {});

/// One file of many: its tensors, and metadata of its own.
struct ShardData {
  std::string
      name;  ///< Below the folder, parts with '/' between, of which none is "", "." or "..".
  std::vector<TensorData> tensors;
  std::optional<Metadata> metadata;
};

/// Writes shards that are given, and the index of that name over them (""; none), into `folder`, which is made if it is not
/// there, as are folders of shards. All are written before the first appears; then they appear one by one, the index last.
/// What else is in the folder stays. Of `options` metadata and max_shard_bytes mean nothing; PushedData is refused.
/// Status::found counts the tensors of all shards.
TENSORGATE_API Result<void> SaveShards(const std::string& folder, const std::string& index,
                                       std::span<const ShardData> shards,
                                       const SaveOptions& options = {});

/// Which tensors max_shard_bytes puts together: their numbers, shard by shard, in the order given. A shard is closed when the
/// next tensor would make it larger than `max_shard_bytes`; a tensor that is larger by itself gets a shard of its own, before
/// the one that is open. No tensors: one shard without any. Throws std::bad_alloc.
TENSORGATE_API std::vector<std::vector<std::uint32_t>> SplitIntoShards(
    std::span<const std::uint64_t> bytes, std::uint64_t max_shard_bytes);

/// How the files of a sharded checkpoint are named, after the name of one file. Its members throw std::bad_alloc.
class TENSORGATE_API ShardNames {
 public:
  /// `name` must end in ".safetensors".
  explicit ShardNames(std::string_view name);
  static bool Fits(std::string_view name) { return name.ends_with(kSuffix); }

  /// "model-00002-of-00003.safetensors" for the shard number 1 of 3.
  std::string Shard(std::size_t number, std::size_t count) const;
  /// "model.safetensors.index.json"
  std::string Index() const { return stem_ + std::string(kSuffix) + ".index.json"; }
  /// `name` is that of a shard, whatever its numbers.
  bool IsShard(std::string_view name) const;

 private:
  static constexpr std::string_view kSuffix = ".safetensors";
  std::string stem_;
};

/// How many bytes the tensor has, by its dtype and shape. `save/shape-overflow` also where a 0 hides it, `save/sub-byte-row`:
/// it cannot be written.
TENSORGATE_API Result<std::uint64_t> DataBytes(const TensorData& tensor);

/// The file's bytes in memory; `sync` and `max_shard_bytes` mean nothing here, PushedData is refused.
TENSORGATE_API Result<std::vector<std::byte>> Serialize(std::span<const TensorData> tensors,
                                                        const SaveOptions& options = {});
/// How many bytes Serialize would return.
TENSORGATE_API Result<std::uint64_t> SerializedSize(std::span<const TensorData> tensors,
                                                    const SaveOptions& options = {});
/// Into memory of the caller's, which must have exactly that size (`save/wrong-size`); after an error what is in it means
/// nothing.
TENSORGATE_API Result<void> SerializeInto(std::span<const TensorData> tensors,
                                          std::span<std::byte> into,
                                          const SaveOptions& options = {});

}  // namespace tensorgate

#endif  // TENSORGATE_SAVE_H_
