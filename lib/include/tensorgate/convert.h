// PyTorch checkpoints to safetensors, without Python and without running anything.
//
//   auto converted = tensorgate::Convert("model.pt", "model.safetensors");
//   if (!converted) {
//     const tensorgate::ConvertError& error = converted.error();
//     if (error.report) std::puts(tensorgate::RenderText("model.pt", *error.report).c_str());
//     else std::puts(tensorgate::Message(error.status).c_str());
//   }
//
// Also of shards: a folder with `pytorch_model.bin.index.json`, or that index, becomes a folder with
// `model.safetensors.index.json` and as many shards `model-00001-of-0000N.safetensors`:
//
//   auto folder = tensorgate::Convert("model/", "converted/");
//   if (folder) std::printf("%s: %ju shards\n", folder->path.c_str(), std::uintmax_t(folder->shards));
//
// The source is proven by the strict profile first, shards and index as one thing (see shards.h);
// tensors that the index leaves out are converted, too. Tensors are written in C order whatever their
// strides, under their paths in the structure, with the metadata {"format": "pt"}; the same input
// gives the same bytes, and the result appears whole or not at all (see save.h): all shards are
// written before the first appears, the index is the last. Memory: the pickles and blocks of fixed
// size. What else is in the target's folder stays as it is.
//
// Names of one and the same tensor (tied weights) are written once, under the first of them in
// order; the metadata then holds, for each of the others, the name that was kept, as the reference's
// converter has it. Tensors that overlap in another way become copies of their own.
//
// Refused: dtypes that safetensors lacks, tensors larger than the bytes behind them, copies that
// would together take far more than the file. What is no tensor is left out.
#ifndef TENSORGATE_CONVERT_H_
#define TENSORGATE_CONVERT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tensorgate/export.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/status.h"

namespace tensorgate {

struct ConvertOptions {
  CheckOptions check;
  /// Only what stands under this path, which is taken off the names: "model" makes "model.bias" to
  /// "bias". None: "state_dict" if there is such a key, else everything.
  std::optional<std::string> select;
  /// Tied tensors are an error instead of being written once.
  bool refuse_tied = false;
  /// Everything but the writing.
  bool dry_run = false;
  /// Read the result back and compare each tensor with the checkpoint's.
  bool verify = false;
  /// Bytes and name have reached the disk when it succeeds.
  bool sync = true;
  const std::atomic<bool>* cancel = nullptr;
  std::function<bool(std::uint64_t done, std::uint64_t all)> progress;
};

struct Converted {
  std::string path;          ///< What was written: the file, or the index of the shards.
  std::uint64_t shards = 0;  ///< Of one file without an index: 0.
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;       ///< Of tensors.
  std::uint64_t rearranged = 0;  ///< Tensors that did not lie in C order.
  std::uint64_t left_out = 0;    ///< Tensors outside of what was selected.
  std::string selected;          ///< The path that was taken, or empty.
  /// The name that was kept, and one that was not.
  std::vector<std::pair<std::string, std::string>> tied;
};

struct ConvertError {
  std::optional<Report> report;  ///< The checkpoint was not accepted; or else:
  Status status;                 ///< `convert/...`, `save/...`, `io/...` or `use/...`.
  std::string tensor;            ///< The one concerned, raw; empty if none.
};

/// `from`: a file, an index `*.bin.index.json`, or a folder that holds `pytorch_model.bin.index.json`, the only such
/// index, or else `pytorch_model.bin`. `to`: the file to be written, or the folder for it, in which one file is
/// `model.safetensors`; shards need a folder. A folder that is not there is made if `from` is a folder or an index. Never
/// throws.
TENSORGATE_API std::expected<Converted, ConvertError> Convert(const std::string& from,
                                                              const std::string& to,
                                                              const ConvertOptions& options = {});

}  // namespace tensorgate

#endif  // TENSORGATE_CONVERT_H_
