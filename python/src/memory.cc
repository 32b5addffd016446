#include "python/src/memory.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  const std::span<const std::byte> bytes = nb::cast<const Memory&>(nb::handle(self)).bytes();
  // The bytes are ours, and writable; the view of them is not because nobody here writes.
  return PyBuffer_FillInfo(view, self, const_cast<std::byte*>(bytes.data()),
                           static_cast<Py_ssize_t>(bytes.size()), /*readonly=*/0, flags);
}

PyType_Slot kSlots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(&GetBuffer)}, {0, nullptr}};

}  // namespace

std::size_t Memory::offset(std::size_t i) const {
  const std::span<const std::byte> one = loaded_.bytes(i);
  return one.empty() ? 0 : static_cast<std::size_t>(one.data() - bytes().data());
}

void BindMemory(nb::module_& module) {
  nb::class_<Memory>(module, "Memory", nb::type_slots(kSlots),
                     "Memory that tensors were read into; has the buffer protocol, writable.")
      .def("__len__", [](const Memory& self) { return self.bytes().size(); });
}

}  // namespace tensorgate::python
