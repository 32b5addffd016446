// tensorgate inspect --opcodes and --globals: what the pickles in a file say, opcode by opcode, whether or not it is accepted.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/pickle_listing.h"
#include "cli/pickle_search.h"
#include "lib/containers/zip/reader.h"
#include "lib/formats/registry.h"
#include "lib/rules/report_builder.h"
#include "lib/source/drive.h"
#include "lib/source/store.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

// An accepted archive has one pickle, found by its name. All other members are proven to be data.
void ShowOfArchive(Source& source, const CheckOptions& options, PickleListing& listing) {
  ReportBuilder ignored(options, "zip");
  zip::internal::Archive archive;
  zip::internal::Reader reader(ignored, archive);
  reader.Begin(source.size());
  if (!internal::Drive(reader, source, ignored.interrupt())) return;
  for (const zip::internal::Member& member : archive.members.span()) {
    const std::string_view name = archive.NameOf(member);
    if (!name.ends_with("/data.pkl")) continue;
    listing.Enter(EscapeForText(name, 256));
    listing.Show(member.data_offset, member.data_end());
  }
}

// An accepted file is known to its last byte; in any other, every byte is searched.
Result<void> ShowAll(Source& source, const Report& report, const CheckOptions& options,
                     PickleListing& listing) {
  if (report.verdict() != Verdict::kAccepted) return PickleSearch(source, listing).Run();
  const internal::Format* format = internal::FindFormat(report.format());
  const internal::Packing packing = format == nullptr ? internal::Packing::kNone : format->packing;
  if (packing == internal::Packing::kZip) {
    ShowOfArchive(source, options, listing);
  } else if (packing == internal::Packing::kPickle) {
    const std::uint64_t size = source.size();
    std::uint64_t at = 0;
    // A legacy stream has five, one after the other, then the storages.
    for (int i = 0; i < 5 && at < size && !listing.Done(); ++i) at = listing.Show(at, size).at;
    listing.ShowRest(at, size - at);
  }
  return {};
}

}  // namespace

int InspectPickle(const Options& options) {
  const std::string& path = options.paths.front();
  Output output(options.output);
  const auto failed = [&](const Status& status) {
    return Refuse(output, path, {ScanFailure(status, options.check)}, {}, options);
  };
  const Result<std::unique_ptr<Source>> source = internal::OpenPath(path);
  if (!source) return failed(source.error());
  const CheckOptions check = CheckNow(options);
  const Report report = Scan(**source, path, check);
  internal::Interrupt interrupt(check);
  PickleListing listing(**source, output, options, interrupt);
  Result<void> shown = ShowAll(**source, report, check, listing);
  if (listing.failure()) shown = std::unexpected(*listing.failure());
  // A search that ended early may have missed pickles.
  if (const std::optional<Rule> ended = interrupt.Ended()) {
    shown = std::unexpected(Status{.rule = *ended});
  }
  if (shown) shown = (*source)->CheckUnchanged();
  if (!shown) return failed(shown.error());
  ExitCode code = listing.code();
  if (!listing.shown() && code == kDone) {
    const RuleInfo& rule = Info(Rule::kUseNoPickle);
    output.Write(EscapeForText(path) + ": " + std::string(rule.id) + ": " +
                 std::string(rule.message) + "\n");
    code = kUnsupported;
  } else if (listing.shown() && Worse(code, CodeOf(report)) != code &&
             CodeOf(report) != kUnsupported) {
    // A scan finds more than names and opcodes.
    output.Write(RenderText(path, report, output.Text(options)));
    code = CodeOf(report);
  }
  return output.Finish() ? code : kUndecided;
}

}  // namespace tensorgate::cli
