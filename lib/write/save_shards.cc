// Writes a sharded checkpoint with given shards, and the index over them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "lib/base/checked.h"
#include "lib/base/guarded.h"
#include "lib/write/save_checks.h"
#include "lib/write/shard_files.h"
#include "lib/write/write.h"
#include "tensorgate/save.h"

namespace tensorgate {
namespace internal {
namespace {

class ShardRewriter {
 public:
  ShardRewriter(std::span<const ShardData> shards, const SaveOptions& options)
      : shards_(shards), options_(options) {}
  ~ShardRewriter();
  Result<void> Run(const std::string& folder, const std::string& index);

 private:
  Result<void> LayOut();
  Result<void> Write(const std::string& folder, const std::string& index);
  Result<NewFileFolder> Open(const NewFileFolder& in, const std::string& name, bool follow_link);
  Result<void> OpenFolder(std::string path);
  Result<NewFileFolder*> FolderOf(const std::string& name);
  Result<void> WriteShard(std::size_t number, Meter& meter);
  Result<void> Commit(const std::string& index);

  std::span<const ShardData> shards_;
  const SaveOptions& options_;
  std::vector<std::vector<std::uint64_t>> bytes_;  // sizes of each shard's tensors
  std::vector<FileLayout> layouts_;
  std::vector<std::uint32_t> first_;  // index of each shard's first tensor
  std::vector<IndexEntry> entries_;
  std::uint64_t data_bytes_ = 0;
  // By the folder part of a shard's name. Entries do not move, since files refer to them.
  std::map<std::string, NewFileFolder> folders_;
  NewFileFolder above_;
  struct Made {
    const NewFileFolder* in;
    std::string name;
  };
  std::vector<Made> made_;      // folders that did not exist before
  std::vector<NewFile> files_;  // the shards, then the index
};

Result<void> ShardRewriter::LayOut() {
  std::vector<TensorSpec> specs;
  for (const ShardData& shard : shards_) {
    std::vector<std::uint64_t>& bytes = bytes_.emplace_back();
    for (const TensorData& tensor : shard.tensors) {
      const std::uint64_t size = TENSORGATE_TRY(CheckedSize(tensor, specs.size()));
      if (std::holds_alternative<PushedData>(tensor.data)) {
        return Refuse(Rule::kSaveMisuse, specs.size());
      }
      bytes.push_back(size);
      data_bytes_ = SaturatingAdd(data_bytes_, size);
      specs.push_back(SpecOf(tensor));
    }
  }
  // Names must be unique across all shards.
  TENSORGATE_TRY(safetensors::internal::SortNames(specs));
  std::size_t first = 0;
  for (const ShardData& shard : shards_) {
    SaveOptions own = options_;
    own.metadata = shard.metadata;
    Result<FileLayout> layout =
        LayOutFile(std::span(specs).subspan(first, shard.tensors.size()), own);
    if (!layout) {
      Status status = layout.error();
      if (status.rule == Rule::kSaveShapeOverflow) status.found += first;
      return std::unexpected(status);
    }
    layouts_.push_back(*std::move(layout));
    first_.push_back(static_cast<std::uint32_t>(first));
    first += shard.tensors.size();
    for (const TensorData& tensor : shard.tensors) entries_.push_back({tensor.name, shard.name});
  }
  std::ranges::sort(entries_, {}, &IndexEntry::tensor);
  return {};
}

ShardRewriter::~ShardRewriter() {
  files_.clear();
  // New folders that are empty are removed again, inner ones first.
  for (; !made_.empty(); made_.pop_back()) made_.back().in->RemoveFolder(made_.back().name);
}

Result<NewFileFolder> ShardRewriter::Open(const NewFileFolder& in, const std::string& name,
                                          bool follow_link) {
  bool created = false;
  made_.push_back({&in, name});  // before it is created, since memory may run out afterwards
  Result<NewFileFolder> folder = in.Inner(name, follow_link, created);
  if (!created) made_.pop_back();
  return folder;
}

Result<void> ShardRewriter::OpenFolder(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path == "/") path = "/.";
  above_ = TENSORGATE_TRY(NewFileFolder::OpenFor(path));
  NewFileFolder folder = TENSORGATE_TRY(Open(above_, FileNameOf(path), true));
  folders_.emplace("", std::move(folder));
  return {};
}

// The folder in which the shard with that name appears.
Result<NewFileFolder*> ShardRewriter::FolderOf(const std::string& name) {
  NewFileFolder* folder = &folders_.at("");
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t slash = name.find('/', begin);
    if (slash == name.npos) break;
    auto known = folders_.find(name.substr(0, slash + 1));
    if (known == folders_.end()) {
      NewFileFolder inner = TENSORGATE_TRY(Open(*folder, name.substr(begin, slash - begin), false));
      known = folders_.emplace(name.substr(0, slash + 1), std::move(inner)).first;
    }
    folder = &known->second;
    begin = slash + 1;
  }
  return folder;
}

Result<void> ShardRewriter::WriteShard(std::size_t number, Meter& meter) {
  const ShardData& shard = shards_[number];
  const FileLayout& layout = layouts_[number];
  NewFileFolder* const folder = TENSORGATE_TRY(FolderOf(shard.name));
  NewFile file = TENSORGATE_TRY(NewFile::Create(*folder, FileNameOf(shard.name)));
  std::vector<WritePiece> pieces;
  pieces.reserve(shard.tensors.size());
  for (const std::uint32_t i : layout.order) {
    pieces.push_back({&shard.tensors[i], bytes_[number][i], first_[number] + i});
  }
  const Result<void> written =
      internal::WriteShard(layout.head, pieces, file, meter, options_, shards_.size());
  if (written) files_.push_back(std::move(file));
  return written;
}

Result<void> ShardRewriter::Commit(const std::string& index) {
  if (!index.empty()) {
    NewFile file = TENSORGATE_TRY(
        WriteIndex(folders_.at(""), index, IndexText(data_bytes_, entries_), options_));
    files_.push_back(std::move(file));
  }
  TENSORGATE_TRY(CommitAll(files_));
  if (options_.sync) {
    for (const auto& folder : folders_) folder.second.Sync();
    if (!made_.empty()) above_.Sync();
  }
  return {};
}

Result<void> ShardRewriter::Write(const std::string& folder, const std::string& index) {
  TENSORGATE_TRY(OpenFolder(folder));
  files_.reserve(shards_.size() + 1);
  Meter meter(options_, data_bytes_);
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    TENSORGATE_TRY(WriteShard(i, meter));
  }
  for (const ShardData& shard : shards_) {
    TENSORGATE_TRY(CheckSources(shard.tensors));
  }
  return Commit(index);
}

Result<void> ShardRewriter::Run(const std::string& folder, const std::string& index) {
  TENSORGATE_TRY(CheckSaveOptions(options_));
  TENSORGATE_TRY(LayOut());
  return Write(folder, index);
}

}  // namespace
}  // namespace internal

Result<void> SaveShards(const std::string& folder, const std::string& index,
                        std::span<const ShardData> shards, const SaveOptions& options) {
  return internal::Guarded(
      [&] { return internal::ShardRewriter(shards, options).Run(folder, index); });
}

}  // namespace tensorgate
