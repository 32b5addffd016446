// `tensorgate.check`: a path, bytes or a file object, and the report on it.
#ifndef TENSORGATE_PYTHON_CHECK_H_
#define TENSORGATE_PYTHON_CHECK_H_

#include <nanobind/nanobind.h>

#include <string>

#include "tensorgate/limits.h"

namespace tensorgate::python {

/// `limits`: a mapping of `Limits`' members to numbers, or None. Raises ValueError or TypeError for others.
CheckOptions MakeOptions(nanobind::handle profile, nanobind::handle limits,
                         nanobind::handle max_findings);

/// `os.fspath(object)` as the system's bytes, if `object` is a path.
bool AsPath(nanobind::handle object, std::string& path);

void BindCheck(nanobind::module_& module);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_CHECK_H_
