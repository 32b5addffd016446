#include "lib/formats/torch/pickle_file.h"

#include <string>

#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/global_finder.h"
#include "lib/formats/torch/globals.h"
#include "lib/formats/torch/rebuild.h"
#include "lib/formats/torch/trust.h"
#include "lib/second_readings/second_readings.h"
#include "lib/source/read.h"

namespace tensorgate::torch::internal {
namespace {

constexpr std::string_view kFormat = "pickle";
// Number of opcodes that are surveyed between two looks at the deadline.
constexpr std::uint32_t kPace = 1 << 16;

Report Check(Source& source, const CheckOptions& options) {
  ReportBuilder builder(options, kFormat);
  const std::uint64_t size = source.size();
  builder.SetSize(size);
  if (size > options.limits.file_bytes) {
    builder.Add(Rule::kLimitFileBytes, 0, {.found = size, .allowed = options.limits.file_bytes});
    return builder.Finish();
  }
  if (size > options.limits.header_bytes) {
    builder.Add(Rule::kLimitHeaderBytes, 0,
                {.found = size, .allowed = options.limits.header_bytes});
    return builder.Finish();
  }
  tensorgate::internal::PodBuffer<std::byte> bytes;
  bytes.Resize(static_cast<std::size_t>(size));
  Result<void> read = tensorgate::internal::ReadFully(source, 0, bytes.span(), builder.interrupt());
  if (read) {
    builder.AddBytesRead(size);
    read = source.CheckUnchanged();
  }
  if (!read) {
    builder.Add(read.error());
    return builder.Finish();
  }
  Rebuild rebuild(Form::kZip, options.trusted);
  pickle::Machine machine(bytes.span(), rebuild, options);
  const pickle::Outcome outcome = machine.Run();
  AddFacts(builder, outcome, bytes.span(), 0);
  if (outcome.complete && outcome.end < size) {
    builder.Add(Rule::kPickleTrailingBytes, outcome.end, {.found = size - outcome.end});
  }
  if (outcome.complete && !rebuild.storages().empty()) {
    const StorageValue& storage = rebuild.storages()[0];
    builder.Add(Rule::kTorchBareStorage, storage.offset, {.subject = storage.key});
  }
  if (!builder.HasError()) {
    MemorySource memory(bytes.span());
    tensorgate::internal::AddSecondReadings(tensorgate::internal::Family::kPickle, memory, builder);
  }
  return builder.Finish();
}

bool EndedOutside(Rule rule) {
  if (rule == Rule::kPickleGlobalOutside || rule == Rule::kPickleProtoMissing ||
      rule == Rule::kPickleProtoVersion) {
    return true;
  }
  for (const auto use : {pickle::Use::kOutside, pickle::Use::kText, pickle::Use::kCall,
                         pickle::Use::kStackGlobal, pickle::Use::kExtension}) {
    if (rule == pickle::RefusedBy(use)) return true;
  }
  return false;
}

}  // namespace

void AddFacts(ReportBuilder& builder, const pickle::Outcome& outcome,
              std::span<const std::byte> bytes, std::uint64_t base) {
  for (const pickle::Fact& fact : outcome.facts) {
    builder.Add(fact.rule, base + fact.offset,
                {.found = fact.found,
                 .allowed = fact.allowed,
                 // For an entry of the user's list, the name is the subject of the finding.
                 .subject = fact.rule == Rule::kUseTrustedCall ? fact.text : std::string_view(),
                 .found_text = fact.text});
  }
  const TrustList& trusted = builder.options().trusted;
  if (outcome.complete) return;
  const Rule ended = outcome.facts.back().rule;
  if (!EndedOutside(ended)) return;
  pickle::Decoder decoder(bytes, outcome.begin);
  pickle::GlobalFinder survey;
  tensorgate::internal::Pace pace(kPace);
  for (pickle::Event event; decoder.Next(event) && event.op != pickle::Op::kStop;) {
    if (pace.Due() && builder.Ended()) return;
    // Without PROTO the first opcode itself may name something.
    const bool stated = event.offset <= outcome.end && ended != Rule::kPickleProtoMissing;
    if (!survey.Add(event) || stated) continue;
    const pickle::NamedGlobal& global = survey.global();
    if (global.known && (FindGlobal(global.module, global.name) ||
                         tensorgate::internal::Trusts(trusted, global.module, global.name))) {
      continue;
    }
    builder.Add(Rule::kPickleGlobalOutside, base + event.offset,
                {.found_text = pickle::FullName(global)});
  }
}

Report CheckPickle(Source& source, const CheckOptions& options) {
  try {
    return Check(source, options);
  } catch (...) {
    return ReportBuilder::Caught(options, kFormat);
  }
}

}  // namespace tensorgate::torch::internal
