// The decoder of pickles: events are adjacent and cover the bytes that were read; texts are views
// of the input; the survey of names handles all of them; a search from every position takes linear
// time. The dry run finds a call exactly where a slow second implementation does, however the bytes
// are split.
#include "fuzz/support.h"
#include "lib/containers/pickle/dry_run.h"
#include "lib/containers/pickle/global_finder.h"
#include "lib/containers/pickle/reach.h"
#include "tests/oracle/other_readers.h"

namespace {

void CheckDryRun(std::span<const std::byte> bytes) {
  using tensorgate::pickle::DryRun;
  tensorgate::fuzz::Choices choices(bytes);
  DryRun whole, pieces;
  while (whole.going() && whole.position() < bytes.size()) {
    whole.Feed(bytes.subspan(static_cast<std::size_t>(whole.position())));
  }
  while (pieces.going() && pieces.position() < bytes.size()) {
    const auto rest = bytes.subspan(static_cast<std::size_t>(pieces.position()));
    pieces.Feed(rest.first(static_cast<std::size_t>(1 + choices.Below(rest.size()))));
  }
  whole.AtEnd();
  pieces.AtEnd();
  FUZZ_ASSERT(whole.outcome() == pieces.outcome() && whole.name() == pieces.name());
  FUZZ_ASSERT(whole.names() == pieces.names() && whole.name_offset() == pieces.name_offset());
  if (tensorgate::oracle::CallsAsPickle(tensorgate::internal::AsText(bytes))) {
    FUZZ_ASSERT(whole.dangerous());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace pickle = tensorgate::pickle;
  const auto bytes = tensorgate::fuzz::Bytes(data, size);
  const std::string_view all = tensorgate::internal::AsText(bytes);
  pickle::Decoder decoder(bytes);
  pickle::GlobalFinder survey;
  std::size_t at = 0;
  for (pickle::Event event; decoder.Next(event);) {
    FUZZ_ASSERT(event.offset == at && event.end > at && event.end <= size);
    const pickle::OpcodeInfo* opcode = pickle::FindOpcode(static_cast<std::uint8_t>(all[at]));
    FUZZ_ASSERT(opcode != nullptr && opcode->op == event.op);
    if (opcode->argument == pickle::Argument::kNone) FUZZ_ASSERT(event.end == at + 1);
    at = event.end;
    if (survey.Add(event) && survey.global().known) {
      FUZZ_ASSERT(tensorgate::internal::OffsetWithin(all, survey.global().module).has_value());
      FUZZ_ASSERT(tensorgate::internal::OffsetWithin(all, survey.global().name).has_value());
    }
    FUZZ_ASSERT(survey.depth() <= event.end);
  }
  FUZZ_ASSERT(decoder.error() != pickle::DecodeError::kNone && decoder.offset() == at);
  if (decoder.at_end()) FUZZ_ASSERT(decoder.error() == pickle::DecodeError::kTruncated);
  CheckDryRun(bytes);
  // Walks from every position read each byte only once.
  std::vector<bool> passed(size);
  std::size_t opcodes = 0;
  for (std::size_t begin = 0; begin < size; ++begin) {
    const pickle::Reach reach = pickle::ReachOf(bytes, begin, {.passed = &passed});
    FUZZ_ASSERT(reach.end >= begin && reach.end <= size && reach.plain <= reach.opcodes);
    if (reach.stopped) FUZZ_ASSERT(all[reach.end - 1] == '.');
    opcodes += reach.opcodes;
  }
  FUZZ_ASSERT(opcodes <= size);
  return 0;
}
