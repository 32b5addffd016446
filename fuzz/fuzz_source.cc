// A callback source with malicious answers: short reads, failures, false counts, different bytes
// each time.
#include <algorithm>

#include "fuzz/support.h"

namespace st = tensorgate::safetensors;
using namespace tensorgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  fuzz::Choices choices(bytes);

  // Correct, but in pieces: the same report as from memory.
  CallbackSource pieces = fuzz::InPieces(bytes, choices);
  const Report report = st::Check(pieces);
  FUZZ_ASSERT(fuzz::Fingerprint(report) == fuzz::Fingerprint(st::CheckBytes(bytes)));

  // Malicious: a different size, errors, early ends, impossible counts, changing bytes.
  const std::uint64_t stated = size + choices.Below(3) - std::min<std::uint64_t>(size, 1);
  bool lied = false;
  CallbackSource hostile(
      stated, [&](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
        switch (choices.Below(12)) {
          case 0:
            lied = true;
            return std::unexpected(Status{.rule = Rule::kIoReadFailed, .offset = offset});
          case 1:
            lied = true;
            return 0;
          case 2:
            lied = true;
            return into.size() + 1 + static_cast<std::size_t>(choices.Below(1000));
          case 3:
            std::ranges::fill(into, static_cast<std::byte>(choices.Below(256)));
            return into.size();
          default:
            break;
        }
        if (offset >= size) {
          lied = true;
          return 0;
        }
        const auto begin = static_cast<std::size_t>(offset);
        const std::size_t count = std::min(into.size(), size - begin);
        std::ranges::copy(bytes.subspan(begin, count), into.begin());
        return count;
      });
  const auto file = st::File::Open(hostile);
  if (file) {
    FUZZ_ASSERT(!lied);
    fuzz::CheckFile(*file, stated);
  } else {
    fuzz::CheckContract(file.error(), stated);
    if (lied) FUZZ_ASSERT(file.error().verdict() == Verdict::kUndecided);
  }
  return 0;
}
