// Writes one file's bytes into a sink: head, then each tensor's data from wherever they come.
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

/// What progress and cancellation know of a saving.
class Meter {
 public:
  Meter(const SaveOptions& options, std::uint64_t total) : options_(&options), total_(total) {}
  /// So many bytes more are written.
  Result<void> Add(std::uint64_t count);

 private:
  const SaveOptions* options_;
  std::uint64_t total_, done_ = 0;
};

/// A tensor of one file.
struct WritePiece {
  const TensorData* tensor;
  std::uint64_t bytes;
  std::uint32_t number;  ///< As the caller counts, for errors.
};

/// `pieces` in the order of the data. Data that are pushed are left out. May throw what callbacks and sources throw.
Result<void> WriteFile(std::string_view head, std::span<const WritePiece> pieces, Sink& sink,
                       Meter& meter);

/// The same into one of `shards` new files, which stays nameless.
Result<void> WriteShard(std::string_view head, std::span<const WritePiece> pieces, NewFile& file,
                        Meter& meter, const SaveOptions& options, std::size_t shards);

/// A new file that holds `text` and stays nameless.
Result<NewFile> WriteIndex(const NewFileFolder& folder, const std::string& name,
                           std::string_view text, const SaveOptions& options);

/// The files appear one by one, the last one last. What can fail comes before the first does.
Result<void> CommitAll(std::span<NewFile> files);

/// The sources of `pieces` say that their bytes did not change.
Result<void> CheckSources(std::span<const TensorData> tensors);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_WRITE_WRITE_H_
