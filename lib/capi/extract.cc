// The C interface over `tensorgate::Extract`.
#include "tensorgate/extract.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/capi/handles.h"

using tensorgate::CheckOptions;
using tensorgate::ConvertError;
using tensorgate::ExtractedCheckpoint;
using tensorgate::Extraction;
using tensorgate::ExtractionEntry;
using tensorgate::Outcome;
using tensorgate::Report;
using tensorgate::Result;
using tensorgate::Rule;
using tensorgate::Status;
using tensorgate::capi::AddFinding;
using tensorgate::capi::Deliver;
using tensorgate::capi::ToText;

static_assert(int(Outcome::kTaken) == TENSORGATE_TAKEN);
static_assert(int(Outcome::kAsStored) == TENSORGATE_AS_STORED);
static_assert(int(Outcome::kLeftOut) == TENSORGATE_LEFT_OUT);

struct tensorgate_extraction {
  struct Part {
    Extraction extraction;
    std::string path;
    std::size_t end;  // Index of the next part's first entry.
  };
  std::vector<Part> parts;

  std::size_t size() const { return parts.empty() ? 0 : parts.back().end; }
};

namespace {

std::unique_ptr<tensorgate_extraction> MakeExtraction(ExtractedCheckpoint& extracted) {
  auto made = std::make_unique<tensorgate_extraction>();
  for (std::size_t i = 0; i < extracted.parts.size(); ++i) {
    const std::size_t end = made->size() + extracted.parts[i].entries.size();
    made->parts.push_back(
        {std::move(extracted.parts[i]), std::string(extracted.checkpoint.part(i).path), end});
  }
  return made;
}

bool HasNothing(const ExtractedCheckpoint& extracted) {
  return extracted.checkpoint.tensor_count() == 0 &&
         !std::ranges::all_of(extracted.parts, &Extraction::accepted);
}

// As for opening, there is a report, except on the tensors of a file that was proven.
void AddError(tensorgate_error** error, ConvertError reason, const char* path) {
  const Rule rule = reason.status.rule;
  if (reason.report) {
    AddFinding(error, *std::move(reason.report), path);
  } else if (rule == Rule::kConvertNamesChanged || rule == Rule::kConvertNothingExtracted) {
    AddFinding(error, reason.status);
  } else {
    AddFinding(error, tensorgate::ScanFailure(reason.status), path);
  }
}

tensorgate_checkpoint* ExtractPath(const char* path, const tensorgate_options* options,
                                   tensorgate_extraction** extraction, tensorgate_error** error) {
  const Result<CheckOptions> taken = tensorgate::capi::ToOptions(options);
  if (!taken) {
    AddFinding(error, tensorgate::ScanFailure(taken.error()), path);
    return nullptr;
  }
  std::expected<ExtractedCheckpoint, ConvertError> extracted = tensorgate::Extract(path, *taken);
  if (!extracted) {
    AddError(error, std::move(extracted.error()), path);
    return nullptr;
  }
  const bool nothing = HasNothing(*extracted);
  auto listed = MakeExtraction(*extracted);
  std::unique_ptr<tensorgate_checkpoint> checkpoint;
  if (nothing) {
    AddFinding(error, Status{.rule = Rule::kConvertNothingExtracted});
  } else {
    checkpoint.reset(new tensorgate_checkpoint{std::move(extracted->checkpoint)});
  }
  if (extraction != nullptr) *extraction = listed.release();
  return checkpoint.release();
}

}  // namespace

extern "C" {

tensorgate_checkpoint* tensorgate_extract_path(const char* path, const tensorgate_options* options,
                                               tensorgate_extraction** extraction,
                                               tensorgate_error** error) {
  if (extraction != nullptr) *extraction = nullptr;
  try {
    return ExtractPath(path == nullptr ? "" : path, options, extraction, error);
  } catch (...) {
    AddFinding(error, Status{.rule = Rule::kIoOutOfMemory});
    return nullptr;
  }
}

void tensorgate_extraction_free(tensorgate_extraction* extraction) { delete extraction; }

int tensorgate_extraction_count(const tensorgate_extraction* extraction,
                                tensorgate_extraction_counts* counts) {
  tensorgate::ExtractionCounts sums;
  for (const auto& part : extraction->parts) sums.Add(part.extraction);
  tensorgate_extraction_counts full{};
  full.taken = sums.taken;
  full.as_stored = sums.as_stored;
  full.left_out = sums.left_out;
  full.names_dropped = sums.names_dropped;
  return Deliver(full, counts);
}

size_t tensorgate_extraction_entry_count(const tensorgate_extraction* extraction) {
  return extraction->size();
}

int tensorgate_extraction_entry_at(const tensorgate_extraction* extraction, size_t index,
                                   tensorgate_extraction_entry* entry) {
  if (entry == nullptr || index >= extraction->size()) return 0;
  const auto part =
      std::ranges::upper_bound(extraction->parts, index, {}, &tensorgate_extraction::Part::end);
  const std::vector<ExtractionEntry>& entries = part->extraction.entries;
  const ExtractionEntry& from = entries[entries.size() - (part->end - index)];
  tensorgate_extraction_entry full{};
  full.outcome = static_cast<tensorgate_outcome>(from.outcome);
  full.name = ToText(from.name);
  full.holder = ToText(from.holder);
  full.reason = ToText(from.reason);
  full.dtype = ToText(from.dtype);
  full.shape = from.shape.data();
  full.rank = from.shape.size();
  full.offset = from.offset;
  full.part = static_cast<std::size_t>(part - extraction->parts.begin());
  return Deliver(full, entry);
}

size_t tensorgate_extraction_part_count(const tensorgate_extraction* extraction) {
  return extraction->parts.size();
}

tensorgate_report* tensorgate_extraction_report(const tensorgate_extraction* extraction,
                                                size_t part) {
  if (part >= extraction->parts.size()) return nullptr;
  const tensorgate_extraction::Part& of = extraction->parts[part];
  return tensorgate::capi::Keep([&] { return Report(of.extraction.source); }, of.path);
}

}  // extern "C"
