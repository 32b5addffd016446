// Assertions about reports and accepted files, for all fuzz targets.
#ifndef TENSORGATE_FUZZ_SUPPORT_H_
#define TENSORGATE_FUZZ_SUPPORT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "tensorgate/report.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/source.h"

// Aborts in every build type, unlike assert.
#define FUZZ_ASSERT(condition)                                                            \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

namespace tensorgate::fuzz {

inline std::span<const std::byte> Bytes(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

/// A small random generator whose seed comes from the input, so that plain files can be seeds of
/// every target.
class Choices {
 public:
  explicit Choices(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes.first(bytes.size() < 64 ? bytes.size() : 64)) {
      state_ = (state_ ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3;
    }
    state_ ^= bytes.size();
  }
  /// 0 … bound - 1.
  std::uint64_t Below(std::uint64_t bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ % bound;
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325;
};

/// The bytes in random pieces. Both arguments must outlive the source.
inline CallbackSource InPieces(std::span<const std::byte> bytes, Choices& choices) {
  return CallbackSource(
      bytes.size(),
      [bytes, &choices](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
        FUZZ_ASSERT(offset <= bytes.size() && into.size() <= bytes.size() - offset &&
                    !into.empty());
        const auto count = static_cast<std::size_t>(1 + choices.Below(into.size()));
        std::ranges::copy(bytes.subspan(static_cast<std::size_t>(offset), count), into.begin());
        return count;
      });
}

/// A whole report as one string: two reports are equal if these strings are.
inline std::string Fingerprint(const Report& report) {
  std::string text = std::to_string(static_cast<int>(report.verdict()));
  text += report.reference_error();
  for (const Finding& finding : report.findings()) {
    for (const std::uint64_t value :
         {static_cast<std::uint64_t>(finding.rule), static_cast<std::uint64_t>(finding.severity),
          finding.offset, finding.found, finding.allowed, finding.subject_offset,
          std::uint64_t{finding.subject_length}}) {
      text += ' ' + std::to_string(value);
    }
    text.append(report.Subject(finding)).append(report.FoundText(finding));
  }
  return text + '+' + std::to_string(report.dropped_findings());
}

/// The contract of every report on `size` bytes.
inline void CheckContract(const Report& report, std::uint64_t size) {
  bool has_error = false, undecided = false;
  const Finding* before = nullptr;
  for (const Finding& finding : report.findings()) {
    FUZZ_ASSERT(finding.offset <= size);
    FUZZ_ASSERT(before == nullptr || before->rule <= finding.rule);
    has_error |= finding.severity == Severity::kError;
    undecided |= Info(finding.rule).effect == Effect::kUndecided;
    before = &finding;
  }
  FUZZ_ASSERT((report.verdict() == Verdict::kAccepted) == !has_error);
  FUZZ_ASSERT((report.verdict() == Verdict::kUndecided) == undecided);
  const bool predicted =
      report.verdict() == Verdict::kRejected && report.profile() == Profile::kReference;
  // Only the reference of safetensors distinguishes kinds of errors.
  if (report.format() == "safetensors") FUZZ_ASSERT(report.reference_error().empty() == !predicted);
  FUZZ_ASSERT(report.reference_error().empty() || predicted);
}

/// The promises of an accepted file: ranges are inside, disjoint and cover the data; every name is
/// found.
inline void CheckFile(const safetensors::File& file, std::uint64_t size) {
  FUZZ_ASSERT(file.file_size() == size);
  std::uint64_t at = file.data_offset();
  FUZZ_ASSERT(at == 8 + file.header_bytes().size());
  for (const safetensors::Tensor tensor : file.tensors()) {
    FUZZ_ASSERT(tensor.range().offset == at);
    FUZZ_ASSERT(tensor.range().length <= size - at);
    at += tensor.range().length;
    std::uint64_t elements = 1;
    std::size_t rank = 0;
    bool zero = false;
    for (const std::uint64_t dimension : tensor.shape()) {
      zero |= dimension == 0;
      if (dimension != 0) FUZZ_ASSERT(!__builtin_mul_overflow(elements, dimension, &elements));
      ++rank;
    }
    if (zero) elements = 0;
    FUZZ_ASSERT(rank == tensor.rank());
    FUZZ_ASSERT(elements == tensor.elements());
    FUZZ_ASSERT(elements * Bits(tensor.dtype()) == tensor.range().length * 8);
    const auto found = file.Find(tensor.name());
    FUZZ_ASSERT(found && found->name() == tensor.name() && found->range() == tensor.range());
  }
  FUZZ_ASSERT(at == size);
  for (std::size_t i = 0; i < file.metadata_count(); ++i) {
    const safetensors::MetadataEntry entry = file.metadata(i);
    FUZZ_ASSERT(file.FindMetadata(entry.key) == entry.value);
    if (i == 100) break;  // each lookup is linear
  }
}

}  // namespace tensorgate::fuzz

#endif  // TENSORGATE_FUZZ_SUPPORT_H_
