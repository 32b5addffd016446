// tensorgate convert: a PyTorch checkpoint, or a folder of its shards, to safetensors.
#include <fmt/format.h>

#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/table.h"
#include "tensorgate/convert.h"
#include "tensorgate/digest.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

int Refuse(const Options& options, const ConvertError& error) {
  const std::string& path = options.paths[0];
  if (!error.report) {
    std::string message = Message(error.status);
    if (!error.tensor.empty()) message += " (tensor " + EscapeForText(error.tensor, 200) + ")";
    AddError(path, error.status, message);
    return CodeOf(error.status);
  }
  std::fputs(RenderText(path, *error.report,
                        {.verbose = options.verbose, .color = UsesColor(options, STDERR_FILENO)})
                 .c_str(),
             stderr);
  return CodeOf(*error.report);
}

}  // namespace

int RunConvert(const Options& options) {
  ConvertOptions convert{.check = options.check,
                         .extract = options.extract,
                         .sha256 = Sha256Hex,
                         .refuse_tied = options.refuse_tied,
                         .dry_run = options.dry_run,
                         .verify = options.verify,
                         .sync = !options.no_sync};
  convert.select = options.select;
  const auto converted = Convert(options.paths[0], options.paths[1], convert);
  if (!converted) return Refuse(options, converted.error());
  const std::string shards =
      converted->shards == 0 ? std::string() : Counted(converted->shards, "shard", "shards") + ", ";
  std::string text = fmt::format(
      "{}  {}  ({}{}, {}{})\n", options.dry_run ? "would write" : "written",
      EscapeForText(converted->path), shards, Counted(converted->tensors, "tensor", "tensors"),
      Counted(converted->bytes, "byte", "bytes"),
      options.verify && !options.dry_run ? ", verified" : "");
  if (!converted->selected.empty()) {
    text += fmt::format("    only what is under {} (--select); {} elsewhere not selected\n",
                        EscapeForText(converted->selected, 200),
                        Counted(converted->left_out, "tensor", "tensors"));
  }
  if (converted->rearranged != 0) {
    text += fmt::format("    {} brought into C order\n",
                        Counted(converted->rearranged, "tensor", "tensors"));
  }
  for (const auto& [kept, removed] : converted->tied) {
    text += fmt::format("    {} is {} (recorded in the metadata)\n", EscapeForText(removed, 200),
                        EscapeForText(kept, 200));
  }
  text += ExtractionText(converted->extractions, false);
  if (!options.quiet) std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 ? kDone : kUndecided;
}

}  // namespace tensorgate::cli
