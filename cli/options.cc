#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cli/exit_code.h"
#include "lib/source/store.h"
#include "tensorgate/render.h"
#include "tensorgate/source.h"

namespace tensorgate::cli {
namespace {

constexpr const char* kAllCodes =
    "Exit codes: 0 accepted, or done; 1 rejected; 2 undecided, or not written; 3 no model, no "
    "parser,\n"
    "or nothing to do; 4 usage. 2 wins over 1, 1 over 3. More in the --help of each command.";
constexpr const char* kScanCodes =
    "Exit codes: 0 accepted: something was, nothing speaks against the rest, and each file that "
    "was\n"
    "named, and standard input, was; 1 something is rejected; 2 something is undecided; 3 nothing "
    "was\n"
    "accepted, or something is a model without a parser, was not fetched, or was named and is not "
    "a\n"
    "model; 4 usage. 2 wins over 1, 1 over 3.";
constexpr const char* kLimitGroup = "Limits (hitting one gives the verdict undecided)";
constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 the input is rejected; 2 it is undecided, or the output could not be\n"
    "written; 3 it has no parser or is not a model, or this command can do nothing with it; 4 "
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
  if (unit.empty()) return value;
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
                                                     "' is no number such as 4096, 64k or 1Gi");
            }
            value = *parsed;
          },
          meaning)
      ->type_name("N");
}

void AddLimits(CLI::App& app, Options& options) {
  for (const LimitInfo& limit : kLimits) {
    std::string name(limit.name);
    std::ranges::replace(name, '_', '-');
    AddSize(app, "--limit-" + name, options.check.limits.*limit.member, std::string(limit.meaning))
        ->group(kLimitGroup);
  }
  app.add_option_function<double>(
         "--timeout",
         [&options](double seconds) {
           // Also what is no number.
           if (!(seconds > 0)) throw CLI::ValidationError("--timeout", "it must be above 0");
           options.timeout = std::chrono::duration<double>(seconds);
         },
         "Seconds that judging one file may take; 0.5 is half of one")
      ->type_name("SECONDS")
      ->group(kLimitGroup);
}

void AddCheckOptions(CLI::App& app, Options& options) {
  app.add_option("--max-findings", options.check.max_findings,
                 "Findings told for each file; the rest are counted")
      ->check(CLI::Range(std::uint32_t{1}, std::numeric_limits<std::uint32_t>::max()))
      ->type_name("N");
  app.add_flag("--digest", options.digest, "JSON: add the SHA-256 of the length and header bytes");
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
  const std::string meaning = "Form of the output: " + Names(formats);
  return AddChoice(app, "--format", options.format, std::move(formats), meaning)->type_name("FORM");
}

void AddReportFormat(CLI::App& app, Options& options) {
  std::map<std::string, const internal::ReportFormat*> formats;
  std::string meaning = "Form of the output:";
  for (const internal::ReportFormat& format : internal::ReportFormats()) {
    formats.emplace(format.name, &format);
    meaning += fmt::format("{} {}, {}", formats.size() == 1 ? "" : ";", format.name, format.help);
  }
  AddChoice(app, "--format", options.reports, std::move(formats), meaning)->type_name("FORM");
}

void AddOutput(CLI::App& app, Options& options) {
  app.add_option("--output", options.output,
                 "Write to FILE, which appears whole or not at all, instead of standard output")
      ->type_name("FILE");
}

void AddProfile(CLI::App& app, Options& options, const std::string& meaning) {
  AddChoice(app, "--profile", options.check.profile,
            {{"strict", Profile::kStrict}, {"reference", Profile::kReference}}, meaning)
      ->type_name("PROFILE");
}

