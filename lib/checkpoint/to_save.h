// The contents of a file or checkpoint in a form that can be saved.
#ifndef TENSORGATE_CHECKPOINT_TO_SAVE_H_
#define TENSORGATE_CHECKPOINT_TO_SAVE_H_

#include <expected>
#include <optional>
#include <vector>

#include "lib/checkpoint/shelf.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/save.h"

namespace tensorgate::internal {

struct ToSave {
  std::vector<TensorData> tensors;  // in the order of parts and data; they refer to the sources
  std::optional<Views> views;       // sources for tensors with strides
  struct Part {
    std::size_t tensors = 0;  // number of its tensors
    Metadata metadata;        // in the order of its header
  };
  std::vector<Part> parts;  // at least one

  const Metadata& metadata() const { return parts.front().metadata; }
};

/// `checkpoint` must remain valid while the contents are used. Fails with `use/expands` if the
/// tensors together are far larger than the files. Throws std::bad_alloc.
Result<ToSave> ToSaveOf(const Checkpoint& checkpoint);

/// What the reference of `format`, which must have `read_as_reference`, reads in `source`, which
/// must remain valid. Fails with the report of the reference profile if the reference refuses the
/// file. Throws std::bad_alloc.
std::expected<ToSave, Report> ToSaveAsReference(const Format& format, Source& source,
                                                const CheckOptions& options);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_CHECKPOINT_TO_SAVE_H_
