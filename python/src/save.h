// Writes files for Python.
#ifndef TENSORGATE_PYTHON_SAVE_H_
#define TENSORGATE_PYTHON_SAVE_H_

#include <nanobind/nanobind.h>

namespace tensorgate::python {

void BindSave(nanobind::module_& module);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_SAVE_H_
