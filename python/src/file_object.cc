#include "python/src/file_object.h"

#include <algorithm>
#include <cstring>

#include "python/src/arguments.h"

namespace tensorgate::python {
namespace nb = nanobind;

BufferView::BufferView(nb::handle object, bool writable) {
  const int flags = writable ? PyBUF_CONTIG : PyBUF_SIMPLE;
  if (PyObject_GetBuffer(object.ptr(), &view_, flags) == 0) return;
  if (PyErr_ExceptionMatches(PyExc_BufferError) == 0) throw nb::python_error();
  PyErr_Clear();
  throw nb::value_error(writable ? "contiguous bytes that can be written are needed"
                                 : "contiguous bytes are needed");
}

std::span<const std::byte> BufferView::bytes() const {
  return {static_cast<const std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
}

std::span<std::byte> BufferView::writable_bytes() const {
  return {static_cast<std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
}

int PlainDescriptor(nb::handle object) {
  const nb::module_ io = nb::module_::import_("_io");
  nb::object raw = nb::borrow(object);
  if (raw.type().is(io.attr("BufferedReader")) || raw.type().is(io.attr("BufferedRandom"))) {
    raw = raw.attr("raw");
  }
  if (!raw.type().is(io.attr("FileIO"))) return -1;
  return nb::cast<int>(raw.attr("fileno")());
}

FileObjectSource::FileObjectSource(nb::handle object)
    : seek_(object.attr("seek")), read_(object.attr("read")) {
  const nb::object tell = object.attr("tell");
  begin_ = NumberArgument(tell(), "tell() of the file object");
  // Not every seek() returns the position.
  seek_(0, 2);
  size_ = NumberArgument(tell(), "tell() of the file object");
}

FileObjectSource::~FileObjectSource() {
  try {
    seek_(begin_);
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("tensorgate: the position of a file object could not be restored");
  }
}

Result<std::size_t> FileObjectSource::Read(std::uint64_t offset, std::span<std::byte> into) {
  const nb::gil_scoped_acquire held;
  try {
    seek_(offset);
    const nb::object answer = read_(into.size());
    const BufferView view(answer);
    if (view.bytes().size() > into.size()) {
      throw nb::value_error("read() of the file object returned more bytes than asked for");
    }
    std::ranges::copy(view.bytes(), into.begin());
    return view.bytes().size();
  } catch (...) {
    failure_ = std::current_exception();
    return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
  }
}

}  // namespace tensorgate::python
