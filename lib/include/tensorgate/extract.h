// Tensors from a PyTorch checkpoint that was refused, without running anything in it.
//
//   auto extracted = tensorgate::Extract("last.ckpt");
//   if (!extracted) return;  // extracted.error() says why nothing could be taken
//   const tensorgate::Checkpoint& tensors = extracted->checkpoint;
//   for (std::size_t i = 0; i < tensors.tensor_count(); ++i) {
//     const std::string_view name = tensors.name(i);
//     std::printf("%.*s\n", int(name.size()), name.data());
//   }
//
// To write them as safetensors, set `ConvertOptions::extract` (convert.h).
//
// What this promises: each tensor is what the file stores: bytes of a proven record, in the shape,
// dtype and strides of PyTorch's own rebuild call, under its path in the file's own containers. A
// loader that trusts the file has the same tensor under that name, provided that foreign code
// changes only what the pickle passes to it and, for tensors *as stored*, that the class which
// holds them is an ordinary one: `__new__` makes a new object, its state becomes its attributes,
// its items its items. Tensors that foreign code may change are left out, with all that share
// their storage. The file stays refused: loading it runs its code, and the weights of a refused
// file may be made to harm.
//
// The container, its records and its storages are proven as strictly as for an accepted file;
// after any error there, nothing is extracted. An accepted file gives all its tensors.
#ifndef TENSORGATE_EXTRACT_H_
#define TENSORGATE_EXTRACT_H_

#include <expected>
#include <string>
#include <vector>

#include "tensorgate/checkpoint.h"
#include "tensorgate/convert.h"
#include "tensorgate/export.h"
#include "tensorgate/extraction.h"
#include "tensorgate/limits.h"

namespace tensorgate {

struct ExtractedCheckpoint {
  /// The tensors that were taken; there may be none. Its report, and those of its parts, say why
  /// the files are refused.
  Checkpoint checkpoint;
  /// One for each part of the checkpoint.
  std::vector<Extraction> parts;
};

/// `path`: a file, an index, or a folder as for Convert. Fails with the report if the container is
/// not proven or the file is neither accepted nor rejected, and with `convert/names-changed` or
/// `convert/nothing-extracted` if no tensor of any such file can be taken. Never throws.
TENSORGATE_API std::expected<ExtractedCheckpoint, ConvertError> Extract(
    const std::string& path, const CheckOptions& options = {});

}  // namespace tensorgate

#endif  // TENSORGATE_EXTRACT_H_
