#include "python/src/report_state.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/rules/report_builder.h"
#include "tensorgate/formats.h"
#include "tensorgate/render.h"

namespace tensorgate::python {
namespace nb = nanobind;

namespace {

using Number = std::uint64_t;

[[noreturn]] void Unknown(const char* what) {
  throw nb::value_error(
      (std::string("this report is from another version of tensorgate: ") + what).c_str());
}

nb::bytes Bytes(std::string_view text) { return nb::bytes(text.data(), text.size()); }

std::string Text(nb::handle object) {
  const auto bytes = nb::cast<nb::bytes>(object);
  return std::string(bytes.c_str(), bytes.size());
}

template <typename T>
std::optional<T> Optional(nb::handle object) {
  return object.is_none() ? std::nullopt : std::optional(nb::cast<T>(object));
}

nb::object OrNone(bool there, Number number) { return there ? nb::cast(number) : nb::none(); }

// The value with this name: the names are stable, the numbers are not.
template <typename T, std::size_t N>
T Named(const std::array<T, N>& values, nb::handle name) {
  const std::string text = Text(name);
  for (const T value : values) {
    if (Name(value) == text) return value;
  }
  Unknown(text.c_str());
}

constexpr std::array kProfiles = {Profile::kStrict, Profile::kReference};
constexpr std::array kScopes = {Scope::kStructure, Scope::kFull};
constexpr std::array kVerdicts = {Verdict::kAccepted, Verdict::kRejected, Verdict::kUndecided,
                                  Verdict::kUnsupported};
constexpr std::array kClasses = {FileClass::kModel, FileClass::kOther, FileClass::kNotFetched};
constexpr std::array kImpacts = {Impact::kRunsCode, Impact::kForeignClasses, Impact::kMalformed,
                                 Impact::kDamaged, Impact::kNotTheModel};

Rule RuleNamed(const std::string& id) {
  const RuleInfo* const info = FindRule(id);
  if (info == nullptr) Unknown(id.c_str());
  return info->rule;
}

// Reports refer to static names.
std::string_view FormatNamed(const std::string& name) {
  for (const FormatInfo& format : AllFormats()) {
    if (format.name == name) return format.name;
    if (format.shards == name) return format.shards;
  }
  Unknown(name.c_str());
}

std::string_view ReferenceErrorNamed(const std::string& name) {
  for (const RuleInfo& info : AllRules()) {
    if (info.reference_error == name) return info.reference_error;
  }
  Unknown(name.c_str());
}

nb::tuple FindingState(const Report& report, const Finding& finding) {
  return nb::make_tuple(
      Bytes(Info(finding.rule).id), finding.offset, OrNone(finding.has_found, finding.found),
      OrNone(finding.has_allowed, finding.allowed), Bytes(report.Subject(finding)),
      finding.subject_offset, finding.subject_length, Bytes(report.FoundText(finding)));
}

void AddFinding(nb::handle object, ReportBuilder& builder) {
  const auto state = nb::cast<nb::tuple>(object);
  const std::string subject = Text(state[4]), text = Text(state[7]);
  builder.Add(RuleNamed(Text(state[0])), nb::cast<Number>(state[1]),
              {.found = Optional<Number>(state[2]),
               .allowed = Optional<Number>(state[3]),
               .subject = subject,
               .subject_offset = nb::cast<Number>(state[5]),
               .subject_length = nb::cast<Number>(state[6]),
               .found_text = text});
}

constexpr std::array kFacts = {&Report::Facts::header_bytes, &Report::Facts::padding_bytes,
                               &Report::Facts::tensors,      &Report::Facts::parameters,
                               &Report::Facts::data_bytes,   &Report::Facts::metadata_entries};

nb::object FactsState(const Report& report) {
  if (!report.facts()) return nb::none();
  nb::list facts;
  for (const auto fact : kFacts) facts.append((*report.facts()).*fact);
  return facts;
}

nb::list ShardsState(const Report& report) {
  nb::list shards;
  for (const ShardVerdict& shard : report.shards()) {
    shards.append(nb::make_tuple(Bytes(shard.name), Bytes(Name(shard.verdict)),
                                 Bytes(shard.reason ? Info(*shard.reason).id : "")));
  }
  return shards;
}

CheckOptions OptionsOf(nb::handle profile, nb::handle limits) {
  CheckOptions options;
  options.profile = Named(kProfiles, profile);
  options.max_findings = UINT32_MAX;
  const auto numbers = nb::cast<nb::dict>(limits);
  for (const LimitInfo& limit : kLimits) {
    const nb::str name(limit.name.data(), limit.name.size());
    if (numbers.contains(name)) options.limits.*limit.member = nb::cast<Number>(numbers[name]);
  }
  return options;
}

}  // namespace

nb::tuple StateOf(const ReportHandle& handle) {
  const Report& report = handle.shared->report;
  nb::dict limits;
  for (const LimitInfo& limit : kLimits) {
    limits[nb::str(limit.name.data(), limit.name.size())] = report.limits().*limit.member;
  }
  nb::list findings;
  for (const Finding& finding : report.findings()) findings.append(FindingState(report, finding));
  const auto file_class = report.file_class();
  return nb::make_tuple(Bytes(handle.shared->name), Bytes(report.format()),
                        Bytes(Name(report.profile())), Bytes(Name(report.scope())), limits,
                        Bytes(Name(report.verdict())),
                        file_class ? nb::object(Bytes(Name(*file_class))) : nb::none(),
                        report.impact() ? nb::object(Bytes(Name(*report.impact()))) : nb::none(),
                        OrNone(report.size().has_value(), report.size().value_or(0)),
                        report.bytes_read(), findings, report.dropped_findings(),
                        Bytes(report.reference_error()), FactsState(report), ShardsState(report));
}

ReportHandle FromState(const nb::tuple& state) {
  if (state.size() != 15) Unknown("its state has another length");
  const CheckOptions options = OptionsOf(state[2], state[4]);
  ReportBuilder builder(options, FormatNamed(Text(state[1])));
  builder.SetScope(Named(kScopes, state[3]));
  if (!state[6].is_none()) builder.SetUnsupported(Named(kClasses, state[6]));
  if (!state[7].is_none()) builder.AddImpact(Named(kImpacts, state[7]));
  if (const auto size = Optional<Number>(state[8])) builder.SetSize(*size);
  builder.AddBytesRead(nb::cast<Number>(state[9]));
  for (const nb::handle finding : nb::cast<nb::list>(state[10])) AddFinding(finding, builder);
  builder.AddDropped(nb::cast<Number>(state[11]));
  builder.SetReferenceError(ReferenceErrorNamed(Text(state[12])));
  if (!state[13].is_none()) {
    Report::Facts facts;
    const auto numbers = nb::cast<nb::list>(state[13]);
    for (std::size_t i = 0; i < kFacts.size(); ++i)
      facts.*kFacts.at(i) = nb::cast<Number>(numbers[i]);
    builder.SetFacts(facts);
  }
  for (const nb::handle each : nb::cast<nb::list>(state[14])) {
    const auto shard = nb::cast<nb::tuple>(each);
    const std::string reason = Text(shard[2]);
    builder.AddShard(Text(shard[0]), Named(kVerdicts, shard[1]),
                     reason.empty() ? std::nullopt : std::optional(RuleNamed(reason)));
  }
  Report report = builder.Finish();
  // A report that says less than its findings would be believed.
  if (Name(report.verdict()) != Text(state[5])) Unknown("its findings do not give its verdict");
  return {std::move(report), Text(state[0])};
}

}  // namespace tensorgate::python
