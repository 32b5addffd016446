#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <string_view>

#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 all accepted, 1 something rejected, 2 something undecided (wins over 1),\n"
    "3 a model file without a parser, or nothing to scan, 4 usage.";

// "4096", "64k", "25M", "1Gi": a number with a unit of 1000 or, with an i, 1024.
std::optional<std::uint64_t> ParseSize(std::string_view text) {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(text[digits] - '0'), &value)) {
      return std::nullopt;
    }
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  std::string_view unit = text.substr(digits);
  if (unit.empty()) return value;
  const std::size_t power = std::string_view("kMGT").find(unit[0] == 'K' ? 'k' : unit[0]);
  unit.remove_prefix(1);
  const bool binary = unit == "i";
  if (power == std::string_view::npos || (!unit.empty() && !binary)) return std::nullopt;
  for (std::size_t i = 0; i <= power; ++i) {
    if (__builtin_mul_overflow(value, binary ? 1024 : 1000, &value)) return std::nullopt;
  }
  return value;
}

void AddLimit(CLI::App& app, const std::string& name, std::uint64_t& limit,
              const std::string& meaning) {
  app.add_option_function<std::string>(
         "--limit-" + name,
         [&limit, name](const std::string& text) {
           const std::optional<std::uint64_t> value = ParseSize(text);
           if (!value) {
             throw CLI::ValidationError(
                 "--limit-" + name,
                 "'" + EscapeForText(text, 60) + "' is no number such as 4096, 64k or 1Gi");
           }
           limit = *value;
         },
         meaning)
      ->type_name("N")
      ->group("Limits (hitting one gives the verdict undecided)");
}

void AddCheckOptions(CLI::App& app, Options& options) {
  app.add_option("--max-findings", options.check.max_findings,
                 "Findings told for each file; the rest are counted")
      ->check(CLI::Range(std::uint32_t{1}, std::numeric_limits<std::uint32_t>::max()))
      ->type_name("N");
  app.add_flag("--digest", options.digest, "JSON: add the SHA-256 of the length and header bytes");
  Limits& limits = options.check.limits;
  AddLimit(app, "file-bytes", limits.file_bytes, "Bytes of a file");
  AddLimit(app, "header-bytes", limits.header_bytes, "Bytes of a header");
  AddLimit(app, "tensors", limits.tensors, "Tensors");
  AddLimit(app, "metadata-entries", limits.metadata_entries, "Entries of __metadata__");
  AddLimit(app, "name-bytes", limits.name_bytes, "Bytes of a name");
  AddLimit(app, "rank", limits.rank, "Dimensions of a tensor");
  AddLimit(app, "pickle-operations", limits.pickle_operations, "Opcodes of a pickle");
}

void AddFormat(CLI::App& app, Options& options, std::map<std::string, Format> formats) {
  std::string names;
  for (const auto& [name, format] : formats) names += (names.empty() ? "" : "|") + name;
  app.add_option("--format", options.format, "Form of the output: " + names)
      ->transform(CLI::Transformer(std::move(formats)).description(""))
      ->type_name("FORM");
}

void AddOutput(CLI::App& app, Options& options) {
  app.add_option("--output", options.output,
                 "Write to FILE, which appears whole or not at all, instead of standard output")
      ->type_name("FILE");
}

CLI::App* AddScan(CLI::App& app, Options& options) {
  CLI::App* scan = app.add_subcommand("scan", "Judge files and folders; - is standard input");
  scan->footer(kExitCodes);
  scan->add_option("paths", options.paths, "Files and folders")->required()->type_name("PATH...");
  scan->add_option("--profile", options.check.profile,
                   "strict, or reference: a prediction of the format's own loader")
      ->transform(
          CLI::Transformer(std::map<std::string, Profile>{{"strict", Profile::kStrict},
                                                          {"reference", Profile::kReference}})
              .description(""))
      ->type_name("PROFILE");
  AddFormat(*scan, options,
            {{"text", Format::kText}, {"json", Format::kJson}, {"jsonl", Format::kJsonLines}});
  AddOutput(*scan, options);
  scan->add_flag("--follow-links", options.follow_links,
                 "Follow every symbolic link found in a folder");
  scan->add_flag("-v,--verbose", options.verbose, "Text: show notes as well");
  scan->add_flag("-q,--quiet", options.quiet, "Text: only files that are not accepted");
  AddCheckOptions(*scan, options);
  return scan;
}

CLI::App* AddInspect(CLI::App& app, Options& options) {
  CLI::App* inspect = app.add_subcommand("inspect", "Show what is inside a file that is accepted");
  inspect->footer(kExitCodes);
  inspect->add_option("file", options.paths, "The file")
      ->required()
      ->expected(1)
      ->type_name("FILE");
  AddFormat(*inspect, options, {{"text", Format::kText}, {"json", Format::kJson}});
  AddOutput(*inspect, options);
  inspect->add_flag("-v,--verbose", options.verbose, "Show notes as well");
  AddCheckOptions(*inspect, options);
  return inspect;
}

CLI::App* AddRules(CLI::App& app, Options& options) {
  CLI::App* rules = app.add_subcommand("rules", "List the rules, or explain one");
  rules->add_option("id", options.paths, "A rule, such as safetensors/offsets-overlap")
      ->expected(0, 1)
      ->type_name("ID");
  AddFormat(*rules, options,
            {{"text", Format::kText}, {"json", Format::kJson}, {"markdown", Format::kMarkdown}});
  AddOutput(*rules, options);
  return rules;
}

}  // namespace

int ParseArguments(int count, char** arguments, Options& options) {
  CLI::App app("Decides whether a machine-learning model file is safe to load.", "tensorgate");
  app.set_version_flag("--version", "tensorgate " + std::string(ToolVersion()) + " (rules " +
                                        std::string(RulesVersion()) + ")");
  app.require_subcommand(1);
  app.footer(kExitCodes);
  CLI::App* scan = AddScan(app, options);
  CLI::App* inspect = AddInspect(app, options);
  AddRules(app, options);
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    // The message may repeat an argument, which may come from a hostile file name.
    std::fprintf(stderr, "tensorgate: %s\nTry --help.\n", EscapeForText(error.what(), 500).c_str());
    return kUsage;
  }
  options.command = scan->parsed()      ? Options::Command::kScan
                    : inspect->parsed() ? Options::Command::kInspect
                                        : Options::Command::kRules;
  return -1;
}

}  // namespace tensorgate::cli
