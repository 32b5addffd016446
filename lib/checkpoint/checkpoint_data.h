// The data of a Checkpoint.
#ifndef TENSORGATE_CHECKPOINT_CHECKPOINT_DATA_H_
#define TENSORGATE_CHECKPOINT_CHECKPOINT_DATA_H_

#include <bit>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/checked.h"
#include "lib/base/names.h"
#include "lib/scan/judge.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/model_file.h"

namespace tensorgate::internal {

/// One file of a checkpoint. In the converter only `source` is set; the converter knows what it
/// reads.
struct PartData {
  std::string path;
  std::unique_ptr<Source> source;
  std::unique_ptr<const ModelFile> file;
  std::unique_ptr<const Report> report;  // on `file`
  std::uint16_t number = 0;              // for Status::part
  std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>();

  // If these fail, the status has this part's number.
  /// Fills `into`. Thread-safe; a source that is not concurrent is locked.
  Result<void> Read(std::uint64_t offset, std::span<std::byte> into) const;
  Result<void> CheckUnchanged() const;

 private:
  template <typename Call>
  Result<void> Do(const Call& call) const;
};

/// Upper bound on the memory that repeated or shared tensors may take, given the total size of the
/// files: `free` bytes are always allowed.
constexpr std::uint64_t MostCopied(std::uint64_t file_bytes, std::uint64_t free) {
  return SaturatingAdd(SaturatingMultiply(file_bytes, std::uint64_t{4}), free);
}

struct CheckpointData {
  std::vector<PartData> parts;
  // Index of each part's first tensor; the number of tensors at the end
  std::vector<std::size_t> first;
  // Only if there are several parts:
  std::string path;              // of the index or its folder
  std::optional<Report> report;  // on the checkpoint
  NameIndex names;               // of all tensors

  /// Opens the file of `source` as a part; its content determines the format.
  static std::expected<PartData, Report> OpenPart(std::string path, std::unique_ptr<Source> source,
                                                  const CheckOptions& options);
  /// A part from a file that was already judged; fails with the report if it is not accepted or
  /// cannot be used. Throws std::bad_alloc.
  static std::expected<PartData, Report> MakePart(std::string path, std::unique_ptr<Source> source,
                                                  Judged judged, const CheckOptions& options);
  static const CheckpointData& Of(const Checkpoint& checkpoint) { return *checkpoint.data_; }
  /// A checkpoint of one or more parts.
  static Checkpoint Make(std::vector<PartData> parts);
  /// A checkpoint of the parts of an index, with the report on it. Throws std::bad_alloc.
  static Checkpoint MakeSharded(std::string path, std::vector<PartData> parts, Report report);

  void AddParts(std::vector<PartData> added);
  std::size_t size() const { return first.back(); }
  std::size_t PartOf(std::size_t index) const;
  std::string_view NameOf(std::size_t index) const {
    const std::size_t part = PartOf(index);
    return parts[part].file->name(index - first[part]);
  }
  std::optional<std::size_t> Find(std::string_view name) const;
  /// Fails with `use/expands` if a call that returns this many bytes would return far more than the
  /// files have.
  Result<void> CheckRepeats(std::uint64_t bytes, const LoadOptions& options) const;
  /// Fails with `use/no-such-tensor` if there is none. Throws std::bad_alloc.
  Result<TensorRef> Tensor(std::size_t index) const;
  /// The same. Requires `index < size()`.
  TensorRef At(std::size_t index) const;
};

/// Fails on a big-endian host, where tensors cannot be returned as they are in files.
constexpr Result<void> CheckHost(std::endian host) {
  if (host == std::endian::little) return {};
  return std::unexpected(Status{.rule = Rule::kUseBigEndian});
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_CHECKPOINT_DATA_H_
