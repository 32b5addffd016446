// `tensorgate.check`: takes a path, bytes or a file object, and returns the report on it.
#ifndef TENSORGATE_PYTHON_CHECK_H_
#define TENSORGATE_PYTHON_CHECK_H_

#include <nanobind/nanobind.h>

#include <string>

#include "tensorgate/limits.h"

namespace tensorgate::python {

/// `limits`: a mapping from the names of `Limits`' members to numbers, or None. Raises ValueError
/// or TypeError otherwise.
CheckOptions MakeOptions(nanobind::handle profile, nanobind::handle limits,
                         nanobind::handle max_findings);

/// Sets `path` to `os.fspath(object)` as the system's bytes; false if `object` is not a path.
bool AsPath(nanobind::handle object, std::string& path);

void BindCheck(nanobind::module_& module);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_CHECK_H_
