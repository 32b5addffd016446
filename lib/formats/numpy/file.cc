#include "lib/formats/numpy/file.h"

#include <utility>

#include "lib/formats/numpy/examination.h"
#include "lib/second_readings/second_readings.h"
#include "lib/source/drive.h"

namespace tensorgate::numpy {
namespace {

using internal::Examination;

Result<void> Read(Examination& examination, Source& source) {
  ReportBuilder& builder = examination.builder();
  examination.Begin(source.size());
  Result<void> read = tensorgate::internal::Drive(examination, source, builder.interrupt());
  if (!read) return read;
  const auto ranges = examination.Unread();
  if (ranges.empty()) return {};
  const auto facts = tensorgate::internal::ReadData(source, ranges, builder.interrupt());
  if (!facts) return std::unexpected(facts.error());
  examination.OnData(*facts);
  return source.Unchanged();
}

}  // namespace

Report Examine(Source& source, const CheckOptions& options,
               std::optional<internal::Header>* opened) {
  try {
    Examination examination(options);
    ReportBuilder& builder = examination.builder();
    if (const Result<void> read = Read(examination, source); !read) builder.Add(read.error());
    if (!builder.HasError() && options.profile == Profile::kStrict) {
      // The first byte pops two texts off a pickle's stack, where nothing is yet: no file is both.
      using tensorgate::internal::Family;
      tensorgate::internal::AddSecondReadings(Family::kOther, source, builder);
    }
    Report report = builder.Finish();
    if (opened != nullptr && report.verdict() == Verdict::kAccepted) *opened = examination.header();
    return report;
  } catch (...) {
    return ReportBuilder::Caught(options, "numpy");
  }
}

}  // namespace tensorgate::numpy
