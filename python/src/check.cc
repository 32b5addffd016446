#include "python/src/check.h"

#include <fcntl.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "lib/scan/judge.h"
#include "lib/source/store.h"
#include "python/src/arguments.h"
#include "python/src/file_object.h"
#include "python/src/interrupt.h"
#include "python/src/report.h"
#include "tensorgate/formats.h"
#include "tensorgate/scan.h"
#include "tensorgate/shards.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

Report CheckDescriptor(int descriptor, const std::string& name, const CheckOptions& options) {
  const nb::gil_scoped_release released;
  Result<FileSource> source = FileSource::FromDescriptor(descriptor);
  return source ? Scan(*source, name, options) : ScanFailure(source.error(), options);
}

Report CheckSeekable(nb::handle object, const std::string& name, const CheckOptions& options) {
  FileObjectSource source(object);
  std::optional<Report> report;
  {
    const nb::gil_scoped_release released;
    report = Scan(source, name, options);
  }
  source.Rethrow();
  RaisePending();
  return *std::move(report);
}

/// The remaining bytes of a stream that cannot seek.
Report CheckStream(nb::handle object, const std::string& name, const CheckOptions& options) {
  StreamReader reader(object);
  StreamScan scan(options, name);
  while (true) {
    // Without a deadline the object's own waiting is good enough, and Python's signal handlers run
    // in it.
    while (options.deadline && !reader.Wait()) {
      if (!options.keep_going() || std::chrono::steady_clock::now() >= *options.deadline) {
        return scan.Finish(false);
      }
    }
    const nb::object answer = reader.Read();
    const BufferView view(answer);
    if (view.bytes().empty()) return scan.Finish(true);
    const nb::gil_scoped_release released;
    if (!scan.Feed(view.bytes())) break;
  }
  return scan.Finish(false);
}

bool IsFolder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

bool IsTrue(nb::handle object, const char* method) {
  if (!nb::hasattr(object, method)) return false;
  const int truth = PyObject_IsTrue(nb::object(object.attr(method)()).ptr());
  if (truth < 0) throw nb::python_error();
  return truth != 0;
}

Report CheckPath(const std::string& path, const std::string& name, const CheckOptions& options) {
  const nb::gil_scoped_release released;
  if (IsNamedIndex(path)) return CheckCheckpoint(path, options).report;
  const Result<std::unique_ptr<Source>> source = internal::OpenPath(path);
  if (!source && source.error().rule == Rule::kIoNotRegular && IsFolder(path)) {
    return CheckCheckpoint(path, options).report;
  }
  return source ? Scan(**source, name, options) : ScanFailure(source.error(), options);
}

Report CheckBuffer(nb::handle what, const std::string& name, const CheckOptions& options) {
  const BufferView view(what);
  const nb::gil_scoped_release released;
  MemorySource source(view.bytes());
  return Scan(source, name, options);
}

Report CheckFile(nb::handle what, const std::string& name, const CheckOptions& options) {
  if (!nb::hasattr(what, "read")) {
    throw nb::type_error("check() takes a path, bytes or a file object");
  }
  const int descriptor = PlainDescriptor(what);
  // A descriptor opened without blocking, as the guard opens a path, is a file or is refused.
  const bool waits = descriptor < 0 || (::fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0;
  if (waits && !IsTrue(what, "seekable")) return CheckStream(what, name, options);
  return descriptor >= 0 ? CheckDescriptor(descriptor, name, options)
                         : CheckSeekable(what, name, options);
}

std::chrono::duration<double> Seconds(nb::handle timeout) {
  const double seconds = PyFloat_AsDouble(timeout.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw nb::type_error("timeout must be a number of seconds");
  }
  if (!(seconds >= 0)) throw nb::value_error("timeout must be 0 or more seconds");
  return std::chrono::duration<double>(seconds);
}

/// The report on a file that is accepted, but not on the user's list of approved files.
ReportHandle NotPinned(const ReportHandle& handle) {
  const Report& accepted = handle.shared->report;
  CheckOptions options;
  options.profile = accepted.profile();
  options.limits = accepted.limits();
  return {tensorgate::internal::OfNoUse(accepted, Rule::kUseNotPinned, options),
          handle.shared->name};
}

nb::object Check(nb::handle what, nb::handle name, nb::handle profile, nb::handle limits,
                 nb::handle max_findings, nb::handle trust, nb::handle timeout, nb::handle pins) {
  if (!pins.is_none()) {
    // Digests are computed in Python: this module needs no OpenSSL.
    return nb::module_::import_("tensorgate._pins")
        .attr("check")(what, pins, nb::arg("name") = name, nb::arg("profile") = profile,
                       nb::arg("limits") = limits, nb::arg("max_findings") = max_findings,
                       nb::arg("trust") = trust, nb::arg("timeout") = timeout);
  }
  CheckOptions options = MakeOptions(profile, limits, max_findings);
  if (!trust.is_none()) {
    options.trusted = ObjectArgument<TrustList>(trust, "trust", "a TrustList");
  }
  if (!timeout.is_none()) options.deadline = DeadlineIn(Seconds(timeout));
  Signals signals;
  options.keep_going = [&signals] { return signals.KeepGoing(); };
  std::string given, path;
  if (!name.is_none() && !AsPath(name, given)) throw nb::type_error("name must be a path");
  const bool is_path = AsPath(what, path);
  const std::string& shown = given.empty() ? path : given;
  Report report = is_path                            ? CheckPath(path, shown, options)
                  : PyObject_CheckBuffer(what.ptr()) ? CheckBuffer(what, given, options)
                                                     : CheckFile(what, given, options);
  RaisePending();
  return nb::cast(ReportHandle(std::move(report), shown));
}

constexpr const char* kCheckText =
    R"(Checks a file without loading it.

`what` is a path, an object with the buffer protocol, or a file object. A path may also be the
index of a sharded checkpoint, or its folder: index and shards are judged together. If a file
object can seek, all its bytes are judged, whatever its position, which is restored. Otherwise, as
for a pipe or a socket, its remaining bytes are judged, until the verdict is certain. Exceptions
of a file object are passed on.

`name` is a name for the report, whose suffix decides whose rules refuse a file that is not
recognized. `profile` is `strict`, or `reference`: a prediction of what the format's own loader
accepts. `limits` sets limits by name (see below). `trust` lets a pickle also use the functions and
classes of that list; each use is reported as `use/trusted-call`, and loading such a file runs
their code.

Returns a `Report`, which is true if and only if the file is accepted. Never raises for the
content of a file. Other Python threads can run during the check, and Ctrl-C ends a long one.

`timeout` is the time limit in seconds, for all shards together; after that the verdict is
`undecided` (`limit/time`). It also applies while a pipe or socket sends nothing; a call of any
other file object's `read` is not interrupted.

`pins` is a list of approved files: a path, or a `tensorgate.Pins`, which explains the syntax. A
file that is accepted and not on the list is `rejected` (`use/not-pinned`).

The limits, all inclusive:
)";

