#include "tensorgate/save.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/guarded.h"
#include "lib/base/utf8.h"
#include "lib/source/new_file.h"
#include "lib/write/file_layout.h"
#include "lib/write/save_checks.h"
#include "lib/write/shard_files.h"
#include "lib/write/write.h"

namespace tensorgate {
namespace {

using internal::CheckedSize;
using internal::CheckSaveOptions;
using internal::FileSink;
using internal::Guarded;
using internal::LayOutFile;
using internal::Meter;
using internal::NewFile;
using internal::NewFileFolder;
using internal::Refuse;
using internal::SpecOf;
using internal::WritePiece;
using safetensors::internal::FileLayout;
using safetensors::internal::TensorSpec;

struct Shard {
  std::string name;
  std::vector<std::uint32_t> tensors;
  FileLayout layout;
  std::optional<NewFile> file;
};

}  // namespace

struct Writer::State {
  std::string name;  // name of the file, without its folder
  SaveOptions options;
  NewFileFolder folder;
  std::vector<TensorData> tensors;
  std::vector<std::uint64_t> bytes, pushed;
  bool started = false;
  std::optional<Status> broken;
  std::vector<Shard> shards;
  struct Place {
    std::uint32_t shard;
    std::uint64_t begin;  // offset in the shard's file
  };
  std::vector<Place> places;  // of the tensors, in the order given
  std::vector<std::uint32_t> by_name;

  template <typename Tensor>
  Result<void> Add(Tensor&& tensor) {
    if (broken) return std::unexpected(*broken);
    if (started) return Refuse(Rule::kSaveMisuse);
    const std::uint64_t size = TENSORGATE_TRY(CheckedSize(tensor, tensors.size()));
    bytes.resize(tensors.size());  // removes a size that was added before memory ran out
    bytes.push_back(size);
    tensors.push_back(std::forward<Tensor>(tensor));
    return {};
  }
  Result<void> Begin();
  Result<void> LayOutShard(std::uint32_t number, std::span<const TensorSpec> specs);
  Result<void> WriteShard(Shard& shard, Meter& meter);
  Result<void> CheckPushed() const;
  Result<NewFile> WriteIndex() const;
  Result<void> Commit();
  void RemoveFormer();
  std::optional<std::uint32_t> Find(std::string_view tensor) const;
  // After an error the writer is dead: the written data may be incomplete.
  Result<void> Keep(Result<void> result) {
    if (!result) {
      broken = result.error();
      shards.clear();
    }
    return result;
  }
};

Result<void> Writer::State::Begin() {
  started = true;
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const TensorData& tensor : tensors) specs.push_back(SpecOf(tensor));
  by_name = TENSORGATE_TRY(safetensors::internal::SortNames(specs));
  places.resize(tensors.size());
  pushed.resize(tensors.size());

  const std::uint64_t most = options.max_shard_bytes == 0 ? UINT64_MAX : options.max_shard_bytes;
  std::vector<std::vector<std::uint32_t>> split;
  if (options.max_shard_bytes == 0) {
    split.resize(1);
    for (std::uint32_t i = 0; i < tensors.size(); ++i) split[0].push_back(i);
  } else {
    split = SplitIntoShards(bytes, most);
  }
  shards.resize(split.size());
  for (std::uint32_t i = 0; i < split.size(); ++i) {
    shards[i].name = split.size() == 1 ? name : ShardNames(name).Shard(i, split.size());
    shards[i].tensors = std::move(split[i]);
    TENSORGATE_TRY(LayOutShard(i, specs));
  }
  return {};
}

Result<void> Writer::State::LayOutShard(std::uint32_t number, std::span<const TensorSpec> specs) {
  Shard& shard = shards[number];
  std::vector<TensorSpec> own;
  own.reserve(shard.tensors.size());
  for (const std::uint32_t i : shard.tensors) own.push_back(specs[i]);
  Result<FileLayout> layout = LayOutFile(own, options);
  if (!layout) {
    Status status = layout.error();
    if (status.rule == Rule::kSaveShapeOverflow)
      status.found = shard.tensors[static_cast<std::size_t>(status.found)];
    return std::unexpected(status);
  }
  shard.layout = *std::move(layout);
  for (std::size_t i = 0; i < shard.tensors.size(); ++i) {
    places[shard.tensors[i]] = {number, shard.layout.begin[i]};
  }
  return {};
}

std::optional<std::uint32_t> Writer::State::Find(std::string_view tensor) const {
  const auto at = [&](std::uint32_t i) { return std::string_view(tensors[i].name); };
  const auto found = std::ranges::lower_bound(by_name, tensor, {}, at);
  if (found == by_name.end() || at(*found) != tensor) return std::nullopt;
  return *found;
}

Result<void> Writer::State::CheckPushed() const {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (std::holds_alternative<PushedData>(tensors[i].data) && pushed[i] != bytes[i]) {
      return Refuse(Rule::kSaveWrongSize, i);
    }
  }
  return {};
}

Result<void> Writer::State::WriteShard(Shard& shard, Meter& meter) {
  if (!shard.file) {
    NewFile file = TENSORGATE_TRY(NewFile::Create(folder, shard.name));
    shard.file.emplace(std::move(file));
  }
  std::vector<WritePiece> pieces;
  pieces.reserve(shard.tensors.size());
  for (const std::uint32_t i : shard.layout.order) {
    const std::uint32_t number = shard.tensors[i];
    pieces.push_back({&tensors[number], bytes[number], number});
  }
  return internal::WriteShard(shard.layout.head, pieces, *shard.file, meter, options,
                              shards.size());
}

