#include "python/src/file_object.h"

#include <poll.h>

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
  throw nb::value_error(writable ? "a contiguous, writable buffer is required"
                                 : "a contiguous buffer is required");
}

std::span<const std::byte> BufferView::bytes() const {
  return {static_cast<const std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
}

std::span<std::byte> BufferView::writable_bytes() const {
  return {static_cast<std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
}

namespace {

// Attributes of the object itself, which can replace methods. open() gives it none that can be
// called.
bool HasOwnMethods(nb::handle object) {
  for (const auto& [name, value] : nb::cast<nb::dict>(object.attr("__dict__"))) {
    if (PyCallable_Check(value.ptr()) != 0) return true;
  }
  return false;
}

}  // namespace

int PlainDescriptor(nb::handle object) {
  const nb::module_ io = nb::module_::import_("_io");
  nb::object raw = nb::borrow(object);
  if (raw.type().is(io.attr("BufferedReader")) || raw.type().is(io.attr("BufferedRandom"))) {
    if (HasOwnMethods(raw)) return -1;
    raw = raw.attr("raw");
  }
  if (!raw.type().is(io.attr("FileIO")) || HasOwnMethods(raw)) return -1;
  return nb::cast<int>(raw.attr("fileno")());
}

namespace {

constexpr std::size_t kStreamBlock = 1 << 20;

/// The descriptor that `object` reads its bytes from, if nothing in between can hold some of them
/// back, as TLS does; -1 if that is not known.
int PolledDescriptor(nb::handle object) {
  if (const int descriptor = PlainDescriptor(object); descriptor >= 0) return descriptor;
  const nb::module_ io = nb::module_::import_("_io");
  if (!object.type().is(io.attr("BufferedReader"))) return -1;
  const nb::object raw = object.attr("raw");
  const nb::module_ socket = nb::module_::import_("socket");
  const bool plain =
      raw.type().is(socket.attr("SocketIO")) && raw.attr("_sock").type().is(socket.attr("socket"));
  return plain ? nb::cast<int>(raw.attr("fileno")()) : -1;
}

}  // namespace

StreamReader::StreamReader(nb::handle object)
    : read_(object.attr("read")),
      read_some_(nb::hasattr(object, "read1") ? object.attr("read1") : nb::none()),
      descriptor_(PolledDescriptor(object)) {}

nb::object StreamReader::Read() {
  nb::object answer = read_some_.is_none() ? read_(kStreamBlock) : read_some_(kStreamBlock);
  // No bytes can mean the end, or that a non-blocking descriptor has none yet.
  if (!read_some_.is_none() && PyObject_IsTrue(answer.ptr()) == 0) answer = read_(1);
  if (answer.is_none()) throw nb::value_error("the stream would block");
  return answer;
}

bool StreamReader::Wait() const {
  if (descriptor_ < 0) return true;
  const nb::gil_scoped_release released;
  pollfd wanted{.fd = descriptor_, .events = POLLIN, .revents = 0};
  constexpr int kMilliseconds = 100;
  // A signal ends it, too: then there are no bytes yet.
  return ::poll(&wanted, 1, kMilliseconds) > 0;
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
      throw nb::value_error("read() of the file object returned more bytes than requested");
    }
    std::ranges::copy(view.bytes(), into.begin());
    return view.bytes().size();
  } catch (...) {
    failure_ = std::current_exception();
    return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
  }
}

}  // namespace tensorgate::python
