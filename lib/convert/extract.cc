#include "tensorgate/extract.h"

#include <array>
#include <bit>
#include <new>
#include <utility>

#include "lib/checkpoint/checkpoint_data.h"
#include "lib/convert/open_parts.h"
#include "lib/formats/registry.h"
#include "lib/rules/report_builder.h"

namespace tensorgate {
namespace {

using internal::CheckpointData;
using internal::OpenedPart;
using internal::PartData;

std::unexpected<ConvertError> Error(const Status& status) {
  return std::unexpected(ConvertError{.status = status});
}

std::expected<PartData, ConvertError> MakePart(OpenedPart& part, const CheckOptions& options) {
  if (!part.extraction) {
    std::expected<PartData, Report> made =
        CheckpointData::MakePart(std::move(part.path), std::move(part.source),
                                 {std::move(part.report), std::move(part.file)}, options);
    if (made) return *std::move(made);
    return std::unexpected(ConvertError{.report = std::move(made.error())});
  }
  PartData data;
  data.path = std::move(part.path);
  data.source = std::move(part.source);
  data.file = std::move(part.file);
  data.report = std::make_unique<const Report>(std::move(part.report));
  return data;
}

std::expected<ExtractedCheckpoint, ConvertError> Open(const std::string& path,
                                                      const CheckOptions& options) {
  if (const Result<void> host = internal::CheckHost(std::endian::native); !host) {
    return Error(host.error());
  }
  internal::OpenedParts opened = TENSORGATE_TRY(internal::OpenParts(path, options, true));
  std::vector<PartData> parts;
  std::vector<Extraction> extractions;
  for (OpenedPart& part : opened.parts) {
    extractions.push_back(part.extraction ? std::move(*part.extraction)
                                          : Extraction{.source = part.report});
    parts.push_back(TENSORGATE_TRY(MakePart(part, options)));
  }
  Checkpoint checkpoint =
      opened.report ? CheckpointData::MakeSharded(path, std::move(parts), *std::move(opened.report))
                    : CheckpointData::Make(std::move(parts));
  return ExtractedCheckpoint{std::move(checkpoint), std::move(extractions)};
}

}  // namespace

std::string_view Name(Outcome outcome) {
  constexpr std::array<std::string_view, 3> kNames = {"taken", "as-stored", "left-out"};
  return kNames.at(static_cast<std::size_t>(outcome));
}

std::expected<ExtractedCheckpoint, ConvertError> Extract(const std::string& path,
                                                         const CheckOptions& options) {
  try {
    return Open(path, internal::StrictOptions(options));
  } catch (const std::bad_alloc&) {
    return Error({.rule = Rule::kIoOutOfMemory});
  } catch (...) {
    return Error({.rule = Rule::kIoReadFailed});
  }
}

}  // namespace tensorgate
