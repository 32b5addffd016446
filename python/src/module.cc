// The extension module `tensorgate._native`. What users see is python/tensorgate.
#include <nanobind/nanobind.h>

#include <string>

#include "python/src/check.h"
#include "python/src/checkpoint.h"
#include "python/src/memory.h"
#include "python/src/report.h"
#include "python/src/save.h"
#include "python/src/torch_file.h"
#include "tensorgate/render.h"

NB_MODULE(_native, module) {
  module.attr("__version__") = std::string(tensorgate::ToolVersion()).c_str();
  module.attr("RULES_VERSION") = std::string(tensorgate::RulesVersion()).c_str();
  tensorgate::python::BindReport(module);
  tensorgate::python::BindCheck(module);
  tensorgate::python::BindMemory(module);
  tensorgate::python::BindCheckpoint(module);
  tensorgate::python::BindSave(module);
  tensorgate::python::BindTorchFile(module);
}
