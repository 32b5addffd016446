// Both profiles against the slow second implementation: verdict, error, the reason if only one rule
// is broken, and every tensor of an accepted file.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/support.h"
#include "lib/second_readings/second_readings.h"
#include "tests/oracle/oracle.h"

namespace st = tensorgate::safetensors;
using namespace tensorgate;

namespace {

void CheckReference(std::span<const std::byte> bytes) {
  CheckOptions options;
  options.profile = Profile::kReference;
  const Report report = st::CheckBytes(bytes, options);
  const auto expected = oracle::Examine(bytes, Profile::kReference);
  FUZZ_ASSERT(report.verdict() == (expected.accepted ? Verdict::kAccepted : Verdict::kRejected));
  if (!expected.accepted) {
    FUZZ_ASSERT(expected.reference_errors.contains(std::string(report.reference_error())));
  }
}

void CheckStrict(std::span<const std::byte> bytes) {
  const auto expected = oracle::Examine(bytes, Profile::kStrict);
  const auto file = st::File::OpenBytes(bytes);
  const bool ambiguous = !file && internal::IsProvenButAmbiguous(file.error());
  FUZZ_ASSERT((file.has_value() || ambiguous) == expected.accepted);
  if (ambiguous) return;
  if (!file) {
    FUZZ_ASSERT(file.error().verdict() == Verdict::kRejected);
    const Rule found = file.error().findings()[0].rule;
    // These two rules name the format that the file has instead.
    const bool foreign = found == Rule::kStLfsPointer || found == Rule::kStForeignFormat;
    if (expected.reason && !foreign) FUZZ_ASSERT(found == *expected.reason);
    return;
  }
  std::vector<oracle::OracleTensor> tensors;
  for (const st::Tensor tensor : file->tensors()) {
    tensors.push_back({std::string(tensor.name()), tensor.dtype(), tensor.shape().ToVector(),
                       tensor.range().offset, tensor.range().offset + tensor.range().length});
  }
  std::sort(tensors.begin(), tensors.end());
  FUZZ_ASSERT(tensors == expected.tensors);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  CheckReference(bytes);
  CheckStrict(bytes);
  return 0;
}
