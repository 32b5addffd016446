// The whole check in both profiles, and the effect of tighter limits. An accepted file has no
// second reading.
#include "fuzz/support.h"
#include "lib/base/bytes.h"
#include "tests/oracle/other_readers.h"

namespace st = tensorgate::safetensors;
using namespace tensorgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  CheckOptions strict, reference;
  reference.profile = Profile::kReference;
  const Report report = st::CheckBytes(bytes, strict);
  const Report predicted = st::CheckBytes(bytes, reference);
  fuzz::CheckContract(report, size);
  fuzz::CheckContract(predicted, size);
  FUZZ_ASSERT(fuzz::Fingerprint(report) == fuzz::Fingerprint(st::CheckBytes(bytes, strict)));
  // The strict profile refuses everything that the reference refuses.
  if (report.verdict() == Verdict::kAccepted)
    FUZZ_ASSERT(predicted.verdict() == Verdict::kAccepted);

  const auto file = st::File::OpenBytes(bytes);
  FUZZ_ASSERT(file.has_value() == (report.verdict() == Verdict::kAccepted));
  if (file) {
    fuzz::CheckFile(*file, size);
    FUZZ_ASSERT(oracle::HasOneReading(internal::AsText(bytes), "safetensors"));
    FUZZ_ASSERT(fuzz::Fingerprint(file->report()) == fuzz::Fingerprint(report));
  } else {
    FUZZ_ASSERT(fuzz::Fingerprint(file.error()) == fuzz::Fingerprint(report));
  }

  fuzz::Choices choices(bytes);
  CheckOptions tight;
  tight.limits = {.file_bytes = choices.Below(2 * size + 1),
                  .header_bytes = choices.Below(2 * size + 1),
                  .tensors = choices.Below(8),
                  .metadata_entries = choices.Below(8),
                  .name_bytes = choices.Below(32),
                  .rank = choices.Below(6)};
  tight.max_findings = static_cast<std::uint32_t>(1 + choices.Below(3));
  const Report limited = st::CheckBytes(bytes, tight);
  fuzz::CheckContract(limited, size);
  FUZZ_ASSERT(limited.findings().size() <= tight.max_findings);
  if (limited.verdict() == Verdict::kAccepted) FUZZ_ASSERT(report.verdict() == Verdict::kAccepted);
  if (report.verdict() == Verdict::kAccepted) FUZZ_ASSERT(limited.verdict() != Verdict::kRejected);
  return 0;
}
