// What a file is that does not prove to be what its beginning may be, and how a stream of it is judged. Only a label, a class
// and who examines it depend on it, never an acceptance.
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

/// `head`: the file's first bytes, all of it if it is shorter than kScanHead. Never what only a proof makes that.
FormatKind DetectHead(std::span<const std::byte> head, std::uint64_t size, std::string_view name);

struct Detected {
  FormatKind kind;
  /// What has no parser is this as well, in words ("a ZIP archive"); "" if nothing is seen.
  std::string_view also;
};

/// What a whole source is: archives by their lists of members. Text, pictures and unknown things are what loaders would
/// take them for (SecondReadings). `head` as above. Fails if reading does.
Result<Detected> Detect(Source& source, std::span<const std::byte> head, std::string_view name);

/// For what a proof failed of: it begins like another format.
bool IsForeign(std::span<const std::byte> head, std::uint64_t size, std::string_view name);

/// There are enough of a stream's first bytes for MayProve.
bool IsEnoughToProve(std::span<const std::byte> head);
const Format* MayProve(std::span<const std::byte> head);

/// A format that this begins is judged with all of the file at hand, not as its bytes come.
bool IsJudgedFromItsEnd(std::span<const std::byte> head);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_DETECT_H_
