// Extraction from refused checkpoints for Python.
#ifndef TENSORGATE_PYTHON_EXTRACT_H_
#define TENSORGATE_PYTHON_EXTRACT_H_

#include <nanobind/nanobind.h>

namespace tensorgate::python {

void BindExtract(nanobind::module_& module);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_EXTRACT_H_
