// The forward stream: however it is split, it gives the same verdict for the same reason as the
// bytes in memory.
#include <algorithm>

#include "fuzz/support.h"

namespace st = tensorgate::safetensors;
using namespace tensorgate;

namespace {

void CheckStream(std::span<const std::byte> bytes, Profile profile, std::size_t largest,
                 fuzz::Choices& choices) {
  CheckOptions options;
  options.profile = profile;
  st::StreamCheck stream(options);
  auto rest = bytes;
  bool wants = true;
  while (!rest.empty() && wants) {
    const std::size_t count =
        static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), choices.Below(largest + 1)));
    wants = stream.Feed(rest.first(count));
    rest = rest.subspan(count);
  }
  const Report streamed = stream.Finish();
  const Report whole = st::CheckBytes(bytes, options);
  fuzz::CheckContract(streamed, bytes.size());
  FUZZ_ASSERT(streamed.verdict() != Verdict::kAccepted || rest.empty());
  FUZZ_ASSERT(streamed.verdict() == whole.verdict());
  if (streamed.verdict() != Verdict::kAccepted) {
    FUZZ_ASSERT(streamed.findings()[0].rule == whole.findings()[0].rule);
    FUZZ_ASSERT(streamed.findings()[0].offset == whole.findings()[0].offset);
  }
  // If it was refused early, the size was not known yet, so rules about the size did not fire.
  if (streamed.size()) FUZZ_ASSERT(fuzz::Fingerprint(streamed) == fuzz::Fingerprint(whole));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  fuzz::Choices choices(bytes);
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    CheckStream(bytes, profile, 3, choices);
    CheckStream(bytes, profile, 300, choices);
    CheckStream(bytes, profile, size + 1, choices);
  }
  // A stream that stops early is never accepted.
  st::StreamCheck broken;
  const bool wants = broken.Feed(bytes.first(size / 2));
  const Verdict verdict = broken.Finish(false).verdict();
  FUZZ_ASSERT(verdict == Verdict::kUndecided || (!wants && verdict == Verdict::kRejected));
  return 0;
}