Result<NewFile> Writer::State::WriteIndex() const {
  std::vector<internal::IndexEntry> entries;
  entries.reserve(by_name.size());
  std::uint64_t total = 0;
  for (const std::uint32_t i : by_name) {
    entries.push_back({tensors[i].name, shards[places[i].shard].name});
    total = internal::SaturatingAdd(total, bytes[i]);
  }
  return internal::WriteIndex(folder, ShardNames(name).Index(), internal::IndexText(total, entries),
                              options);
}

// Removes files of the previous checkpoint that do not belong to the new one.
void Writer::State::RemoveFormer() {
  const ShardNames names(name);
  if (shards.size() == 1) {
    folder.Remove(names.Index());
  } else {
    folder.Remove(name);
  }
  for (const std::string& found : folder.List()) {
    const auto is_new = [&](const Shard& shard) { return shard.name == found; };
    if (names.IsShard(found) && std::ranges::none_of(shards, is_new)) folder.Remove(found);
  }
}

Result<void> Writer::State::Commit() {
  std::vector<NewFile> files;
  files.reserve(shards.size() + 1);
  for (Shard& shard : shards) files.push_back(*std::move(shard.file));
  if (shards.size() > 1) {
    NewFile index = TENSORGATE_TRY(WriteIndex());
    files.push_back(std::move(index));
  }
  TENSORGATE_TRY(internal::CommitAll(files));
  if (options.max_shard_bytes != 0) RemoveFormer();
  if (options.sync) folder.Sync();
  return {};
}

Writer::Writer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Result<Writer> Writer::Create(const std::string& path, SaveOptions options) {
  return Guarded([&]() -> Result<Writer> {
    TENSORGATE_TRY(CheckSaveOptions(options));
    auto state = std::make_unique<State>();
    state->name = internal::FileNameOf(path);
    state->options = std::move(options);
    // The index contains the names of the shards, and is UTF-8.
    if (state->options.max_shard_bytes != 0 &&
        (!ShardNames::Fits(state->name) ||
         internal::ValidUtf8Length(state->name) != state->name.size())) {
      return Refuse(Rule::kSaveMisuse);
    }
    state->folder = TENSORGATE_TRY(NewFileFolder::OpenFor(path));
    return Writer(std::move(state));
  });
}

Result<void> Writer::Add(const TensorData& tensor) {
  return Guarded([&] { return state_->Add(tensor); });
}

Result<void> Writer::Add(TensorData&& tensor) {
  return Guarded([&] { return state_->Add(std::move(tensor)); });
}

Result<void> Writer::Write(std::string_view name, std::span<const std::byte> bytes) {
  return Guarded([&]() -> Result<void> {
    State& state = *state_;
    if (state.broken) return std::unexpected(*state.broken);
    if (!state.started) {
      TENSORGATE_TRY(state.Keep(state.Begin()));
    }
    const std::optional<std::uint32_t> number = state.Find(name);
    if (!number || !std::holds_alternative<PushedData>(state.tensors[*number].data)) {
      return Refuse(Rule::kSaveMisuse);
    }
    std::uint64_t& pushed = state.pushed[*number];
    if (bytes.size() > state.bytes[*number] - pushed) {
      return Refuse(Rule::kSaveWrongSize, *number);
    }
    const State::Place place = state.places[*number];
    Shard& shard = state.shards[place.shard];
    if (!shard.file) {
      Result<NewFile> file = NewFile::Create(state.folder, shard.name);
      if (!file) return state.Keep(std::unexpected(file.error()));
      shard.file.emplace(*std::move(file));
    }
    const Result<void> written = shard.file->WriteAt(place.begin + pushed, bytes);
    if (written) pushed += bytes.size();
    return state.Keep(written);
  });
}

Result<void> Writer::Finish() {
  State& state = *state_;
  if (state.broken) return std::unexpected(*state.broken);
  Result<void> done = Guarded([&]() -> Result<void> {
    if (!state.started) {
      TENSORGATE_TRY(state.Begin());
    }
    TENSORGATE_TRY(state.CheckPushed());
    std::uint64_t all = 0;
    for (const Shard& shard : state.shards)
      all += shard.layout.file_bytes - shard.layout.head.size();
    Meter meter(state.options, all);
    for (Shard& shard : state.shards) {
      TENSORGATE_TRY(state.WriteShard(shard, meter));
    }
    TENSORGATE_TRY(internal::CheckSources(state.tensors));
    return state.Commit();
  });
  if (!done) return state.Keep(done);
  state.broken = Status{.rule = Rule::kSaveMisuse};  // Finish succeeds only once
  state.shards.clear();
  return {};
}

Result<void> Save(const std::string& path, std::span<const TensorData> tensors,
                  const SaveOptions& options) {
  return Guarded([&]() -> Result<void> {
    Writer writer = TENSORGATE_TRY(Writer::Create(path, options));
    for (const TensorData& tensor : tensors) {
      TENSORGATE_TRY(writer.Add(tensor));
    }
    return writer.Finish();
  });
}

}  // namespace tensorgate
