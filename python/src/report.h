// Reports as Python objects.
#ifndef TENSORGATE_PYTHON_REPORT_H_
#define TENSORGATE_PYTHON_REPORT_H_

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tensorgate/report.h"

namespace tensorgate::python {

/// A `Report` in Python: a report and the name its file was given under ("" for bytes and streams).
/// Findings share it.
struct ReportHandle {
  struct Named {
    Report report;
    std::string name;
  };
  ReportHandle(Report report, std::string name)
      : shared(std::make_shared<const Named>(std::move(report), std::move(name))) {}
  /// Shares the report of another handle.
  explicit ReportHandle(std::shared_ptr<const Named> other) : shared(std::move(other)) {}
  std::shared_ptr<const Named> shared;
};

/// Text from a file as a `str`: bytes that are not UTF-8 become `\xff`.
nanobind::str ToText(std::string_view bytes);

/// Raises `tensorgate.RejectedError`, or an `OSError` if the file could not be opened or read.
[[noreturn]] void RaiseRefused(Report report, std::string name);

void BindReport(nanobind::module_& module);

}  // namespace tensorgate::python

#endif  // TENSORGATE_PYTHON_REPORT_H_
