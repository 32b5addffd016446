// Converts arguments from Python to C++. An unsuitable one raises an error that names the argument.
#ifndef TENSORGATE_PYTHON_ARGUMENTS_H_
#define TENSORGATE_PYTHON_ARGUMENTS_H_

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>

namespace tensorgate::python {

/// Raises TypeError: "`what` must be `kind`, not `type of object`".
[[noreturn]] void RaiseWrongType(const char* what, const char* kind, nanobind::handle object);

/// A `str` as UTF-8. TypeError for others; ValueError for an unpaired surrogate.
std::string TextArgument(nanobind::handle object, const char* what);

/// A whole number from 0 to 2^64 - 1; TypeError for everything else.
std::uint64_t NumberArgument(nanobind::handle object, const char* what);

/// `True` or `False`; TypeError for everything else.
bool FlagArgument(nanobind::handle object, const char* what);

/// The `T` in `object`. TypeError for objects of other classes, and for an object that `__new__`
/// created without `__init__`.
template <typename T>
const T& ObjectArgument(nanobind::handle object, const char* what, const char* kind) {
  if (!nanobind::isinstance<T>(object)) RaiseWrongType(what, kind, object);
  if (!nanobind::inst_ready(object)) nanobind::raise_type_error("%s was not initialized", what);
  return nanobind::cast<const T&>(object);
}

/// The slot of `__new__` for classes whose objects only this module creates: raises TypeError.
PyObject* RefuseNew(PyTypeObject* type, PyObject* arguments, PyObject* named);

/// Marks a class as one of those.
inline PyType_Slot kOnlyMadeHere[] = {{Py_tp_new, reinterpret_cast<void*>(&RefuseNew)},
                                      {0, nullptr}};

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_ARGUMENTS_H_
