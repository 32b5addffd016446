#include "lib/scan/detect.h"

#include "lib/base/bytes.h"
#include "lib/containers/pickle/dry_run.h"
#include "lib/formats/archive.h"
#include "lib/formats/recognized.h"
#include "lib/second_readings/packed.h"
#include "lib/second_readings/second_readings.h"

namespace tensorgate::internal {
namespace {

FormatKind PlainKind(Packing packing) { return KindOf(PlainFormat(packing)); }

// True if the first bytes show nothing that a model loader is meant for.
bool IsUnclear(const FormatKind& kind) {
  return kind.file_class != FileClass::kModel || kind.format == &UnknownFormat();
}

// True if a loader would unpickle it: text and pictures can be pickles of protocol 0 and 1.
bool IsPickle(const pickle::DryRun& run, std::uint64_t size) {
  const bool whole = run.outcome() == pickle::DryRun::Outcome::kComplete && run.position() == size;
  return run.dangerous() || whole;
}

std::string_view AlsoInWords(const SecondReadings& readings, const FormatKind& kind) {
  if (readings.tar() && kind.format->packing != Packing::kTar) return "a tar archive";
  if (readings.zip()) return "a ZIP archive";
  if (readings.hdf5() && kind.format->packing != Packing::kHdf5) return "an HDF5 file";
  return readings.pickle().dangerous() ? "a pickle" : "";
}

FormatKind WithSuffix(FormatKind kind, std::string_view name) {
  if (kind.file_class == FileClass::kOther && IsNamedAsModel(name)) {
    kind.file_class = FileClass::kModel;
  }
  return kind;
}

}  // namespace

FormatKind DetectHead(std::span<const std::byte> head, std::uint64_t size, std::string_view name) {
  const FormatKind kind = Recognize({AsText(head), size});
  if (IsUnclear(kind)) {
    pickle::DryRun run;
    run.Feed(head);
    if (IsPickle(run, size)) return PlainKind(Packing::kPickle);
  }
  return WithSuffix(kind, name);
}

Result<Detected> Detect(Source& source, std::span<const std::byte> head, std::string_view name) {
  const FormatKind kind = Recognize({AsText(head), source.size()});
  const Packing packing = kind.format->packing;
  if (packing == Packing::kZip) return Detected{RecognizeArchive(ReadMembers(source, head)), {}};
  if (packing == Packing::kPickle) return Detected{kind, {}};
  SecondReadings readings(Family::kOther);
  readings.Know(head);
  TENSORGATE_TRY(FindSecondReadings(readings, source));
  if (!IsUnclear(kind)) return Detected{kind, AlsoInWords(readings, kind)};
  if (IsPickle(readings.pickle(), source.size())) {
    return Detected{PlainKind(Packing::kPickle), {}};
  }
  if (readings.zip()) return Detected{RecognizeArchive(ReadMembers(source, head)), {}};
  if (readings.hdf5()) return Detected{PlainKind(Packing::kHdf5), {}};
  if (!readings.compressed().empty()) return Detected{PlainKind(Packing::kZlib), {}};
  return Detected{WithSuffix(kind, name), {}};
}

bool IsForeign(std::span<const std::byte> head, std::uint64_t size, std::string_view name) {
  return DetectHead(head, size, name).format != &UnknownFormat();
}

bool IsEnoughToProve(std::span<const std::byte> head) {
  return recognize::ShowsHeader({AsText(head), UINT64_MAX});
}

const Format* MayProve(std::span<const std::byte> head) {
  return MayProve(Head{AsText(head), UINT64_MAX});
}

bool IsJudgedFromItsEnd(std::span<const std::byte> head) {
  const FormatKind kind = Recognize({AsText(head), UINT64_MAX});
  if (kind.format->stream == StreamMode::kSpool) return true;
  if (!IsUnclear(kind)) return false;
  if (!PackedFormat(head).empty()) return true;
  pickle::DryRun run;
  run.Feed(head);
  return run.dangerous() || (run.going() && head.size() == kScanHead);
}

}  // namespace tensorgate::internal
