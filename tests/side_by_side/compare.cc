#include "compare.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/second_readings/second_readings.h"
#include "mutator.h"
#include "options.h"
#include "oracle.h"
#include "other_readers.h"
#include "reference.h"
#include "tensorgate/safetensors.h"

namespace tensorgate::side_by_side {
namespace {

using oracle::OracleTensor;

const std::uint8_t* Raw(std::span<const std::byte> file) {
  return reinterpret_cast<const std::uint8_t*>(file.data());
}

struct CrateVerdict {
  bool accepted = false;
  std::string error;
};

CrateVerdict AskCrate(std::span<const std::byte> file) {
  char kind[64];
  const int verdict = tg_reference_check(Raw(file), file.size(), kind, sizeof kind);
  return {verdict == TG_REFERENCE_ACCEPTED, kind};
}

struct Collected {
  std::vector<OracleTensor> tensors;
  std::uint64_t data_begin = 0;
};

extern "C" void CollectTensor(void* context, const std::uint8_t* name, std::size_t name_size,
                              const std::uint8_t* dtype, std::size_t dtype_size,
                              const std::uint64_t* shape, std::size_t rank, std::uint64_t begin,
                              std::uint64_t end) {
  auto* collected = static_cast<Collected*>(context);
  OracleTensor tensor;
  tensor.name.assign(reinterpret_cast<const char*>(name), name_size);
  tensor.dtype = FindDType({reinterpret_cast<const char*>(dtype), dtype_size}).value();
  tensor.shape.assign(shape, shape + rank);
  tensor.begin = collected->data_begin + begin;
  tensor.end = collected->data_begin + end;
  collected->tensors.push_back(std::move(tensor));
}

std::vector<OracleTensor> CrateTensors(std::span<const std::byte> file) {
  Collected collected;
  for (std::size_t i = 8; i-- > 0;) {
    collected.data_begin = collected.data_begin * 256 + std::to_integer<std::uint64_t>(file[i]);
  }
  collected.data_begin += 8;
  tg_reference_tensors(Raw(file), file.size(), CollectTensor, &collected);
  std::sort(collected.tensors.begin(), collected.tensors.end());
  return collected.tensors;
}

std::vector<OracleTensor> LibraryTensors(const safetensors::File& file) {
  std::vector<OracleTensor> tensors;
  for (const safetensors::Tensor tensor : file.tensors()) {
    tensors.push_back({std::string(tensor.name()), tensor.dtype(), tensor.shape().ToVector(),
                       tensor.range().offset, tensor.range().offset + tensor.range().length});
  }
  std::sort(tensors.begin(), tensors.end());
  return tensors;
}

std::string Say(bool accepted) { return accepted ? "accepts" : "refuses"; }

std::string Say(const Report& report) {
  std::string text(Name(report.verdict()));
  for (const Finding& finding : report.findings()) {
    if (finding.severity == Severity::kError) text += " " + std::string(Info(finding.rule).id);
  }
  return text;
}

std::string Join(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " or ") + name;
  return text;
}

// A report must be consistent by itself, whatever the verdict.
std::optional<std::string> Malformed(const Report& report, std::size_t size) {
  const auto findings = report.findings();
  const bool error = std::any_of(findings.begin(), findings.end(), [](const Finding& each) {
    return each.severity == Severity::kError;
  });
  if (report.verdict() != Verdict::kAccepted && report.verdict() != Verdict::kRejected) {
    return "neither accepted nor rejected: " + Say(report);
  }
  if (error != (report.verdict() == Verdict::kRejected))
    return "verdict without its error: " + Say(report);
  for (const Finding& each : findings) {
    if (each.offset > size || each.subject_offset > size ||
        each.subject_length > size - each.subject_offset) {
      return "a place outside the file in " + std::string(Info(each.rule).id);
    }
  }
  return std::nullopt;
}

std::optional<std::string> CompareReference(std::span<const std::byte> file,
                                            const CrateVerdict& crate,
                                            const std::set<std::string>* possible) {
  const Report report = safetensors::CheckBytes(file, kByReference);
  if (auto wrong = Malformed(report, file.size())) return "reference profile: " + *wrong;
  const bool accepted = report.verdict() == Verdict::kAccepted;
  if (accepted != crate.accepted) {
    return "the crate " + Say(crate.accepted) + " (" + crate.error +
           "), the reference profile says " + Say(report);
  }
  const std::string predicted(report.reference_error());
  // For tensors with the same range, a random seed decides which one the crate looks at first.
  const bool undetermined = possible != nullptr && possible->size() > 1;
  if (undetermined ? !possible->contains(predicted) : predicted != crate.error) {
    return "the crate's error is '" + crate.error + "', the reference profile predicts '" +
           predicted + "' (" + Say(report) + ")";
  }
  return std::nullopt;
}

std::optional<std::string> CompareStrict(std::span<const std::byte> file, const CrateVerdict& crate,
                                         const oracle::OracleResult* judged, Tally& tally) {
  const Report report = safetensors::CheckBytes(file);
  if (auto wrong = Malformed(report, file.size())) return "strict profile: " + *wrong;
  const auto opened = safetensors::File::OpenBytes(file);
  const bool accepted = report.verdict() == Verdict::kAccepted;
  if (opened.has_value() != accepted) return "CheckBytes and OpenBytes differ: " + Say(report);
  if (accepted && !crate.accepted) return "strict accepts, the crate refuses (" + crate.error + ")";
  // Second readings are not covered by the oracle: tests/second_readings compares them with the
  // loaders' own tests.
  const bool proven = accepted || tensorgate::internal::IsProvenButAmbiguous(report);
  if (judged != nullptr && judged->accepted != proven) {
    return "strict says " + Say(report) + ", the strict oracle " + Say(judged->accepted) +
           (judged->reason ? " for " + std::string(Info(*judged->reason).id) : "");
  }
  if (judged != nullptr && judged->reason) {
    ++tally.named_reasons;
    const Rule found = report.findings()[0].rule;
    // Rules that name the format that the file has instead.
    const bool foreign = found == Rule::kStLfsPointer || found == Rule::kStForeignFormat;
    if (found != *judged->reason && !foreign) {
      return "strict's reason is " + std::string(Info(found).id) + ", the oracle's " +
             std::string(Info(*judged->reason).id);
    }
  }
  if (accepted) {
    ++tally.strict_accepted;
    if (!oracle::HasOneReading(tensorgate::internal::AsText(file), "safetensors"))
      return "strict accepts what is another format, too";
    const std::vector<OracleTensor> tensors = LibraryTensors(*opened);
    if (tensors != CrateTensors(file)) return "the tensors differ from the crate's";
    if (judged != nullptr && tensors != judged->tensors)
      return "the tensors differ from the oracle's";
  }
  return std::nullopt;
}

std::string Hex(std::span<const std::byte> file) {
  std::string text;
  for (const std::byte each : file) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(each) / 16];
    text += "0123456789abcdef"[std::to_integer<unsigned>(each) % 16];
  }
  return text;
}

