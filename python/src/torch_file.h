// PyTorch checkpoints for Python: reads the storages, creates the values as objects.
#ifndef TENSORGATE_PYTHON_TORCH_FILE_H_
#define TENSORGATE_PYTHON_TORCH_FILE_H_

#include <nanobind/nanobind.h>

namespace tensorgate::python {

void BindTorchFile(nanobind::module_& module);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_TORCH_FILE_H_
