// A report as plain Python values, for pickling and copying.
#ifndef TENSORGATE_PYTHON_REPORT_STATE_H_
#define TENSORGATE_PYTHON_REPORT_STATE_H_

#include <nanobind/nanobind.h>

#include "python/src/report.h"

namespace tensorgate::python {

nanobind::tuple StateOf(const ReportHandle& report);

/// Raises ValueError for the state of a version with other rules, TypeError for other values.
ReportHandle FromState(const nanobind::tuple& state);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_REPORT_STATE_H_
