// A whole file as a checkpoint: the report does not depend on how the bytes are split; the
// reference accepts everything that the strict profile accepts, and its tensors are where they may
// be.
#include <algorithm>
#include <vector>

#include "fuzz/support.h"
#include "lib/base/bytes.h"
#include "tensorgate/scan.h"
#include "tensorgate/torch.h"
#include "tests/oracle/other_readers.h"

using namespace tensorgate;

namespace {

// No byte belongs to two storages: what a loader allocates for them is not larger than the file.
void CheckStorages(const torch::File& file, std::uint64_t size) {
  std::vector<ByteRange> ranges;
  for (std::size_t i = 0; i < file.storage_count(); ++i) ranges.push_back(file.storage(i).range);
  std::ranges::sort(ranges, {}, &ByteRange::offset);
  std::uint64_t end = 0;
  for (const ByteRange& range : ranges) {
    if (range.length == 0) continue;
    FUZZ_ASSERT(range.offset >= end && range.length <= size - range.offset);
    end = range.offset + range.length;
  }
}

// The names, and the data for each, are at most a fixed multiple of the file.
void CheckCost(const torch::File& file, std::uint64_t size) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < file.tensor_count(); ++i) {
    bytes += file.name(i).size() + 16 * file.tensor(i).shape.size();
  }
  FUZZ_ASSERT(bytes <= (1u << 20) + 16 * size);
}

void CheckTensors(const torch::File& file, std::uint64_t size) {
  FUZZ_ASSERT(file.file_size() == size);
  for (std::size_t i = 0; i < std::min<std::size_t>(file.tensor_count(), 1000); ++i) {
    const torch::Tensor tensor = file.tensor(i);
    const auto inside = [](const ByteRange& inner, const ByteRange& outer) {
      return inner.offset >= outer.offset && inner.length <= outer.length &&
             inner.offset - outer.offset <= outer.length - inner.length;
    };
    FUZZ_ASSERT(inside(tensor.storage_range, {0, size}));
    FUZZ_ASSERT(inside(tensor.range, tensor.storage_range));
    FUZZ_ASSERT(tensor.shape.size() == tensor.stride.size() && tensor.shape.size() <= kMaxRank);
    if (tensor.contiguous()) FUZZ_ASSERT(tensor.bytes() == tensor.range.length);
    FUZZ_ASSERT(tensor.storage < file.storage_count());
    FUZZ_ASSERT(file.Find(tensor.name) == i);
  }
  FUZZ_ASSERT(!file.ValuesJson().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  fuzz::Choices choices(bytes);
  const Report strict = torch::CheckBytes(bytes);
  fuzz::CheckContract(strict, size);
  CallbackSource pieces = fuzz::InPieces(bytes, choices);
  FUZZ_ASSERT(fuzz::Fingerprint(torch::Check(pieces)) == fuzz::Fingerprint(strict));

  CheckOptions options;
  options.profile = Profile::kReference;
  const Report reference = torch::CheckBytes(bytes, options);
  if (strict.verdict() == Verdict::kAccepted) {
    FUZZ_ASSERT(reference.verdict() == Verdict::kAccepted);
  }
  // If the file is detected as something else, it is not accepted as a checkpoint.
  MemorySource source(bytes);
  const Report scanned = Scan(source, "x");
  const bool judged = scanned.verdict() != Verdict::kUnsupported;
  if (scanned.verdict() == Verdict::kAccepted) {
    FUZZ_ASSERT(oracle::HasOneReading(internal::AsText(bytes), scanned.format()));
  }
  if (strict.verdict() == Verdict::kAccepted ||
      (judged && scanned.format().starts_with("pytorch-"))) {
    FUZZ_ASSERT(fuzz::Fingerprint(scanned) == fuzz::Fingerprint(strict));
  }

  const auto file = torch::File::OpenBytes(bytes);
  FUZZ_ASSERT(file.has_value() == (strict.verdict() == Verdict::kAccepted));
  if (!file) return 0;
  CheckStorages(*file, size);
  CheckCost(*file, size);
  CheckTensors(*file, size);
  return 0;
}
