#include "python/src/memory.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "python/src/arguments.h"
#include "python/src/file_object.h"
#include "tensorgate/dtype.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  const std::span<const std::byte> bytes = nb::cast<const Memory&>(nb::handle(self)).bytes();
  // The bytes are ours and writable; the view is const because nothing here writes to them.
  return PyBuffer_FillInfo(view, self, const_cast<std::byte*>(bytes.data()),
                           static_cast<Py_ssize_t>(bytes.size()), /*readonly=*/0, flags);
}

PyType_Slot kSlots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(&GetBuffer)},
                        {Py_tp_new, reinterpret_cast<void*>(&RefuseNew)},
                        {0, nullptr}};

/// The dimension limit of NumPy and PyTorch's iterators; other packages abort on more.
constexpr std::size_t kMaxRank = 64;

/// DLPack's type codes; 8-bit floats have one each. There is none for sub-byte types packed as in
/// the format.
std::optional<std::uint8_t> DlpackCode(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return 6;
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
      return 0;
    case DType::kU8:
    case DType::kU16:
    case DType::kU32:
    case DType::kU64:
      return 1;
    case DType::kF16:
    case DType::kF32:
    case DType::kF64:
      return 2;
    case DType::kBF16:
      return 4;
    case DType::kC64:
      return 5;
    case DType::kF8E4M3:
      return 10;
    case DType::kF8E4M3FNUZ:
      return 11;
    case DType::kF8E5M2:
      return 12;
    case DType::kF8E5M2FNUZ:
      return 13;
    case DType::kF8E8M0:
      return 14;
    case DType::kF4:
    case DType::kF6E2M3:
    case DType::kF6E3M2:
      break;
  }
  return std::nullopt;
}

/// A tensor for any package that supports DLPack. nanobind's own class for it can be created empty
/// by `type(tensor)()`, and using that ends the process; this class cannot be created so.
struct DlpackTensor {
  nb::object array;
};

int GetTensorBuffer(PyObject* self, Py_buffer* view, int flags) {
  return PyObject_GetBuffer(nb::cast<const DlpackTensor&>(nb::handle(self)).array.ptr(), view,
                            flags);
}

PyType_Slot kTensorSlots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(&GetTensorBuffer)},
                              {Py_tp_new, reinterpret_cast<void*>(&RefuseNew)},
                              {0, nullptr}};

/// A tensor in the bytes of `owner`.
DlpackTensor MakeDlpack(nb::handle owner, std::size_t offset, std::string_view dtype_name,
                        const std::vector<std::size_t>& shape) {
  const std::optional<DType> dtype = FindDType(dtype_name);
  const std::optional<std::uint8_t> code = dtype ? DlpackCode(*dtype) : std::nullopt;
  if (!code) throw nb::value_error("DLPack has no such dtype");
  if (shape.size() > kMaxRank) throw nb::value_error("DLPack tensors have at most 64 dimensions");
  const nb::dlpack::dtype type{*code, static_cast<std::uint8_t>(Bits(*dtype)), 1};
  // The bytes stay in place as long as their owner lives; the view is only for the bounds.
  BufferView view(owner, /*writable=*/true);
  if (offset > view.bytes().size()) throw nb::value_error("the offset is outside the bytes");
  // Only division: the product of the dimensions may overflow.
  std::size_t left = (view.bytes().size() - offset) / (type.bits / 8u);
  for (const std::size_t dimension : shape) {
    if (dimension == 0) break;
    left /= dimension;
  }
  if (left == 0 && std::ranges::find(shape, std::size_t{0}) == shape.end()) {
    throw nb::value_error("the shape does not fit the bytes");
  }
  return {nb::cast(nb::ndarray<nb::array_api>(view.writable_bytes().subspan(offset).data(),
                                              shape.size(), shape.data(), owner, nullptr, type,
                                              nb::device::cpu::value, 0))};
}

}  // namespace

std::size_t Memory::offset(std::size_t i) const {
  const std::span<const std::byte> one = loaded_.bytes(i);
  return one.empty() ? 0 : static_cast<std::size_t>(one.data() - bytes().data());
}

void BindMemory(nb::module_& module) {
  nb::class_<Memory>(
      module, "Memory", nb::is_final(), nb::type_slots(kSlots),
      "Memory that tensors were read into; supports the buffer protocol and is writable.")
      .def("__len__", [](const Memory& self) { return self.bytes().size(); });
  nb::class_<DlpackTensor>(module, "DlpackTensor", nb::is_final(), nb::type_slots(kTensorSlots),
                           "A tensor that other frameworks can use without a copy.")
      .def("__dlpack__",
           [](const DlpackTensor& self, const nb::args& arguments, const nb::kwargs& named) {
             return self.array.attr("__dlpack__")(*arguments, **named);
           })
      .def("__dlpack_device__",
           [](const DlpackTensor& self) { return self.array.attr("__dlpack_device__")(); });
  module.def("dlpack", &MakeDlpack, nb::arg("owner"), nb::arg("offset"), nb::arg("dtype"),
             nb::arg("shape"), "A tensor in the bytes of `owner`; it has `__dlpack__`.");
}

}  // namespace tensorgate::python
