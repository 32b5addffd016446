#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "lib/source/store.h"
#include "tensorgate/render.h"
#include "tensorgate/source.h"

namespace tensorgate::cli {
namespace {

constexpr const char* kAllCodes =
    "`tensorgate FILE...` is short for `tensorgate scan FILE...`.\n\n"
    "Exit codes: 0 accepted, or done; 1 rejected; 2 undecided, or the output could not be "
    "written;\n"
    "3 not a model, no parser, or nothing to do; 4 wrong usage. `tensorgate COMMAND --help` says "
    "more.";
constexpr const char* kScanCodes =
    "Exit codes:\n"
    "  0  every file that was named was accepted, and in every folder a file was, and none "
    "refused\n"
    "  1  a file is rejected\n"
    "  2  a file is undecided: unreadable, changed during the scan, or above a limit\n"
    "  3  nothing was accepted, a model file has no parser or was not fetched, or a named file is\n"
    "     not a model\n"
    "  4  wrong usage\n"
    "2 takes precedence over 1, 1 over 3.";
constexpr const char* kLimitGroup = "Limits (above a limit the verdict is undecided)";
constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 the input is rejected; 2 it is undecided, or the output could not be\n"
    "written; 3 it has no parser, is not a model, or this command does not apply to it; 4 wrong\n"
    "usage.";

// "4096", "64k", "25M", "5GB", "1Gi": a number with a unit of 1000 or, with an i, 1024; a B may follow.
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
  if (unit.empty() || unit == "B") return value;
  const std::size_t power = std::string_view("kMGT").find(unit[0] == 'K' ? 'k' : unit[0]);
  unit.remove_prefix(1);
  const bool binary = unit.starts_with('i');
  if (binary) unit.remove_prefix(1);
  if (power == std::string_view::npos || (!unit.empty() && unit != "B")) return std::nullopt;
  for (std::size_t i = 0; i <= power; ++i) {
    if (__builtin_mul_overflow(value, binary ? 1024 : 1000, &value)) return std::nullopt;
  }
  return value;
}

// An option whose value is a number of bytes.
CLI::Option* AddSize(CLI::App& app, const std::string& option, std::uint64_t& value,
                     const std::string& meaning) {
  return app
      .add_option_function<std::string>(
          option,
          [&value, option](const std::string& text) {
            const std::optional<std::uint64_t> parsed = ParseSize(text);
            if (!parsed) {
              throw CLI::ValidationError(option, "'" + EscapeForText(text, 60) +
                                                     "' is not a size such as 4096, 64k or 1Gi");
            }
            value = *parsed;
          },
          meaning)
      ->type_name("N");
}

// Limits are many and seldom needed: --help leaves them out.
void AddLimits(CLI::App& app, Options& options) {
  std::vector<CLI::Option*> limits;
  for (const LimitInfo& limit : kLimits) {
    std::string name(limit.name);
    std::ranges::replace(name, '_', '-');
    std::uint64_t& value = options.check.limits.*limit.member;
    const std::string standard = value == UINT64_MAX ? "no limit" : GroupDigits(value);
    limits.push_back(
        AddSize(app, "--limit-" + name, value, fmt::format("{} [{}]", limit.meaning, standard)));
  }
  app.add_option_function<double>(
         "--timeout",
         [&options](double seconds) {
           // NaN as well.
           if (!(seconds > 0)) throw CLI::ValidationError("--timeout", "it must be above 0");
           options.timeout = std::chrono::duration<double>(seconds);
         },
         "Time limit for judging one file, such as 30 or 0.5")
      ->type_name("SECONDS");
  for (CLI::Option* limit : limits) limit->group("");
  app.add_flag_callback(
      "--help-limits",
      [limits] {
        for (CLI::Option* limit : limits) limit->group(kLimitGroup);
        throw CLI::CallForHelp();
      },
      "Print this help with the limits, and exit");
}

void AddCheckOptions(CLI::App& app, Options& options) {
  app.add_option("--max-findings", options.check.max_findings,
                 "Findings shown per file; the rest are only counted")
      ->check(CLI::Range(std::uint32_t{1}, std::numeric_limits<std::uint32_t>::max()))
      ->type_name("N");
  app.add_flag("--digest", options.digest, "JSON: add the SHA-256 of the header");
  AddLimits(app, options);
}

template <typename Value>
std::string Names(const std::map<std::string, Value>& choices) {
  std::string names;
  for (const auto& [name, value] : choices) names += (names.empty() ? "" : "|") + name;
  return names;
}

// An option whose value is one of these words.
template <typename Value>
CLI::Option* AddChoice(CLI::App& app, const std::string& option, Value& value,
                       std::map<std::string, Value> choices, const std::string& meaning) {
  return app.add_option_function<std::string>(
      option,
      [&value, option, choices = std::move(choices)](const std::string& text) {
        const auto chosen = choices.find(text);
        if (chosen == choices.end()) {
          throw CLI::ValidationError(option, fmt::format("'{}' is not one of {}",
                                                         EscapeForText(text, 60), Names(choices)));
        }
        value = chosen->second;
      },
      meaning);
}

CLI::Option* AddFormat(CLI::App& app, Options& options, std::map<std::string, Format> formats) {
  const std::string meaning = "Output format: " + Names(formats);
  return AddChoice(app, "--format", options.format, std::move(formats), meaning)
      ->type_name("FORMAT");
}

void AddReportFormat(CLI::App& app, Options& options) {
  std::map<std::string, const internal::ReportFormat*> formats;
  std::string meaning = "Output format:";
  for (const internal::ReportFormat& format : internal::ReportFormats()) {
    formats.emplace(format.name, &format);
    meaning += fmt::format("{} {}, {}", formats.size() == 1 ? "" : ";", format.name, format.help);
  }
  AddChoice(app, "--format", options.reports, std::move(formats), meaning)->type_name("FORMAT");
}

void AddOutput(CLI::App& app, Options& options) {
  app.add_option("--output", options.output,
                 "Write to FILE instead of standard output; FILE appears complete or not at all")
      ->type_name("FILE");
}

void AddProfile(CLI::App& app, Options& options, const std::string& meaning) {
  AddChoice(app, "--profile", options.check.profile,
            {{"strict", Profile::kStrict}, {"reference", Profile::kReference}}, meaning)
      ->type_name("PROFILE");
}

void AddColor(CLI::App& app, Options& options) {
  using enum Options::Color;
  AddChoice(app, "--color", options.color,
            {{"auto", kAuto}, {"always", kAlways}, {"never", kNever}},
            "Colors: auto [default: on a terminal, unless NO_COLOR is set], always or never")
      ->type_name("WHEN");
}

TrustList ReadTrust(const std::string& path) {
  constexpr std::uint64_t kMax = 1'000'000;
  const Result<std::unique_ptr<Source>> source = internal::OpenPath(path);
  if (!source || (*source)->size() > kMax) {
    throw CLI::ValidationError("--trust", path + ": not a readable file of at most 1 MB");
  }
  std::string text(static_cast<std::size_t>((*source)->size()), '\0');
  if (!ReadFully(**source, 0, std::as_writable_bytes(std::span(text)))) {
    throw CLI::ValidationError("--trust", path + ": it could not be read");
  }
  auto trusted = TrustList::Parse(text);
  if (trusted) return *std::move(trusted);
  throw CLI::ValidationError(
      "--trust", fmt::format("{}:{}: {}", path, trusted.error().line, trusted.error().reason));
}

void AddScan(CLI::App& app, Options& options) {
  CLI::App* scan = app.add_subcommand(
      "scan", "Check whether files and folders are safe to load; - is standard input");
  scan->footer(kScanCodes);
  scan->add_option("PATH", options.paths, "Files and folders")->required()->type_name("");
  scan->add_option("--name", options.name,
                   "The file name of standard input; its suffix selects the format's rules")
      ->type_name("FILE");
  AddProfile(*scan, options,
             "strict [default], or reference: predict what the format's own loader accepts");
  AddReportFormat(*scan, options);
  AddOutput(*scan, options);
  AddColor(*scan, options);
  scan->add_flag("--follow-links", options.check.follow_links,
                 "Follow every symbolic link found in a folder");
  scan->add_flag("-v,--verbose", options.verbose,
                 "Text: list every file, explain every finding, show notes");
  scan->add_flag("-q,--quiet", options.quiet, "Text: show only files that are not accepted");
  scan->add_option_function<std::string>(
          "--trust",
          [&options](const std::string& path) {
            options.check.trusted = ReadTrust(path);
            options.trust_path = path;
          },
          "List of further functions and classes that pickles may use (README.md has an example). "
          "Each entry used is reported; loading such a file runs its code")
      ->type_name("FILE");
  scan->add_flag_callback(
      "--full", [&options] { options.check.scope = Scope::kFull; },
      "Read tensor data as well: verify the checksums of PyTorch archives, and that booleans are 0 "
      "or 1");
  AddCheckOptions(*scan, options);
  scan->callback([&options, scan] {
    options.command = Options::Command::kScan;
    const bool stream = std::ranges::find(options.paths, "-") != options.paths.end();
    if (scan->count("--name") != 0 && (options.name.empty() || !stream)) {
      throw CLI::ValidationError("--name", "it names standard input, which is given as -");
    }
  });
}

void AddInspect(CLI::App& app, Options& options) {
  CLI::App* inspect =
      app.add_subcommand("inspect", "Show the tensors and metadata of an accepted file");
  inspect->footer(kExitCodes);
  inspect->add_option("FILE", options.paths, "The file")->required()->expected(1)->type_name("");
  CLI::Option* format =
      AddFormat(*inspect, options, {{"text", Format::kText}, {"json", Format::kJson}});
  AddOutput(*inspect, options);
  AddColor(*inspect, options);
  inspect->add_flag("-v,--verbose", options.verbose, "Show notes as well");
  inspect
      ->add_flag("--opcodes", options.opcodes,
                 "Disassemble the pickles in any file, accepted or not: offset, opcode, argument, "
                 "stack effect and depth")
      ->excludes(format);
  inspect
      ->add_flag(
          "--globals", options.globals,
          "List every function and class that the pickles in any file name, accepted or not; "
          "exit code 1 if one of them is not allowed")
      ->excludes(format);
  inspect->add_flag(
      "--extract", options.extract,
      "Of a refused PyTorch checkpoint: list the tensors that convert --extract would "
      "write, and those that it would leave out");
  AddCheckOptions(*inspect, options);
  CLI::Option* stats = inspect->add_flag("--stats", options.stats,
                                         "Read the data, once: minimum, maximum and mean of the "
                                         "finite numbers of each tensor, and how "
                                         "many are NaN, infinite or zero");
  for (const char* other : {"--opcodes", "--globals", "--extract", "--digest"}) {
    stats->excludes(inspect->get_option(other));
  }
  inspect->callback([&options] { options.command = Options::Command::kInspect; });
}

void AddNoSync(CLI::App& command, Options& options) {
  command.add_flag("--no-sync", options.no_sync,
                   "Do not wait until the disk has stored the output");
}

constexpr const char* kConvertCodes =
    "Exit codes: 0 written; 1 the input is rejected, or with --extract nothing can be taken from "
    "it;\n"
    "2 it is undecided, or the output could not be written; 3 it has no parser, or tensors that\n"
    "safetensors cannot hold; 4 wrong usage. Nothing is written unless everything succeeded.";

void AddConvert(CLI::App& app, Options& options) {
  CLI::App* convert = app.add_subcommand(
      "convert", "Convert a checkpoint to safetensors, without running anything in it");
  convert->footer(kConvertCodes);
  convert
      ->add_option("IN", options.paths,
                   "The checkpoint, or the folder or index of its shards; the file or folder to "
                   "write")
      ->required()
      ->expected(2)
      ->type_name("OUT");
  convert
      ->add_option(
          "--select", options.select,
          "Convert only what is under this key [state_dict, if there is one]; '': everything")
      ->type_name("KEY");
  AddChoice(*convert, "--tied", options.refuse_tied, {{"keep", false}, {"refuse", true}},
            "Several names of one tensor: keep the first and record the others in the metadata "
            "[default], or refuse")
      ->type_name("keep|refuse");
  convert->add_flag(
      "--extract", options.extract,
      "Also take the tensors from a checkpoint that is refused because of its pickle; "
      "those that foreign code may change are left out. The file stays refused");
  convert->add_flag("--dry-run", options.dry_run, "Check and plan, but write nothing");
  convert->add_flag("--verify", options.verify, "Read the output back and compare every tensor");
  AddNoSync(*convert, options);
  convert->add_flag("-v,--verbose", options.verbose, "Show notes as well");
  AddColor(*convert, options);
  convert->add_flag("-q,--quiet", options.quiet, "Print nothing on success");
  AddCheckOptions(*convert, options);
  convert->callback([&options] { options.command = Options::Command::kConvert; });
}

void AddRules(CLI::App& app, Options& options) {
  CLI::App* rules = app.add_subcommand("rules", "List the rules, or explain one");
  rules->add_option("ID", options.paths, "A rule, such as safetensors/offsets-overlap")
      ->expected(0, 1)
      ->type_name("");
  AddFormat(*rules, options,
            {{"text", Format::kText}, {"json", Format::kJson}, {"markdown", Format::kMarkdown}});
  AddOutput(*rules, options);
  rules->callback([&options] { options.command = Options::Command::kRules; });
}

void AddFormats(CLI::App& app, Options& options) {
  CLI::App* formats =
      app.add_subcommand("formats", "List the formats that are proven or recognized");
  AddFormat(*formats, options,
            {{"text", Format::kText}, {"json", Format::kJson}, {"markdown", Format::kMarkdown}});
  AddOutput(*formats, options);
  formats->callback([&options] { options.command = Options::Command::kFormats; });
}

void AddTextOrJson(CLI::App& app, Options& options) {
  AddFormat(app, options, {{"text", Format::kText}, {"json", Format::kJson}});
  AddOutput(app, options);
  AddLimits(app, options);
}

void AddHash(CLI::App& app, Options& options) {
  CLI::App* hash = app.add_subcommand(
      "hash", "SHA-256 of each tensor and of all; it does not depend on how they are stored");
  hash->footer(
      "Text: one line per tensor, sorted by name: SHA-256, dtype, shape, name as JSON.\n"
      "The last line is the SHA-256 of the lines above: equal for equal models.\n\n"
      "--check LIST: each line of LIST is what `sha256sum FILE` or `tensorgate hash --pin FILE`\n"
      "prints; the files it names are checked, or with FILE only those, against every line. LIST\n"
      "may also be what `tensorgate hash FILE` prints; then name the FILE.\n\n"
      "Exit codes: 0 done, with --check every file matches; 1 a file is rejected, or does not\n"
      "match; 2 a file cannot be read, or the output could not be written; 3 no parser, or not a\n"
      "model; 4 wrong usage, or LIST has an invalid line.");
  hash->add_option("FILE", options.paths, "The file; with --check and --pin, several")
      ->type_name("");
  CLI::Option* pin = hash->add_flag(
      "--pin", options.pin, "Print one line per file for --check: SHA-256 of header and contents");
  CLI::Option* check =
      hash->add_option("--check", options.check_list, "Compare files with this list of digests")
          ->type_name("LIST")
          ->excludes(pin);
  AddTextOrJson(*hash, options);
  hash->callback([&options, check] {
    options.command = Options::Command::kHash;
    if (check->count() != 0 && options.check_list.empty()) {
      throw CLI::ValidationError("--check", "it names a file");
    }
    const bool many = options.pin || !options.check_list.empty();
    if (options.paths.empty() && options.check_list.empty()) throw CLI::RequiredError("FILE");
    if (options.paths.size() > 1 && !many) throw CLI::ArgumentMismatch("FILE: only one");
  });
}

void AddDiff(CLI::App& app, Options& options) {
  CLI::App* diff = app.add_subcommand(
      "diff", "Compare the tensors of two files: names, dtypes, shapes and data");
  diff->footer(
      "Exit codes: 0 the same; 1 different, or a file is rejected; 2 a file is undecided, or the\n"
      "output could not be written; 3 a file has no parser or holds no tensors; 4 wrong usage.");
  diff->add_option("A", options.paths, "The files")->required()->expected(2)->type_name("B");
  diff->add_flag("--metadata", options.metadata, "Compare the metadata as well");
  AddTextOrJson(*diff, options);
  diff->callback([&options] { options.command = Options::Command::kDiff; });
}

constexpr const char* kWriteCodes =
    "Exit codes: 0 written; 1 an input is rejected; 2 it is undecided, or the output could not be\n"
    "written; 3 it has no parser, or is not safetensors; 4 wrong usage. Nothing is written unless\n"
    "everything succeeded.";

// What is read, then what is written.
CLI::App* AddWriting(CLI::App& app, Options& options, Options::Command which, const char* name,
                     const char* meaning) {
  const bool many = which == Options::Command::kMerge;
  CLI::App* command = app.add_subcommand(name, meaning);
  command->footer(kWriteCodes);
  command
      ->add_option("IN", options.paths,
                   which == Options::Command::kSplit
                       ? "The file; a folder for the shards and their index, which is created if "
                         "it does not "
                         "exist, or DIR/NAME.safetensors"
                       : "The input; the file to write, or a folder for it")
      ->required()
      ->expected(2, many ? CLI::detail::expected_max_vector_size : 2)
      ->type_name("OUT");
  command->callback([&options, which] {
    options.command = which;
    options.target = options.paths.back();
    options.paths.pop_back();
    if (!std::has_single_bit(options.alignment) || options.alignment < 8 ||
        options.alignment > (1 << 20)) {
      throw CLI::ValidationError("--alignment", "it must be a power of two from 8 to 1Mi");
    }
    if (which == Options::Command::kSplit && options.max_shard_bytes == 0) {
      throw CLI::ValidationError("--max-shard-size", "it must be 1 or more");
    }
  });
  CLI::Option* drop =
      command->add_flag("--drop-metadata", options.drop_metadata, "Leave out all metadata");
  command
      ->add_option("--keep-metadata", options.keep_metadata, "Keep only this key; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY")
      ->excludes(drop);
  AddSize(*command, "--alignment", options.alignment,
          "Align the data to N bytes, a power of two from 8 to 1Mi [8]");
  command->add_flag("--verify", options.verify,
                    "Read input and output again, and compare their SHA-256");
  AddNoSync(*command, options);
  AddTextOrJson(*command, options);
  return command;
}

void AddMetadata(CLI::App& app, Options& options) {
  CLI::App* metadata = app.add_subcommand(
      "metadata", "Show the metadata of an accepted file, or change those of a safetensors file");
  metadata->footer(
      "A changed file is written beside the old one and then replaces it in one step: at no "
      "moment\n"
      "is there half a header. The data are not copied if the file system can share them.\n\n" +
      std::string(kExitCodes));
  metadata->add_option("FILE", options.paths, "The file")->required()->expected(1)->type_name("");
  metadata
      ->add_option("--set", options.set_metadata,
                   "Set the entry KEY, which may be new; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  metadata->add_option("--delete", options.delete_metadata, "Delete the entry KEY; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY");
  AddNoSync(*metadata, options);
  AddTextOrJson(*metadata, options);
  metadata->callback([&options] { options.command = Options::Command::kMetadata; });
}

void AddIndex(CLI::App& app, Options& options) {
  CLI::App* index = app.add_subcommand(
      "index", "Write model.safetensors.index.json over the safetensors files in a folder");
  index->footer(
      "All files of the folder that end in .safetensors are shards. Nothing is written unless "
      "each\n"
      "is accepted, no name is in two of them, and of those named ...-of-NNNNN none is missing.\n\n"
      "Exit codes: 0 written; 1 a shard is rejected, or the shards do not fit together; 2 a shard\n"
      "is undecided, or the index could not be written; 3 there are no shards; 4 wrong usage.");
  index->add_option("DIR", options.paths, "The folder")->required()->expected(1)->type_name("");
  AddNoSync(*index, options);
  AddTextOrJson(*index, options);
  index->callback([&options] { options.command = Options::Command::kIndex; });
}

void AddSanitize(CLI::App& app, Options& options) {
  CLI::App* sanitize = AddWriting(
      app, options, Options::Command::kSanitize, "sanitize",
      "Rewrite safetensors from their verified contents: canonical header, no hidden bytes. Shards "
      "are rewritten from folder to folder");
  AddProfile(*sanitize, options,
             "strict [default], or reference: also repair what strict refuses and the format's own "
             "loader reads");
  CLI::Option* repair = sanitize->add_flag(
      "--repair", options.repair,
      "Of a file with bytes after the end of its data: write the file without them, and otherwise "
      "byte for byte the same");
  for (const char* other :
       {"--profile", "--drop-metadata", "--keep-metadata", "--alignment", "--verify"}) {
    repair->excludes(sanitize->get_option(other));
  }
}

void AddSplit(CLI::App& app, Options& options) {
  CLI::App* split = AddWriting(app, options, Options::Command::kSplit, "split",
                               "Split a file into shards with an index");
  split->preparse_callback([&options](std::size_t) { options.max_shard_bytes = 5'000'000'000; });
  AddSize(*split, "--max-shard-size", options.max_shard_bytes,
          "Maximum bytes of tensors per shard [5GB]");
}

void AddMerge(CLI::App& app, Options& options) {
  AddWriting(app, options, Options::Command::kMerge, "merge",
             "Merge several files, or the shards of a checkpoint, into one");
}

std::string Positionals(const CLI::App& command) {
  std::string text;
  for (const CLI::Option* option :
       command.get_options([](const CLI::Option* each) { return each->get_positional(); })) {
    text += (option->get_required() ? " " : " [") + option->get_name(true);
    if (option->get_expected_max() > 2) text += "...";
    if (!option->get_type_name().empty()) text += " " + option->get_type_name();
    if (!option->get_required()) text += "]";
  }
  return text;
}

std::vector<CommandWords> WordsOf(const CLI::App& app) {
  std::vector<CommandWords> words;
  for (const CLI::App* command : app.get_subcommands({})) {
    CommandWords& one = words.emplace_back(command->get_name());
    one.positionals = Positionals(*command);
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) one.options.push_back("--" + name);
      for (const std::string& name : option->get_snames()) one.options.push_back("-" + name);
    }
  }
  return words;
}

// Positional arguments as people write them.
class HelpFormatter : public CLI::Formatter {
  std::string make_usage(const CLI::App* app, std::string name) const override {
    const std::string rest = app->get_subcommands({}).empty() ? Positionals(*app) : " COMMAND ...";
    return "Usage: " + name + " [OPTIONS]" + rest + "\n";
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string& type = option->get_type_name();
    return type.empty() ? type : " " + type;
  }
};

// The message may repeat an argument, which may come from a hostile file name.
int WrongUsage(const std::string& message, const CommandWords* command) {
  std::fprintf(stderr, "tensorgate: %s\nTry `tensorgate %s--help`.\n",
               EscapeForText(message, 500).c_str(),
               command == nullptr ? "" : (command->name + " ").c_str());
  return kUsage;
}

}  // namespace

CheckOptions CheckNow(const Options& options) {
  CheckOptions check = options.check;
  if (options.timeout) check.deadline = DeadlineIn(*options.timeout);
  return check;
}

int ParseArguments(int count, char** given, Options& options) {
  CLI::App app("Checks whether a machine-learning model file is safe to load, without loading it.",
               "tensorgate");
  app.set_version_flag("-V,--version", "tensorgate " + std::string(ToolVersion()) + " (rules " +
                                           std::string(RulesVersion()) + ")");
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(1);
  app.footer(kAllCodes);
  AddScan(app, options);
  AddInspect(app, options);
  AddConvert(app, options);
  AddRules(app, options);
  AddFormats(app, options);
  AddHash(app, options);
  AddDiff(app, options);
  AddMetadata(app, options);
  AddSanitize(app, options);
  AddSplit(app, options);
  AddMerge(app, options);
  AddIndex(app, options);
  std::vector<std::string> arguments(given + 1, given + std::max(count, 1));
  if (arguments.empty()) {
    std::fputs(app.help().c_str(), stderr);
    return kUsage;
  }
  const std::vector<CommandWords> words = WordsOf(app);
  const std::optional<std::string> misspelled = CompleteArguments(words, arguments);
  if (misspelled) return WrongUsage(*misspelled, nullptr);
  const CommandWords* command = FindCommand(words, arguments.front());
  const auto show_usage = [&](const char* message) {
    if (command == nullptr) return WrongUsage(message, command);
    const std::string unknown = UnknownArgument(words, arguments, {});
    if (!unknown.empty()) return WrongUsage(unknown, command);
    return WrongUsage("usage: tensorgate " + command->name + " [OPTIONS]" + command->positionals,
                      command);
  };
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    // These judge one file, now.
    if (options.command != Options::Command::kScan) options.check = CheckNow(options);
  } catch (const CLI::ExtrasError& error) {
    return WrongUsage(UnknownArgument(words, arguments, error.what()), command);
  } catch (const CLI::RequiredError& error) {
    return show_usage(error.what());
  } catch (const CLI::ArgumentMismatch& error) {
    return show_usage(error.what());
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return WrongUsage(error.what(), command);
  }
  return -1;
}

}  // namespace tensorgate::cli