// The docstring of `check`, with a line for each limit.
std::string CheckText() {
  std::string text = kCheckText;
  for (const LimitInfo& limit : kLimits) {
    text.append("\n    ").append(limit.name).append(": ").append(limit.meaning).append(".");
  }
  return text;
}

constexpr const char* kTrustText =
    R"(Functions and classes that a pickle may use in addition to PyTorch's own, and how.

One entry per line, `#` starts a comment:

    argparse.Namespace  newobj()  build(dict)
    datetime.timedelta  reduce(int, int, int)
    numpy

`reduce` is a call, `newobj` creates an object with the class's `__new__`; each is followed by one
kind for each argument. `build` says what state such an object may then be given. A kind is None,
bool, int, float, str, bytes, tuple, list, dict, OrderedDict, Counter, set, bytearray, complex,
dtype, layout, qscheme, Size, device, Tensor, object (created by an entry of the list), any, or
several joined by `|`. The line `numpy` allows NumPy's scalars, arrays and dtypes of numbers, whose
sizes and byte order are checked against their bytes; their names cannot be entries, since NumPy
interprets memory as such a file describes it. Raises ValueError, which names the first invalid
line.)";

}  // namespace

CheckOptions MakeOptions(nb::handle profile, nb::handle limits, nb::handle max_findings) {
  CheckOptions options;
  options.max_findings = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(NumberArgument(max_findings, "max_findings"), 1, UINT32_MAX));
  const std::string named = TextArgument(profile, "profile");
  if (named == "reference") {
    options.profile = Profile::kReference;
  } else if (named != "strict") {
    throw nb::value_error("profile must be 'strict' or 'reference'");
  }
  if (limits.is_none()) return options;
  const auto given = nb::cast<nb::dict>(nb::module_::import_("builtins").attr("dict")(limits));
  for (const auto& [key, value] : given) {
    const std::string name = TextArgument(key, "the name of a limit");
    const auto* found = std::ranges::find(kLimits, name, &LimitInfo::name);
    if (found == kLimits.end()) throw nb::value_error(("no limit '" + name + "'").c_str());
    options.limits.*found->member = NumberArgument(value, ("the limit " + name).c_str());
  }
  return options;
}

bool AsPath(nb::handle object, std::string& path) {
  PyObject* bytes = nullptr;
  const bool is_path = PyUnicode_Check(object.ptr()) || nb::hasattr(object, "__fspath__");
  if (!is_path) return false;
  if (PyUnicode_FSConverter(object.ptr(), &bytes) == 0) throw nb::python_error();
  const nb::bytes held = nb::steal<nb::bytes>(bytes);
  path.assign(held.c_str(), held.size());
  return true;
}

void BindCheck(nb::module_& module) {
  module.def(
      "formats",
      [] {
        nb::dict parsed;
        for (const FormatInfo& format : AllFormats()) {
          parsed[nb::str(format.name.data(), format.name.size())] = format.is_proven;
        }
        return parsed;
      },
      "Every name that `Report.format` can have for a file, and whether a parser verifies it.");
  nb::class_<TrustList>(module, "TrustList", nb::is_final(), kTrustText)
      .def(
          "__init__",
          [](TrustList* self, nb::handle text) {
            std::expected<TrustList, TrustError> list =
                TrustList::Parse(TextArgument(text, "the text of a TrustList"));
            if (!list) {
              const TrustError& error = list.error();
              throw nb::value_error(
                  ("line " + std::to_string(error.line) + ": " + error.reason).c_str());
            }
            new (self) TrustList(*std::move(list));
          },
          nb::arg("text").none());
  module.def("plain_descriptor", &PlainDescriptor, nb::arg("file").none(),
             "The descriptor that the file object reads its bytes from, or -1.");
  module.def("check", &Check, nb::arg("what").none(), nb::kw_only(), nb::arg("name") = nb::none(),
             nb::arg("profile").none() = "strict", nb::arg("limits") = nb::none(),
             nb::arg("max_findings").none() = 20, nb::arg("trust") = nb::none(),
             nb::arg("timeout") = nb::none(), nb::arg("pins") = nb::none(), CheckText().c_str());
  module.def("not_pinned", &NotPinned, nb::arg("report"),
             "The report on a file that is accepted, but not on a list of approved files.");
}

}  // namespace tensorgate::python
