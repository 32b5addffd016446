#include "lib/write/write.h"

#include <algorithm>
#include <variant>

#include "lib/base/bytes.h"
#include "lib/write/save_checks.h"

namespace tensorgate::internal {
namespace {

// After each of these steps a save can be cancelled, and progress is reported.
constexpr std::uint64_t kStep = 16 << 20;
constexpr std::uint64_t kPage = 4096;

// Finished shards stay unnamed until all are finished, if the process may have that many files
// open.
constexpr std::size_t kMaxOpenShards = 200;

std::uint64_t StepOf(std::uint64_t left) { return std::min(left, kStep); }

class FileWriter {
 public:
  FileWriter(Sink& sink, Meter& meter) : sink_(sink), meter_(meter) {}

  Result<void> Memory(const WritePiece& piece, std::span<const std::byte> bytes) {
    if (bytes.size() != piece.bytes) {
      return std::unexpected(Status{.rule = Rule::kSaveWrongSize, .found = piece.number});
    }
    while (!bytes.empty()) {
      const auto step = bytes.first(static_cast<std::size_t>(StepOf(bytes.size())));
      TENSORGATE_TRY(sink_.Append(step));
      bytes = bytes.subspan(step.size());
      TENSORGATE_TRY(meter_.Add(step.size()));
    }
    return {};
  }

  Result<void> Callback(const WritePiece& piece, const DataCallback& callback) {
    if (!callback) return std::unexpected(Status{.rule = Rule::kSaveMisuse, .found = piece.number});
    return Fill(piece.bytes, callback);
  }

  // Tensors that are adjacent both here and in the source form one run.
  Result<void> Run(const SourceData& data, std::uint64_t length) {
    if (data.source == nullptr) return std::unexpected(Status{.rule = Rule::kSaveMisuse});
    Source& source = *data.source;
    const std::uint64_t size = source.size();
    if (data.offset > size || length > size - data.offset) {
      return std::unexpected(Status{.rule = Rule::kIoShortRead, .offset = size, .found = size});
    }
    std::uint64_t done = 0;
    // For page-aligned data the kernel copies faster than block by block, or shares the blocks;
    // otherwise it is slower.
    const bool by_kernel =
        source.descriptor() >= 0 && (data.offset - sink_.position()) % kPage == 0;
    while (by_kernel && done < length) {
      // Steps end at large boundaries: a file that is written from unaligned positions gets small
      // pages.
      const std::uint64_t step = std::min(length - done, kStep - sink_.position() % kStep);
      const std::uint64_t copied =
          TENSORGATE_TRY(sink_.Copy(source.descriptor(), data.offset + done, step));
      done += copied;
      TENSORGATE_TRY(meter_.Add(copied));
      if (copied < step) break;
    }
    return Fill(length - done, [&](std::uint64_t offset, std::span<std::byte> into) {
      return ReadFully(source, data.offset + done + offset, into);
    });
  }

 private:
  template <typename Read>
  Result<void> Fill(std::uint64_t length, const Read& read) {
    for (std::uint64_t done = 0; done < length;) {
      const std::span<std::byte> room = TENSORGATE_TRY(sink_.Room(StepOf(length - done)));
      TENSORGATE_TRY(read(done, room));
      sink_.Filled(room.size());
      done += room.size();
      TENSORGATE_TRY(meter_.Add(room.size()));
    }
    return {};
  }

  Sink& sink_;
  Meter& meter_;
};

// Number of pieces, including the first, that form one run in their source; `length` receives its
// bytes.
std::size_t CountRun(std::span<const WritePiece> pieces, const SourceData& first,
                     std::uint64_t& length) {
  length = pieces[0].bytes;
  std::size_t count = 1;
  for (; count < pieces.size(); ++count) {
    const auto* next = std::get_if<SourceData>(&pieces[count].tensor->data);
    if (next == nullptr || next->source != first.source || next->offset - first.offset != length) {
      break;
    }
    length += pieces[count].bytes;
  }
  return count;
}

Result<void> CheckFile(const NewFile& file) {
  Result<FileSource> source = FileSource::FromDescriptor(file.descriptor());
  return source ? CheckOneReading(*source) : std::unexpected(source.error());
}

}  // namespace

Result<void> Meter::Add(std::uint64_t count) {
  done_ += count;
  const bool cancelled =
      options_->cancel != nullptr && options_->cancel->load(std::memory_order_relaxed);
  if (cancelled || (options_->progress && !options_->progress(done_, total_))) {
    return std::unexpected(Status{.rule = Rule::kUseCancelled});
  }
  return {};
}

Result<void> WriteFile(std::string_view head, std::span<const WritePiece> pieces, Sink& sink,
                       Meter& meter) {
  FileWriter writer(sink, meter);
  Result<void> written = sink.Append(AsBytes(head));
  while (written && !pieces.empty()) {
    const WritePiece& piece = pieces[0];
    const auto& data = piece.tensor->data;
    std::size_t count = 1;
    if (const auto* memory = std::get_if<std::span<const std::byte>>(&data)) {
      written = writer.Memory(piece, *memory);
    } else if (const auto* callback = std::get_if<DataCallback>(&data)) {
      written = writer.Callback(piece, *callback);
    } else if (const auto* source = std::get_if<SourceData>(&data)) {
      std::uint64_t length = 0;
      count = CountRun(pieces, *source, length);
      written = writer.Run(*source, length);
    } else {
      written = sink.Skip(piece.bytes);
    }
    pieces = pieces.subspan(count);
  }
  return written ? sink.Flush() : written;
}

Result<void> WriteShard(std::string_view head, std::span<const WritePiece> pieces, NewFile& file,
                        Meter& meter, const SaveOptions& options, std::size_t shards) {
  FileSink sink(file);
  Result<void> written = WriteFile(head, pieces, sink, meter);
  if (written) written = CheckFile(file);
  if (written && options.sync) written = file.Sync();
  if (written && shards > kMaxOpenShards) written = file.Close();
  return written;
}

Result<NewFile> WriteIndex(const NewFileFolder& folder, const std::string& name,
                           std::string_view text, const SaveOptions& options) {
  Result<NewFile> file = NewFile::Create(folder, name);
  if (!file) return file;
  Result<void> written = file->WriteAt(0, AsBytes(text));
  if (written && options.sync) written = file->Sync();
  if (!written) return std::unexpected(written.error());
  return file;
}

Result<void> CommitAll(std::span<NewFile> files) {
  for (NewFile& file : files) {
    TENSORGATE_TRY(file.Close());
  }
  for (NewFile& file : files) {
    TENSORGATE_TRY(file.Commit());
  }
  return {};
}

Result<void> CheckSources(std::span<const TensorData> tensors) {
  Source* asked = nullptr;
  for (const TensorData& tensor : tensors) {
    const auto* data = std::get_if<SourceData>(&tensor.data);
    if (data == nullptr || data->source == asked) continue;
    asked = data->source;
    TENSORGATE_TRY(asked->CheckUnchanged());
  }
  return {};
}

}  // namespace tensorgate::internal
