// The reference profile against the crate itself: the same verdict and the same error for every
// input; and the strict profile accepts nothing that the crate refuses. The crate is not
// instrumented, so it does not guide the fuzzer: seeds and the mutator do.
#include <string>

#include "fuzz/support.h"
#include "tests/oracle/oracle.h"
#include "tests/reference/reference.h"

namespace st = tensorgate::safetensors;
using namespace tensorgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  char error[64];
  const int verdict = tg_reference_check(data, size, error, sizeof error);
  FUZZ_ASSERT(verdict != TG_REFERENCE_PANICKED);
  const bool accepted = verdict == TG_REFERENCE_ACCEPTED;

  CheckOptions options;
  options.profile = Profile::kReference;
  const Report report = st::CheckBytes(bytes, options);
  FUZZ_ASSERT(report.verdict() == (accepted ? Verdict::kAccepted : Verdict::kRejected));
  if (report.reference_error() != error) {
    // For tensors with the same range, a random seed decides which one the crate judges first; the
    // oracle knows all possible errors.
    const auto possible = oracle::Examine(bytes, Profile::kReference).reference_errors;
    FUZZ_ASSERT(possible.size() > 1);
    FUZZ_ASSERT(possible.contains(error));
    FUZZ_ASSERT(possible.contains(std::string(report.reference_error())));
  }

  const auto file = st::File::OpenBytes(bytes);
  if (file) {
    FUZZ_ASSERT(accepted);
    FUZZ_ASSERT(tg_reference_tensors(data, size, nullptr, nullptr) ==
                static_cast<std::int64_t>(file->tensors().size()));
  }
  return 0;
}
