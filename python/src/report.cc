#include "python/src/report.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "python/src/arguments.h"
#include "python/src/report_state.h"
#include "tensorgate/render.h"
#include "tensorgate/rules.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

/// A finding, and the report that owns it.
struct FindingHandle {
  std::shared_ptr<const ReportHandle::Named> owner;
  std::size_t index;
  const Report& report() const { return owner->report; }
  const Finding& finding() const { return report().findings()[index]; }
  const RuleInfo& info() const { return Info(finding().rule); }
};

// As in JSON: a finding about the file as a whole has no subject.
nb::object Subject(const FindingHandle& self) {
  const std::string_view subject = self.report().Subject(self.finding());
  if (subject.empty() && !self.info().message.contains("{subject}")) return nb::none();
  return ToText(subject);
}

nb::object Found(const FindingHandle& self) {
  const std::string_view text = self.report().FoundText(self.finding());
  if (!text.empty()) return ToText(text);
  return self.finding().has_found ? nb::cast(self.finding().found) : nb::none();
}

nb::object Allowed(const FindingHandle& self) {
  if (self.finding().has_allowed) return nb::cast(self.finding().allowed);
  const std::string_view words = self.info().allowed;
  return words.empty() ? nb::none() : nb::cast(words);
}

// Everything that a finding says.
std::string Content(const FindingHandle& self) {
  const Finding& finding = self.finding();
  std::string text = std::string(self.info().id) + ' ' + std::to_string(finding.offset) + ' ' +
                     std::to_string(finding.has_found) + ' ' + std::to_string(finding.found) + ' ' +
                     std::to_string(finding.has_allowed) + ' ' + std::to_string(finding.allowed) +
                     ' ' + std::string(Name(finding.severity)) + ' ';
  text += std::to_string(finding.subject_text) + ' ';
  text.append(self.report().Subject(finding)).append(self.report().FoundText(finding));
  return text;
}

std::string Json(const ReportHandle& self) {
  const std::string& name = self.shared->name;
  return RenderJson(name.empty() ? "-" : name, self.shared->report);
}

// Equality and hash of a class whose objects are equal if `content` is.
template <typename T, std::string (*content)(const T&)>
void BindEquality(nb::class_<T>& bound) {
  bound.def(
      "__eq__",
      [](const T& self, nb::handle other) -> nb::object {
        if (!nb::isinstance<T>(other)) return nb::borrow(Py_NotImplemented);
        return nb::bool_(content(self) == content(nb::cast<const T&>(other)));
      },
      nb::arg("other").none());
  bound.def("__hash__", [](const T& self) { return nb::hash(nb::cast(content(self))); });
}

nb::object Findings(const ReportHandle& self) {
  nb::list list;
  for (std::size_t i = 0; i < self.shared->report.findings().size(); ++i) {
    list.append(FindingHandle{self.shared, i});
  }
  return nb::tuple(list);
}

std::optional<FindingHandle> Reason(const ReportHandle& self) {
  const Report& report = self.shared->report;
  const Finding* const reason = report.reason();
  if (reason == nullptr) return std::nullopt;
  return FindingHandle{self.shared, static_cast<std::size_t>(reason - report.findings().data())};
}

nb::object Facts(const ReportHandle& self) {
  const std::optional<Report::Facts>& facts = self.shared->report.facts();
  if (!facts) return nb::none();
  nb::dict dict;
  dict["header_bytes"] = facts->header_bytes;
  dict["padding_bytes"] = facts->padding_bytes;
  dict["tensors"] = facts->tensors;
  dict["parameters"] = facts->parameters;
  dict["data_bytes"] = facts->data_bytes;
  dict["metadata_entries"] = facts->metadata_entries;
  return dict;
}

nb::object Shards(const ReportHandle& self) {
  nb::list list;
  for (const ShardVerdict& shard : self.shared->report.shards()) {
    std::optional<std::string_view> rule;
    if (shard.reason) rule = Info(*shard.reason).id;
    list.append(nb::make_tuple(ToText(shard.name), Name(shard.verdict), rule));
  }
  return nb::tuple(list);
}

