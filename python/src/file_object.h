// Python's file objects, and other objects that deliver bytes.
#ifndef TENSORGATE_PYTHON_FILE_OBJECT_H_
#define TENSORGATE_PYTHON_FILE_OBJECT_H_

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "tensorgate/source.h"

namespace tensorgate::python {

/// A view of an object's bytes by the buffer protocol, released by the destructor. Hold the GIL
/// when it is created and destroyed.
class BufferView {
 public:
  /// Raises TypeError if `object` has no contiguous buffer.
  explicit BufferView(nanobind::handle object, bool writable = false);
  BufferView(const BufferView&) = delete;
  BufferView& operator=(const BufferView&) = delete;
  ~BufferView() { PyBuffer_Release(&view_); }
  std::span<const std::byte> bytes() const;
  std::span<std::byte> writable_bytes() const;

 private:
  Py_buffer view_{};
};

/// The descriptor of `object`, if it is one of the interpreter's own file objects, whose bytes are
/// the descriptor's; otherwise -1. Other objects (a gzip file) may have a `fileno` for other bytes.
int PlainDescriptor(nanobind::handle object);

/// A source that uses `seek` and `read` of a file object. Takes the GIL for each read. Exceptions
/// of the object are kept for Rethrow().
class FileObjectSource final : public Source {
 public:
  /// Finds the size by seeking to the end; the destructor restores the position.
  explicit FileObjectSource(nanobind::handle object);
  ~FileObjectSource() override;
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;
  /// Raises the exception that the object raised while it was read.
  void Rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  nanobind::object seek_, read_;
  std::uint64_t begin_ = 0;
  std::uint64_t size_ = 0;
  std::exception_ptr failure_;
};

/// A file object that delivers its bytes in order.
class StreamReader {
 public:
  explicit StreamReader(nanobind::handle object);
  /// The bytes that are available, even if fewer than requested; empty at the end. Raises the
  /// object's exceptions, and ValueError if it would block.
  nanobind::object Read();
  /// Waits up to a tenth of a second until bytes can be read; true if they may be available. It
  /// only waits for pipes, sockets and terminals, and returns true for everything else. Releases
  /// the GIL.
  bool Wait() const;

 private:
  nanobind::object read_, read_some_;  // the latter only if the object has it
  int descriptor_;                     // to wait for; -1: none
};

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_FILE_OBJECT_H_
