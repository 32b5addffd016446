// A user's trust list with any pickle: its text may be anything; if it contains the names that the
// pickle uses, it allows exactly those, reports them, and changes nothing else.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "fuzz/support.h"
#include "lib/containers/pickle/global_finder.h"
#include "lib/formats/torch/numpy.h"
#include "lib/formats/torch/pickle_file.h"
#include "lib/formats/torch/rebuild.h"

namespace {

using namespace tensorgate;

constexpr std::string_view kKinds[] = {"any",   "None",  "bool", "int",  "float",      "str",
                                       "bytes", "tuple", "list", "dict", "object|None"};

std::string KindList(fuzz::Choices& choices, std::size_t most) {
  std::string text = "(";
  for (std::uint64_t left = choices.Below(most + 1); left > 0; --left) {
    // `any` half of the time, so that many calls match.
    text += choices.Below(2) == 0 ? kKinds[0] : kKinds[choices.Below(std::size(kKinds))];
    if (left > 1) text += ", ";
  }
  return text + ")";
}

void CheckText(std::string_view text) {
  const auto list = TrustList::Parse(text);
  if (list) return;
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  FUZZ_ASSERT(list.error().line >= 1 && list.error().line <= lines);
  FUZZ_ASSERT(!list.error().reason.empty());
}

/// Entries for the names of the pickle, as far as a list can express them.
TrustList Named(std::span<const std::byte> bytes, fuzz::Choices& choices,
                std::set<std::string>& names) {
  std::string text;
  pickle::Decoder decoder(bytes);
  pickle::GlobalFinder survey;
  for (pickle::Event event; decoder.Next(event);) {
    if (!survey.Add(event) || !survey.global().known || names.size() == 50) continue;
    const std::string name =
        std::string(survey.global().module) + "." + std::string(survey.global().name);
    // Such a name would end its entry.
    if (name.find_first_of("#\n") != name.npos) continue;
    std::string entries;
    for (const char* form : {" newobj", " reduce"}) {
      entries += name + form + KindList(choices, 3);
      if (choices.Below(2) == 0) entries += " build(any)";
      entries += "\n";
    }
    if (TrustList::Parse(entries) && names.insert(name).second) text += entries;
  }
  // NumPy's names cannot be entries, but have their own line.
  const bool numpy = choices.Below(2) == 0;
  if (numpy) text += "numpy\n";
  const auto list = TrustList::Parse(text);
  FUZZ_ASSERT(list && list->empty() == (names.empty() && !numpy));
  for (const torch::internal::NumpyName& each : torch::internal::NumpyNames()) {
    const std::string name = std::string(each.module) + "." + std::string(each.name);
    if (numpy) names.insert(name);
    if (torch::internal::TakesRawMemory(each.module, each.name)) {
      FUZZ_ASSERT(!TrustList::Parse(name + " reduce(any)"));
    }
  }
  return *list;
}

// Every array and scalar of an accepted pickle has a dtype with a byte order, and exactly the bytes
// it needs.
void CheckNumpy(std::span<const std::byte> bytes, const CheckOptions& options) {
  torch::internal::Rebuild rebuild(torch::internal::Form::kZip, options.trusted);
  pickle::Machine machine(bytes, rebuild, options);
  if (!machine.Run().complete) return;
  const pickle::Values& values = machine.values();
  for (std::size_t i = 0; i < values.object_count(); ++i) {
    const pickle::Kind kind = values.object(pickle::Value::Of(pickle::Kind::kTuple, i)).kind;
    const auto items = values.Items(pickle::Value::Of(kind, i));
    const bool scalar = kind == pickle::Kind::kNumpyScalar;
    if (kind == pickle::Kind::kNumpyDtype) FUZZ_ASSERT(items.size() == 2);
    if (!scalar && kind != pickle::Kind::kNdarray) continue;
    FUZZ_ASSERT(items.size() == (scalar ? 2u : 4u));
    FUZZ_ASSERT(items[scalar ? 0 : 1].kind == pickle::Kind::kNumpyDtype);
    const std::size_t size = values.DecodeBytes(items.back()).size();
    FUZZ_ASSERT(scalar ? size >= 1 && size <= 16 : size <= bytes.size());
  }
}

std::size_t CheckReported(const Report& report, const std::set<std::string>& names) {
  std::size_t reported = 0;
  for (const Finding& finding : report.findings()) {
    if (finding.rule != Rule::kUseTrustedCall) continue;
    FUZZ_ASSERT(names.contains(std::string(report.Subject(finding))));
    ++reported;
  }
  return reported;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  fuzz::Choices choices(bytes);
  CheckText(internal::AsText(bytes));
  std::set<std::string> names;
  const TrustList list = Named(bytes, choices, names);
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    CheckOptions options{.profile = profile, .max_findings = 1000};
    const auto judge = [&] {
      MemorySource source(bytes);
      return torch::internal::CheckPickle(source, options);
    };
    const Report plain = judge();
    options.trusted = list;
    const Report trusting = judge();
    CheckNumpy(bytes, options);
    if (profile == Profile::kStrict) fuzz::CheckContract(trusting, size);
    const std::size_t reported = CheckReported(trusting, names);
    if (plain.verdict() == Verdict::kAccepted) {
      FUZZ_ASSERT(reported == 0 && fuzz::Fingerprint(plain) == fuzz::Fingerprint(trusting));
    } else if (trusting.verdict() == Verdict::kAccepted) {
      FUZZ_ASSERT(reported > 0);
    }
  }
  return 0;
}
