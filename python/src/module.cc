// The extension module `tensorgate._native`. The public interface is python/tensorgate.
#include <nanobind/nanobind.h>

#include <exception>
#include <string>
#include <typeinfo>

#include "python/src/check.h"
#include "python/src/checkpoint.h"
#include "python/src/extract.h"
#include "python/src/memory.h"
#include "python/src/report.h"
#include "python/src/save.h"
#include "python/src/torch_file.h"
#include "tensorgate/render.h"

namespace {

/// The last resort for every call: an object that cannot be converted is the caller's mistake and
/// raises TypeError.
void TranslateBadCast(const std::exception_ptr& error, void* /*payload*/) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_cast&) {
    PyErr_SetString(PyExc_TypeError,
                    "an argument, or a value returned by one of its methods, has an unsupported "
                    "type");
  }
}

}  // namespace

NB_MODULE(_native, module) {
  // The interpreter does not free objects that still exist at its end: a guard's trust list, a
  // cached checkpoint.
  nanobind::set_leak_warnings(false);
  nanobind::register_exception_translator(&TranslateBadCast);
  module.attr("__version__") = std::string(tensorgate::ToolVersion()).c_str();
  module.attr("RULES_VERSION") = std::string(tensorgate::RulesVersion()).c_str();
  tensorgate::python::BindReport(module);
  tensorgate::python::BindCheck(module);
  tensorgate::python::BindMemory(module);
  tensorgate::python::BindCheckpoint(module);
  tensorgate::python::BindExtract(module);
  tensorgate::python::BindSave(module);
  tensorgate::python::BindTorchFile(module);
}
