// tensorgate convert: a PyTorch checkpoint, or a folder of its shards, to safetensors.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "tensorgate/convert.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

int Refuse(const Options& options, const ConvertError& error) {
  if (error.report) {
    Report report = *error.report;
    const std::string& path = options.paths[0];
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) {
      // Another format, and a layout of PyTorch's without a parser, is named as what it is.
      Report scanned = ScanPath(path, options.check);
      if (scanned.verdict() == Verdict::kUnsupported || !scanned.format().starts_with("pytorch-")) {
        report = std::move(scanned);
      }
    }
    std::fputs(RenderText(path, report, options.verbose).c_str(), stderr);
    const ExitCode code = CodeOf(report);
    return code == kAllAccepted ? kSomeUndecided : code;
  }
  const RuleInfo& info = Info(error.status.rule);
  std::string text = fmt::format("tensorgate: {}", Message(error.status));
  if (!error.tensor.empty()) text += fmt::format(" (tensor {})", EscapeForText(error.tensor, 200));
  std::fprintf(stderr, "%s\n%s%s%s", text.c_str(),
               info.fix.empty() ? "" : "fix: ", std::string(info.fix).c_str(),
               info.fix.empty() ? "" : "\n");
  return info.id.starts_with("convert/") ? kSomeRejected : kSomeUndecided;
}

}  // namespace

int RunConvert(const Options& options) {
  ConvertOptions convert{.check = options.check,
                         .refuse_tied = options.refuse_tied,
                         .dry_run = options.dry_run,
                         .verify = options.verify,
                         .sync = !options.no_sync};
  if (!options.select.empty()) convert.select = options.select;
  const auto converted = Convert(options.paths[0], options.paths[1], convert);
  if (!converted) return Refuse(options, converted.error());
  const std::string shards = converted->shards == 0
                                 ? std::string()
                                 : fmt::format("{} shards, ", GroupDigits(converted->shards));
  std::string text = fmt::format(
      "{}  {}  ({}{} tensors, {} bytes{})\n", options.dry_run ? "would write" : "written",
      EscapeForText(converted->path), shards, GroupDigits(converted->tensors),
      GroupDigits(converted->bytes), options.verify && !options.dry_run ? ", verified" : "");
  if (!converted->selected.empty()) {
    text += fmt::format("    only what stands under {}; {} tensors left out\n",
                        EscapeForText(converted->selected, 200), converted->left_out);
  }
  if (converted->rearranged != 0) {
    text += fmt::format("    {} tensors brought into C order\n", converted->rearranged);
  }
  for (const auto& [kept, removed] : converted->tied) {
    text += fmt::format("    {} is {} (the metadata say so)\n", EscapeForText(removed, 200),
                        EscapeForText(kept, 200));
  }
  if (!options.quiet) std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 ? kAllAccepted : kSomeUndecided;
}

}  // namespace tensorgate::cli