TrustList ReadTrust(const std::string& path) {
  constexpr std::uint64_t kMax = 1'000'000;
  const Result<std::unique_ptr<Source>> source = internal::OpenPath(path);
  if (!source || (*source)->size() > kMax) {
    throw CLI::ValidationError("--trust", path + ": no readable file of at most 1 MB");
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
  CLI::App* scan = app.add_subcommand("scan", "Judge files and folders; - is standard input");
  scan->footer(kScanCodes);
  scan->add_option("paths", options.paths, "Files and folders")->required()->type_name("PATH...");
  scan->add_option(
          "--name", options.name,
          "What standard input is called: the suffix of FILE, which is not opened, says by "
          "which format's rules it is judged")
      ->type_name("FILE");
  AddProfile(*scan, options, "strict, or reference: a prediction of the format's own loader");
  AddReportFormat(*scan, options);
  AddOutput(*scan, options);
  scan->add_flag("--follow-links", options.check.follow_links,
                 "Follow every symbolic link found in a folder");
  scan->add_flag("-v,--verbose", options.verbose, "Text: show notes as well");
  scan->add_flag("-q,--quiet", options.quiet, "Text: only files that are not accepted");
  scan->add_option_function<std::string>(
          "--trust",
          [&options](const std::string& path) {
            options.check.trusted = ReadTrust(path);
            options.trust_path = path;
          },
          "Functions and classes that a pickle may use as well, each with its shape (trust.h says "
          "how). "
          "Each that is used is told; loading such a file runs its code")
      ->type_name("FILE");
  scan->add_flag_callback(
      "--full", [&options] { options.check.scope = Scope::kFull; },
      "Read tensor data as well, where they can be wrong: compare the checksums of PyTorch's "
      "archives, and look for "
      "booleans that are neither 0 nor 1");
  AddCheckOptions(*scan, options);
  scan->callback([&options, scan] {
    options.command = Options::Command::kScan;
    const bool stream = std::ranges::find(options.paths, "-") != options.paths.end();
    if (scan->count("--name") != 0 && (options.name.empty() || !stream)) {
      throw CLI::ValidationError("--name", "it names standard input, which is scanned as -");
    }
  });
}

void AddInspect(CLI::App& app, Options& options) {
  CLI::App* inspect = app.add_subcommand("inspect", "Show what is inside a file that is accepted");
  inspect->footer(kExitCodes);
  inspect->add_option("file", options.paths, "The file")
      ->required()
      ->expected(1)
      ->type_name("FILE");
  CLI::Option* format =
      AddFormat(*inspect, options, {{"text", Format::kText}, {"json", Format::kJson}});
  AddOutput(*inspect, options);
  inspect->add_flag("-v,--verbose", options.verbose, "Show notes as well");
  inspect
      ->add_flag("--opcodes", options.opcodes,
                 "Disassemble the pickles in any file: place, opcode, what it takes from and "
                 "puts on the stack, how much is there then")
      ->excludes(format);
  inspect
      ->add_flag("--globals", options.globals,
                 "List every function and class that the pickles in any file name; exit code 1 if "
                 "one is outside")
      ->excludes(format);
  AddCheckOptions(*inspect, options);
  inspect->callback([&options] { options.command = Options::Command::kInspect; });
}

void AddNoSync(CLI::App& command, Options& options) {
  command.add_flag("--no-sync", options.no_sync, "Do not wait for the disk");
}

void AddConvert(CLI::App& app, Options& options) {
  CLI::App* convert = app.add_subcommand(
      "convert",
      "Write a PyTorch checkpoint that is accepted as safetensors; nothing in it is run");
  convert->footer(kExitCodes);
  convert
      ->add_option("files", options.paths,
                   "The checkpoint, a folder of its shards or their index; the file or the "
                   "folder to be written")
      ->required()
      ->expected(2)
      ->type_name("FROM TO");
  convert
      ->add_option("--select", options.select,
                   "Only what stands under this path; by default state_dict, if there is one")
      ->type_name("KEY");
  AddChoice(*convert, "--tied", options.refuse_tied, {{"keep", false}, {"refuse", true}},
            "Several names of one tensor: keep the first and say so in the metadata, or refuse")
      ->type_name("keep|refuse");
  convert->add_flag("--dry-run", options.dry_run, "Check and plan, write nothing");
  convert->add_flag("--verify", options.verify, "Read the result back and compare each tensor");
  AddNoSync(*convert, options);
  convert->add_flag("-v,--verbose", options.verbose, "Show notes as well");
  convert->add_flag("-q,--quiet", options.quiet, "Say nothing if all went well");
  AddCheckOptions(*convert, options);
  convert->callback([&options] { options.command = Options::Command::kConvert; });
}

void AddRules(CLI::App& app, Options& options) {
  CLI::App* rules = app.add_subcommand("rules", "List the rules, or explain one");
  rules->add_option("id", options.paths, "A rule, such as safetensors/offsets-overlap")
      ->expected(0, 1)
      ->type_name("ID");
  AddFormat(*rules, options,
            {{"text", Format::kText}, {"json", Format::kJson}, {"markdown", Format::kMarkdown}});
  AddOutput(*rules, options);
  rules->callback([&options] { options.command = Options::Command::kRules; });
}

void AddTextOrJson(CLI::App& app, Options& options) {
  AddFormat(app, options, {{"text", Format::kText}, {"json", Format::kJson}});
  AddOutput(app, options);
  AddLimits(app, options);
}

void AddHash(CLI::App& app, Options& options) {
  CLI::App* hash = app.add_subcommand(
      "hash", "SHA-256 of each tensor's bytes, and one of all that is the same in every form");
  hash->footer(
      "Text: a line for each tensor, sorted by name: SHA-256, dtype, shape, name as JSON.\n"
      "The last line is the SHA-256 of these lines.\n\n" +
      std::string(kExitCodes));
  hash->add_option("file", options.paths, "The file")->required()->expected(1)->type_name("FILE");
  AddTextOrJson(*hash, options);
  hash->callback([&options] { options.command = Options::Command::kHash; });
}

void AddDiff(CLI::App& app, Options& options) {
  CLI::App* diff =
      app.add_subcommand("diff", "Compare two files: names, dtypes, shapes and data of tensors");
  diff->footer(
      "Exit codes: 0 the same; 1 different, or a file is rejected; 2 a file is undecided, or the\n"
      "output could not be written; 3 a file has no parser or holds no tensors; 4 usage.");
  diff->add_option("files", options.paths, "The files")->required()->expected(2)->type_name("A B");
  diff->add_flag("--metadata", options.metadata, "Compare the metadata as well");
  AddTextOrJson(*diff, options);
  diff->callback([&options] { options.command = Options::Command::kDiff; });
}

constexpr const char* kWriteCodes =
    "Exit codes: 0 written; 1 an input is rejected; 2 it is undecided, or the output could not be\n"
    "written; 3 it has no parser, or is not safetensors; 4 usage. Nothing is written unless all "
    "is\n"
    "well.";

// What is read and, behind it, what is written.
CLI::App* AddWriting(CLI::App& app, Options& options, Options::Command which, const char* name,
                     const char* meaning) {
  const bool many = which == Options::Command::kMerge;
  CLI::App* command = app.add_subcommand(name, meaning);
  command->footer(kWriteCodes);
  command
      ->add_option("paths", options.paths,
                   which == Options::Command::kSplit
                       ? "The file; DIR/model.safetensors for shards "
                         "DIR/model-00001-of-0000N.safetensors and an index"
                       : "What is read; the file to be written, or the folder for it")
      ->required()
      ->expected(2, many ? CLI::detail::expected_max_vector_size : 2)
      ->type_name(many ? "IN... OUT" : "IN OUT");
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
      command->add_flag("--drop-metadata", options.drop_metadata, "Leave all metadata out");
  command
      ->add_option("--keep-metadata", options.keep_metadata,
                   "Keep this key alone; may be given again")
      ->allow_extra_args(false)
      ->type_name("KEY")
      ->excludes(drop);
  AddSize(*command, "--alignment", options.alignment,
          "Where data begin: at a multiple of N, a power of two from 8 to 1Mi");
  command->add_flag("--verify", options.verify,
                    "Read input and output again and compare their SHA-256");
  AddNoSync(*command, options);
  AddTextOrJson(*command, options);
  return command;
}

void AddSanitize(CLI::App& app, Options& options) {
  CLI::App* sanitize = AddWriting(
      app, options, Options::Command::kSanitize, "sanitize",
      "Write what is proven of a file anew: canonical header, no hidden bytes. Of an index or its "
      "folder: a folder, made if need be, with each shard and the index anew, and no other file");
  AddProfile(*sanitize, options,
             "strict, or reference: also what strict refuses and the format's own loader reads, as "
             "it reads it");
}

void AddSplit(CLI::App& app, Options& options) {
  CLI::App* split = AddWriting(app, options, Options::Command::kSplit, "split",
                               "Write a file as shards with an index over them");
  AddSize(*split, "--max-shard-size", options.max_shard_bytes, "Bytes of tensors in one shard")
      ->required();
}

void AddMerge(CLI::App& app, Options& options) {
  AddWriting(app, options, Options::Command::kMerge, "merge",
             "Write several files, or shards, as one");
}

}  // namespace

CheckOptions CheckNow(const Options& options) {
  CheckOptions check = options.check;
  if (options.timeout) check.deadline = DeadlineIn(*options.timeout);
  return check;
}

int ParseArguments(int count, char** arguments, Options& options) {
  CLI::App app("Decides whether a machine-learning model file is safe to load.", "tensorgate");
  app.set_version_flag("--version", "tensorgate " + std::string(ToolVersion()) + " (rules " +
                                        std::string(RulesVersion()) + ")");
  app.require_subcommand(1);
  app.footer(kAllCodes);
  AddScan(app, options);
  AddInspect(app, options);
  AddConvert(app, options);
  AddRules(app, options);
  AddHash(app, options);
  AddDiff(app, options);
  AddSanitize(app, options);
  AddSplit(app, options);
  AddMerge(app, options);
  try {
    app.parse(count, arguments);
    // These judge one file, now.
    if (options.command != Options::Command::kScan) options.check = CheckNow(options);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    // The message may repeat an argument, which may come from a hostile file name.
    std::fprintf(stderr, "tensorgate: %s\nTry --help.\n", EscapeForText(error.what(), 500).c_str());
    return kUsage;
  }
  return -1;
}

}  // namespace tensorgate::cli
