// Detects the format of a file that is not verified, and how a stream of it is judged. Decides only
// the label, the class and who examines it; it never accepts anything.
#ifndef TENSORGATE_SCAN_DETECT_H_
#define TENSORGATE_SCAN_DETECT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "lib/formats/registry.h"
#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// `head`: the file's first bytes, or the whole file if it is shorter than kScanHead. Never returns
/// a format that only a successful examination can identify.
FormatKind DetectHead(std::span<const std::byte> head, std::uint64_t size, std::string_view name);

struct Detected {
  FormatKind kind;
  /// What a file without a parser is as well, in words ("a ZIP archive"); "" if nothing was found.
  std::string_view also;
};

/// Detects the format of a whole source: archives by their directories; text, pictures and unknown
/// files by what loaders would take them for (SecondReadings). `head` as above. Fails if reading
/// fails.
Result<Detected> Detect(Source& source, std::span<const std::byte> head, std::string_view name);

/// For a file that failed its examination: true if it starts like another format.
bool IsForeign(std::span<const std::byte> head, std::uint64_t size, std::string_view name);

/// True if there are enough of a stream's first bytes for MayProve.
bool IsEnoughToProve(std::span<const std::byte> head);
const Format* MayProve(std::span<const std::byte> head);

/// True if the format that starts like this is judged with the whole file available, not as its
/// bytes arrive.
bool IsJudgedFromItsEnd(std::span<const std::byte> head);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_DETECT_H_
