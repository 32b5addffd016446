// `Checkpoint` for Python.
#ifndef TENSORGATE_PYTHON_CHECKPOINT_H_
#define TENSORGATE_PYTHON_CHECKPOINT_H_

#include <nanobind/nanobind.h>

#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "python/src/file_object.h"
#include "tensorgate/checkpoint.h"
#include "tensorgate/status.h"

namespace tensorgate::python {

/// A checkpoint and, if it was opened from bytes, the object that holds them.
struct CheckpointHandle {
  std::unique_ptr<BufferView> bytes;
  Checkpoint checkpoint;
};

/// Raises `tensorgate.OperationError`; MemoryError if memory ran out, and any exception that is
/// already pending in Python (an interrupt).
[[noreturn]] void RaiseStatus(const Status& status);
/// The same; `context` follows the message in parentheses.
[[noreturn]] void RaiseStatus(const Status& status, std::string_view context);

template <typename T>
T Take(Result<T>&& result) {
  if (!result) RaiseStatus(result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

void BindCheckpoint(nanobind::module_& module);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_CHECKPOINT_H_
