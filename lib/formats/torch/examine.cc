// Drives an examination over a source.
#include <array>
#include <utility>

#include "lib/formats/torch/examination.h"
#include "lib/source/data.h"
#include "lib/source/drive.h"
#include "lib/source/read.h"

namespace tensorgate::torch::internal {
namespace {

// Reads what the scope requires beyond the structure.
Result<void> ReadData(Examination& examination, Source& source) {
  const auto ranges = examination.Unread();
  if (!ranges) return {};
  const auto facts =
      TENSORGATE_TRY(tensorgate::internal::ReadData(source, *ranges, examination.interrupt()));
  examination.OnData(*ranges, facts);
  return source.CheckUnchanged();
}

}  // namespace

// A caller's source may throw anything.
Report Examine(Source& source, const CheckOptions& options,
               std::unique_ptr<const Contents>* contents, Extraction* extraction) {
  const std::string_view format = FormatName(Layout::kZip);
  try {
    std::array<std::byte, kLayoutHead> head;
    const std::span<std::byte> begin = std::span(head).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), head.size())));
    tensorgate::internal::Interrupt early(options);
    if (const auto read = tensorgate::internal::ReadFully(source, 0, begin, early); !read) {
      return ReportBuilder::Failed(read.error(), options, format);
    }
    const std::optional<Layout> layout =
        extraction == nullptr ? LayoutOf(begin) : OpenLayoutOf(begin);
    if (!layout && extraction != nullptr) {
      return ReportBuilder::Failed({.rule = Rule::kConvertNothingExtracted}, options, format);
    }
    Examination examination(options, layout.value_or(Layout::kZip), extraction);
    examination.Begin(source.size());
    tensorgate::internal::Interrupt& interrupt = examination.interrupt();
    if (const auto read = tensorgate::internal::Drive(examination, source, interrupt); !read) {
      examination.Fail(read.error());
    }
    if (const Result<void> read = ReadData(examination, source); !read) {
      examination.Fail(read.error());
    }
    Report report = examination.Finish();
    if (contents != nullptr && report.verdict() == Verdict::kAccepted) {
      *contents = examination.TakeContents();
    }
    return report;
  } catch (...) {
    return ReportBuilder::Caught(options, format);
  }
}

}  // namespace tensorgate::torch::internal
