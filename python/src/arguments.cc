#include "python/src/arguments.h"

namespace tensorgate::python {
namespace nb = nanobind;

void RaiseWrongType(const char* what, const char* kind, nb::handle object) {
  nb::raise_type_error("%s must be %s, not %s", what, kind, nb::inst_name(object).c_str());
}

std::string TextArgument(nb::handle object, const char* what) {
  if (!PyUnicode_Check(object.ptr())) RaiseWrongType(what, "a str", object);
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
  if (text == nullptr) {
    PyErr_Clear();
    throw nb::value_error((std::string(what) + " contains an unpaired surrogate").c_str());
  }
  return std::string(text, static_cast<std::size_t>(size));
}

std::uint64_t NumberArgument(nb::handle object, const char* what) {
  constexpr const char* kKind = "a whole number from 0 to 2^64 - 1";
  if (PyBool_Check(object.ptr()) || PyIndex_Check(object.ptr()) == 0) {
    RaiseWrongType(what, kKind, object);
  }
  const nb::object number = nb::steal(PyNumber_Index(object.ptr()));
  if (!number.is_valid()) throw nb::python_error();
  const std::uint64_t value = PyLong_AsUnsignedLongLong(number.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    nb::raise_type_error("%s must be %s", what, kKind);
  }
  return value;
}

bool FlagArgument(nb::handle object, const char* what) {
  if (!PyBool_Check(object.ptr())) RaiseWrongType(what, "a bool", object);
  return object.is(nb::handle(Py_True));
}

PyObject* RefuseNew(PyTypeObject* type, PyObject* /*arguments*/, PyObject* /*named*/) {
  const nb::str name = nb::type_name(nb::handle(reinterpret_cast<PyObject*>(type)));
  PyErr_Format(PyExc_TypeError,
               "%U objects cannot be created directly: tensorgate's functions return them",
               name.ptr());
  return nullptr;
}

}  // namespace tensorgate::python
