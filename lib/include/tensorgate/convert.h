// Converts PyTorch checkpoints to safetensors, without Python and without running anything in them.
//
//   auto converted = tensorgate::Convert("model.pt", "model.safetensors");
//   if (!converted) {
//     const tensorgate::ConvertError& error = converted.error();
//     if (error.report) std::puts(tensorgate::RenderText("model.pt", *error.report).c_str());
//     else std::puts(tensorgate::Message(error.status).c_str());
//   }
//
// Sharded checkpoints, too: a folder with `pytorch_model.bin.index.json`, or that index, becomes a
// folder with `model.safetensors.index.json` and the same number of shards
// `model-00001-of-0000N.safetensors`:
//
//   auto folder = tensorgate::Convert("model/", "converted/");
//   if (folder) std::printf("%s: %ju shards\n", folder->path.c_str(), std::uintmax_t(folder->shards));
//
// The source is verified by the strict profile first, shards and index together (see shards.h).
// Tensors that the index leaves out are converted, too. Tensors are written in C order whatever
// their strides, under their paths in the structure, with the metadata {"format": "pt"}. The same
// input gives the same bytes, and the result appears whole or not at all (see save.h): all shards
// are written before the first one appears, and the index appears last. Memory: the pickles and
// blocks of fixed size. Other files in the target folder are left as they are.
//
// Several names of one tensor (tied weights) are written once, under the first name in the file's
// order, which is the one that models know; for each of the others, the metadata records the name that was kept, as the reference's
// converter does. Tensors that overlap in any other way are written as separate copies.
//
// Refused: dtypes that safetensors lacks, tensors larger than their stored bytes, and copies that
// would together take far more space than the file. Values that are not tensors are left out.
#ifndef TENSORGATE_CONVERT_H_
#define TENSORGATE_CONVERT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tensorgate/export.h"
#include "tensorgate/extraction.h"
#include "tensorgate/limits.h"
#include "tensorgate/report.h"
#include "tensorgate/status.h"

namespace tensorgate {

struct ConvertOptions {
  CheckOptions check;
  /// Convert only what is under this path, which is removed from the names: "model" turns
  /// "model.bias" into "bias". Not set: "state_dict" if there is such a key, otherwise everything.
  std::optional<std::string> select;
  /// Take what may be taken from files that are refused (extract.h). The metadata of the result say
  /// so: `tensorgate.extracted`, the source's verdict and first rule, the counts, the classes that
  /// held tensors, and what was left out.
  bool extract = false;
  /// SHA-256 in hexadecimal digits, such as Sha256Hex of digest.h. If set, the metadata of
  /// an extraction have the digest of the source's pickle.
  std::function<std::string(std::span<const std::byte>)> sha256;
  /// Treat tied tensors as an error instead of writing them once.
  bool refuse_tied = false;
  /// Do everything except writing.
  bool dry_run = false;
  /// Read the result back and compare each tensor with the checkpoint's.
  bool verify = false;
  /// Wait until data and name have reached the disk.
  bool sync = true;
  const std::atomic<bool>* cancel = nullptr;
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
};

struct Converted {
  std::string path;          ///< The written file, or the index of the shards.
  std::uint64_t shards = 0;  ///< 0 for a single file without an index.
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;       ///< Bytes of tensor data.
  std::uint64_t rearranged = 0;  ///< Tensors that were not in C order.
  std::uint64_t left_out = 0;    ///< Tensors outside the selection.
  std::string selected;          ///< The selected path, or empty.
  /// Pairs: the name that was kept, and one that was not.
  std::vector<std::pair<std::string, std::string>> tied;
  /// With ConvertOptions::extract: one for each file of the checkpoint.
  std::vector<Extraction> extractions;
};

struct ConvertError {
  std::optional<Report> report;  ///< Set if the checkpoint was not accepted. Otherwise:
  Status status;                 ///< `convert/...`, `save/...`, `io/...` or `use/...`.
  std::string tensor;            ///< The tensor concerned, raw; empty if there is none.
};

/// `from`: a file, an index `*.bin.index.json`, or a folder. In a folder,
/// `pytorch_model.bin.index.json` is used, otherwise the only other such index, otherwise
/// `pytorch_model.bin`. `to`: the file to write, or the folder for it, in which a single file is
/// named `model.safetensors`; shards need a folder. The folder is created if it does not exist and
/// `from` is a folder or an index. Never throws.
TENSORGATE_API std::expected<Converted, ConvertError> Convert(const std::string& from,
                                                              const std::string& to,
                                                              const ConvertOptions& options = {});

}  // namespace tensorgate

#endif  // TENSORGATE_CONVERT_H_
