// What a checkpoint is made of.
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

/// Of what is no checkpoint's, `source` alone is there: what is read through it is known to who makes it.
struct PartData {
  std::string path;
  std::unique_ptr<Source> source;
  std::unique_ptr<const ModelFile> file;
  std::unique_ptr<const Report> report;  // of `file`
  std::uint16_t number = 0;              // as Status::part
  std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>();

  // Both may fail with its number in the status.
  /// Fills `into`. May be called by many threads; a source that is not concurrent is locked.
  Result<void> Read(std::uint64_t offset, std::span<std::byte> into) const;
  Result<void> CheckUnchanged() const;

 private:
  template <typename Call>
  Result<void> Do(const Call& call) const;
};

/// Tensors that repeat or share bytes of files of so many bytes may become so many in memory, `free` of them whatever the
/// files' size.
constexpr std::uint64_t MostCopied(std::uint64_t file_bytes, std::uint64_t free) {
  return SaturatingAdd(SaturatingMultiply(file_bytes, std::uint64_t{4}), free);
}

struct CheckpointData {
  std::vector<PartData> parts;
  std::vector<std::size_t> first;  // tensor of each part; the number of all at the end
  // Of several parts alone:
  std::string path;              // of the index or its folder
  std::optional<Report> report;  // on the whole
  NameIndex names;               // of all tensors

  /// The file of `source` as a part; its content decides what it is.
  static std::expected<PartData, Report> OpenPart(std::string path, std::unique_ptr<Source> source,
                                                  const CheckOptions& options);
  /// A part of what was judged already; the report on a file that is not accepted, or of no use. Throws std::bad_alloc.
  static std::expected<PartData, Report> MakePart(std::string path, std::unique_ptr<Source> source,
                                                  Judged judged, const CheckOptions& options);
  static const CheckpointData& Of(const Checkpoint& checkpoint) { return *checkpoint.data_; }
  /// Of one part or more.
  static Checkpoint Make(std::vector<PartData> parts);
  /// The parts that an index names, with the report on the whole. Throws std::bad_alloc.
  static Checkpoint MakeWhole(std::string path, std::vector<PartData> parts, Report report);

  void AddParts(std::vector<PartData> added);
  std::size_t size() const { return first.back(); }
  std::size_t PartOf(std::size_t index) const;
  std::string_view NameOf(std::size_t index) const {
    const std::size_t part = PartOf(index);
    return parts[part].file->name(index - first[part]);
  }
  std::optional<std::size_t> Find(std::string_view name) const;
  /// `use/expands` if a call that gives so many bytes would give far more than the files have.
  Result<void> CheckRepeats(std::uint64_t bytes, const LoadOptions& options) const;
  /// `use/no-such-tensor` if there is none. Throws std::bad_alloc.
  Result<TensorRef> Tensor(std::size_t index) const;
  /// The same of a number that is below size().
  TensorRef At(std::size_t index) const;
};

/// Whether tensors can be given out as they lie in files.
constexpr Result<void> CheckHost(std::endian host) {
  if (host == std::endian::little) return {};
  return std::unexpected(Status{.rule = Rule::kUseBigEndian});
}

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_CHECKPOINT_DATA_H_
