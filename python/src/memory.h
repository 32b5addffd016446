// Memory that tensors were read into, as a Python object that other packages can use in place.
#ifndef TENSORGATE_PYTHON_MEMORY_H_
#define TENSORGATE_PYTHON_MEMORY_H_

#include <nanobind/nanobind.h>

#include <cstddef>
#include <span>
#include <utility>

#include "tensorgate/checkpoint.h"

namespace tensorgate::python {

/// Owns its bytes, which stay in place; any number of objects can use and write them through the
/// buffer protocol.
class Memory {
 public:
  explicit Memory(Buffer buffer) : buffer_(std::move(buffer)) {}
  explicit Memory(Loaded loaded) : loaded_(std::move(loaded)), many_(true) {}
  std::span<const std::byte> bytes() const {
    return many_ ? loaded_.buffer().bytes() : buffer_.bytes();
  }
  /// Offset of the `i`-th of the tensors that were loaded together.
  std::size_t offset(std::size_t i) const;

 private:
  Buffer buffer_;
  Loaded loaded_;
  bool many_ = false;
};

void BindMemory(nanobind::module_& module);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_MEMORY_H_