std::string Text(const ReportHandle& self, nb::handle verbose_flag) {
  const bool verbose = FlagArgument(verbose_flag, "verbose");
  const std::string& name = self.shared->name;
  return RenderText(name.empty() ? "-" : name, self.shared->report, {.verbose = verbose});
}

std::string Line(const FindingHandle& self) {
  return std::string(Name(self.finding().severity)) + " " + std::string(self.info().id) +
         " at byte " + std::to_string(self.finding().offset) + ": " +
         Message(self.report(), self.finding());
}

bool Accepted(const ReportHandle& self) {
  return self.shared->report.verdict() == Verdict::kAccepted;
}

void BindFinding(nb::module_& module) {
  using Self = const FindingHandle&;
  nb::class_<FindingHandle> bound(module, "Finding", nb::is_final(), nb::type_slots(kOnlyMadeHere),
                                  "A rule that fired, and where.");
  BindEquality<FindingHandle, Content>(bound);
  bound
      .def_prop_ro(
          "rule", [](Self self) { return self.info().id; },
          "The rule's stable id, such as `safetensors/offsets-overlap`.")
      .def_prop_ro(
          "severity", [](Self self) { return Name(self.finding().severity); },
          "`error`, `warning` or `note`.")
      .def_prop_ro(
          "offset", [](Self self) { return self.finding().offset; },
          "Position in bytes from the start of the file.")
      .def_prop_ro(
          "subject", &Subject,
          "The subject, such as a tensor's name, as it is in the file: untrusted text, at most "
          "256 bytes of it. None for a finding about the file as a whole.")
      .def_prop_ro(
          "found", &Found,
          "The number or the text that was found; None if there is neither. Text may come from the "
          "file: untrusted.")
      .def_prop_ro("allowed", &Allowed,
                   "What is allowed: a number, or words; None if there is neither.")
      .def_prop_ro(
          "message", [](Self self) { return Message(self.report(), self.finding()); },
          "One sentence for people; text from the file is escaped in it.")
      .def_prop_ro(
          "summary", [](Self self) { return self.info().summary; },
          "What the rule is about, in one line.")
      .def_prop_ro(
          "why", [](Self self) { return self.info().why; },
          "Why it matters: which reader breaks, and how.")
      .def_prop_ro(
          "fix", [](Self self) { return self.info().fix; }, "What to do about it.")
      .def_prop_ro(
          "cwe", [](Self self) { return self.info().cwe; }, "`CWE-190`, or empty.")
      .def("__str__", &Line)
      .def("__repr__", [](Self self) { return "<tensorgate.Finding " + Line(self) + ">"; })
      .def("__reduce__", [](Self self) {
        return nb::make_tuple(nb::module_::import_("tensorgate._reports").attr("finding"),
                              nb::make_tuple(StateOf(ReportHandle(self.owner)), self.index));
      });
  module.def("_finding", [](const nb::tuple& state, std::size_t index) {
    const ReportHandle report = FromState(state);
    if (index >= report.shared->report.findings().size()) throw nb::value_error("no such finding");
    return FindingHandle{report.shared, index};
  });
}

}  // namespace

nb::str ToText(std::string_view bytes) {
  PyObject* text =
      PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "backslashreplace");
  if (text == nullptr) throw nb::python_error();
  return nb::steal<nb::str>(text);
}

void RaiseRefused(Report report, std::string name) {
  nb::module_::import_("tensorgate._errors")
      .attr("raise_refused")(ReportHandle(std::move(report), std::move(name)));
  throw nb::type_error("tensorgate._errors.raise_refused returned");
}

