// Python's file objects, and other things that bytes come out of.
#ifndef TENSORGATE_PYTHON_FILE_OBJECT_H_
#define TENSORGATE_PYTHON_FILE_OBJECT_H_

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "tensorgate/source.h"

namespace tensorgate::python {

/// A view of an object's bytes by the buffer protocol; released with it. The interpreter must be
/// held where it is made and dropped.
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

/// The descriptor behind `object`, if it is one of the interpreter's own file objects, whose bytes
/// are the descriptor's. Others (a gzip file) have a `fileno` of something else: -1.
int PlainDescriptor(nanobind::handle object);

/// `seek` and `read` of a file object, as a source. Takes the interpreter for each read. What the
/// object raises is kept for Rethrow().
class FileObjectSource final : public Source {
 public:
  /// Finds the size by seeking to the end; the position is put back by the destructor.
  explicit FileObjectSource(nanobind::handle object);
  ~FileObjectSource() override;
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> Read(std::uint64_t offset, std::span<std::byte> into) override;
  /// Raises what the object raised while it was read.
  void Rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  nanobind::object seek_, read_;
  std::uint64_t begin_ = 0;
  std::uint64_t size_ = 0;
  std::exception_ptr failure_;
};

/// A file object that gives its bytes in order.
class StreamReader {
 public:
  explicit StreamReader(nanobind::handle object);
  /// What has come, if only a part of what was asked for; empty at the end. Raises what the object
  /// raises, and ValueError where it would block.
  nanobind::object Read();
  /// Waits until there is something to be read, for a tenth of a second; true if there may be. Only
  /// where the bytes are those of a pipe, a socket or a terminal: all else says that there may be. The
  /// interpreter is released.
  bool Wait() const;

 private:
  nanobind::object read_, read_some_;  // the latter only where the object has it
  int descriptor_;                     // to be waited for; -1: none
};

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_FILE_OBJECT_H_
