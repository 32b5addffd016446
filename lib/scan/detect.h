// What a file without a parser is. Only a label and a class hang on it, never an acceptance.
#ifndef TENSORGATE_SCAN_DETECT_H_
#define TENSORGATE_SCAN_DETECT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tensorgate/report.h"
#include "tensorgate/source.h"

namespace tensorgate::internal {

/// How much of the beginning is looked at.
inline constexpr std::size_t kScanHead = 4096;

struct Kind {
  std::string_view format;  ///< "pytorch-zip"
  std::string_view words;   ///< "a PyTorch checkpoint (zip)"
  FileClass file_class = FileClass::kModel;
};

/// `head`: the file's first bytes, all of it if it is shorter than kScanHead. Never "safetensors".
Kind DetectHead(std::span<const std::byte> head, std::uint64_t size, std::string_view name);

/// Looks into a ZIP archive's list of members for what writes such archives; reads at most 130 KB.
Kind DetectZip(Source& source, std::span<const std::byte> head);

struct Detected {
  Kind kind;
  std::string_view
      also;  ///< What has no parser is this as well, in words ("a ZIP archive"); "" if nothing is seen.
};
/// A ZIP archive's first local header, end record or spanning mark.
bool IsZip(std::span<const std::byte> head);

/// What a whole source is that does not prove to be safetensors: archives by their lists of members. Text, pictures and
/// unknown things are what loaders would take them for (SecondReadings). `head` as above. Fails if reading does.
Result<Detected> Detect(Source& source, std::span<const std::byte> head, std::string_view name);

/// For what might be safetensors: begins like another format, of which no text is one, for its length has zeros.
bool IsForeign(std::span<const std::byte> head, std::uint64_t size, std::string_view name);

/// There are enough of a stream's first bytes for MayBeSafetensors: those behind white space, or all of
/// kScanHead.
bool ShowsHeader(std::span<const std::byte> head);

/// By its length bytes and the brace behind them, this may be safetensors.
bool MayBeSafetensors(std::span<const std::byte> head);

/// A format that this begins is judged with all of the file at hand, not as its bytes come.
bool IsJudgedFromItsEnd(std::span<const std::byte> head);

/// The suffix promises another format than `format`, of which the file is.
bool NamesOther(std::string_view format, std::string_view name);

/// The suffix promises safetensors.
bool IsNamedSafetensors(std::string_view name);

/// The suffix promises weights or code: nothing under such a name is merely text.
bool IsNamedAsModel(std::string_view name);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SCAN_DETECT_H_