void BindReport(nb::module_& module) {
  using Self = const ReportHandle&;
  BindFinding(module);
  nb::class_<ReportHandle> bound(
      module, "Report", nb::is_final(), nb::type_slots(kOnlyMadeHere),
      "The result of a check: one verdict, and the findings that explain it. True if and only if "
      "the verdict is `accepted`. Two reports are equal if they say the same of the same name.");
  BindEquality<ReportHandle, Json>(bound);
  module.def("_report", &FromState);
  bound
      .def_prop_ro(
          "verdict", [](Self self) { return Name(self.shared->report.verdict()); },
          "`accepted`, `rejected`, `undecided` or `unsupported`.")
      .def_prop_ro(
          "impact",
          [](Self self) -> std::optional<std::string_view> {
            const std::optional<Impact> impact = self.shared->report.impact();
            return impact ? std::optional(Name(*impact)) : std::nullopt;
          },
          "What a rejected file would do, the worst first: `runs-code`, `foreign-classes`, "
          "`malformed`, `damaged` or `not-the-model`; None for other verdicts. It explains, and "
          "decides nothing.")
      .def_prop_ro("accepted", &Accepted, "Every check passed.")
      .def_prop_ro(
          "name", [](Self self) { return ToText(self.shared->name); },
          "The path or name that was given; empty for bytes and streams without a name.")
      .def_prop_ro(
          "profile", [](Self self) { return Name(self.shared->report.profile()); },
          "`strict` or `reference`.")
      .def_prop_ro(
          "scope", [](Self self) { return Name(self.shared->report.scope()); },
          "`structure` (every structural byte; tensor data were not read) or `full`.")
      .def_prop_ro(
          "format", [](Self self) { return self.shared->report.format(); },
          "`safetensors`, `pytorch-zip` …; `unknown` if the file was not recognized.")
      .def_prop_ro(
          "file_class",
          [](Self self) -> std::optional<std::string_view> {
            const std::optional<FileClass> file_class = self.shared->report.file_class();
            return file_class ? std::optional(Name(*file_class)) : std::nullopt;
          },
          "For an unsupported file: `model`, `other` or `not-fetched`; otherwise None.")
      .def_prop_ro(
          "size", [](Self self) { return self.shared->report.size(); },
          "Size of the file in bytes; None for a stream that was refused early.")
      .def_prop_ro(
          "bytes_read", [](Self self) { return self.shared->report.bytes_read(); },
          "Bytes that the check read.")
      .def_prop_ro("findings", &Findings,
                   "In the order of the rules; the first error is the reason for a rejection.")
      .def_prop_ro(
          "reason", &Reason,
          "The finding that explains why the file is not accepted: the first error, or for an "
          "unsupported file the note that says what it is. None if it is accepted.")
      .def_prop_ro(
          "dropped_findings", [](Self self) { return self.shared->report.dropped_findings(); },
          "Number of findings that were counted but not kept.")
      .def_prop_ro("facts", &Facts,
                   "Facts from the header, if it could be read: `tensors`, `parameters`, "
                   "`header_bytes` …; otherwise None.")
      .def_prop_ro("shards", &Shards,
                   "For a sharded checkpoint, one tuple for each shard that was checked: its name "
                   "as written in the index, its verdict, and the rule of its first error, or "
                   "None if it is accepted.")
      .def("text", &Text, nb::arg("verbose").none() = false,
           "The report for people, as `tensorgate scan` prints it.")
      .def("json", &Json, "One JSON object, as described by docs/report.schema.json.")
      .def(
          "to_dict",
          [](Self self) { return nb::module_::import_("json").attr("loads")(Json(self)); },
          "The same as a dict.")
      .def("__reduce__",
           [](Self self) {
             return nb::make_tuple(nb::module_::import_("tensorgate._reports").attr("report"),
                                   nb::make_tuple(StateOf(self)));
           })
      .def(
          "raise_unless_accepted",
          [](Self self) {
            if (!Accepted(self)) RaiseRefused(self.shared->report, self.shared->name);
          },
          "Raises RejectedError for any other verdict (OSError if the system gave a reason).")
      .def("__bool__", &Accepted)
      .def("__str__", [](Self self) { return Text(self, nb::bool_(false)); })
      .def("__repr__", [](Self self) {
        const Report& report = self.shared->report;
        std::string text = "<tensorgate.Report " + std::string(Name(report.verdict()));
        if (const Finding* const reason = report.reason()) {
          text += " " + std::string(Info(reason->rule).id);
        }
        return text + ">";
      });
}

}  // namespace tensorgate::python