std::string Escaped(std::string_view header) {
  std::string text;
  for (const char c : header) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      text += c;
    } else {
      text += "\\x";
      text += "0123456789abcdef"[byte / 16];
      text += "0123456789abcdef"[byte % 16];
    }
  }
  return text;
}

// Removes pieces of a part as long as there is still a disagreement.
void Shrink(mutator::Parts& parts, std::string mutator::Parts::* part) {
  for (std::size_t piece = (parts.*part).size() / 2; piece > 0; piece /= 2) {
    for (std::size_t at = 0; at + piece <= (parts.*part).size();) {
      mutator::Parts smaller = parts;
      (smaller.*part).erase(at, piece);
      if (parts.announced == parts.header.size()) smaller.announced = smaller.header.size();
      if (Disagreement(mutator::Join(smaller))) {
        parts = std::move(smaller);
      } else {
        at += piece;
      }
    }
  }
}

}  // namespace

std::optional<std::string> Disagreement(std::span<const std::byte> file, Tally* tally) {
  Tally scratch;
  Tally& counts = tally != nullptr ? *tally : scratch;
  ++counts.files;
  const CrateVerdict crate = AskCrate(file);
  if (crate.error == "panic") return "the crate panics";
  if (crate.accepted) ++counts.reference_accepted;

  std::optional<oracle::OracleResult> reference, strict;
  if (file.size() < kOracleBytes) {
    reference = oracle::Examine(file, Profile::kReference);
    strict = oracle::Examine(file, Profile::kStrict);
    if (reference->reference_errors.size() > 1) ++counts.undetermined;
    if (reference->accepted != crate.accepted ||
        (!crate.accepted && !reference->reference_errors.contains(crate.error))) {
      return "the crate " + Say(crate.accepted) + " (" + crate.error + "), the oracle " +
             Say(reference->accepted) + " (" + Join(reference->reference_errors) + ")";
    }
    if (crate.accepted && reference->tensors != CrateTensors(file)) {
      return "the crate's tensors differ from the oracle's";
    }
  }
  if (auto differ =
          CompareReference(file, crate, reference ? &reference->reference_errors : nullptr)) {
    return differ;
  }
  return CompareStrict(file, crate, strict ? &*strict : nullptr, counts);
}

std::string MinimizedStory(std::span<const std::byte> file) {
  std::vector<std::byte> smallest(file.begin(), file.end());
  if (file.size() >= 8 && file.size() < 100'000) {
    mutator::Parts parts = mutator::Split(Raw(file), file.size());
    Shrink(parts, &mutator::Parts::header);
    Shrink(parts, &mutator::Parts::data);
    std::vector<std::byte> shrunk = mutator::Join(parts);
    if (Disagreement(shrunk)) smallest = std::move(shrunk);
  }
  const std::size_t shown = std::min<std::size_t>(smallest.size(), 4000);
  const mutator::Parts parts = mutator::Split(Raw(smallest), shown);
  return Disagreement(smallest).value_or("(no longer)") + "\n  " + std::to_string(smallest.size()) +
         " bytes: " + Hex(std::span(smallest).first(shown)) +
         "\n  header: " + Escaped(parts.header);
}

}  // namespace tensorgate::side_by_side
