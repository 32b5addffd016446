// Writes one file's bytes to a sink: the head, then each tensor's data, wherever they come from.
#ifndef TENSORGATE_WRITE_WRITE_H_
#define TENSORGATE_WRITE_WRITE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/source/new_file.h"
#include "lib/write/file_layout.h"
#include "lib/write/sink.h"
#include "tensorgate/save.h"

namespace tensorgate::internal {

/// Progress and cancellation of one save.
class Meter {
 public:
  Meter(const SaveOptions& options, std::uint64_t total) : options_(&options), total_(total) {}
  /// Reports that `count` more bytes are written.
  Result<void> Add(std::uint64_t count);

 private:
  const SaveOptions* options_;
  std::uint64_t total_, done_ = 0;
};

/// A tensor of one file.
struct WritePiece {
  const TensorData* tensor;
  std::uint64_t bytes;
  std::uint32_t number;  ///< The caller's index, for errors.
};

/// `pieces` are in the order of the data; pushed data are skipped. May throw what callbacks and
/// sources throw.
Result<void> WriteFile(std::string_view head, std::span<const WritePiece> pieces, Sink& sink,
                       Meter& meter);

/// The same, to one of `shards` new files, which stays unnamed.
Result<void> WriteShard(std::string_view head, std::span<const WritePiece> pieces, NewFile& file,
                        Meter& meter, const SaveOptions& options, std::size_t shards);

/// A new file with the content `text`, which stays unnamed.
Result<NewFile> WriteIndex(const NewFileFolder& folder, const std::string& name,
                           std::string_view text, const SaveOptions& options);

/// Makes the files appear one by one, in order. Everything that can fail is done before the first
/// appears.
Result<void> CommitAll(std::span<NewFile> files);

/// Asks the sources of the tensors whether their bytes have changed.
Result<void> CheckSources(std::span<const TensorData> tensors);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_WRITE_H_
