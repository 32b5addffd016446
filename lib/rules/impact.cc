#include "lib/rules/impact.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tensorgate {
namespace internal {
namespace {

using enum Impact;

struct Area {
  std::string_view start;  // of a rule's id
  Impact impact;
};

// By the area. Rules of other areas are about a call or what could not be read; they reject no file.
constexpr std::array kAreas = {
    // Each is about a loader that runs what it finds.
    Area{"scan/also-", kRunsCode},   Area{"scan/", kNotTheModel},
    Area{"limit/", kMalformed},      Area{"name/", kMalformed},
    Area{"tensor/", kMalformed},     Area{"safetensors/", kMalformed},
    Area{"zip/", kMalformed},        Area{"torch/", kMalformed},
    Area{"pickle/", kMalformed},     Area{"numpy/", kMalformed},
    Area{"checkpoint/", kMalformed},
};

struct Row {
  Rule rule;
  Impact impact;
};

// Rules whose impact is not that of their area.
constexpr std::array kRows = {
    // Which names these compute or call is not known.
    Row{Rule::kPickleOpcodeExtension, kForeignClasses},
    Row{Rule::kPickleOpcodeCall, kForeignClasses},
    Row{Rule::kPickleStackGlobal, kForeignClasses},
    Row{Rule::kPickleGlobalOutside, kForeignClasses},
    Row{Rule::kPickleGlobalAlias, kForeignClasses},
    Row{Rule::kPickleCallTarget, kForeignClasses},
    Row{Rule::kPickleResultCallable, kForeignClasses},
    Row{Rule::kTorchNewObject, kForeignClasses},
    Row{Rule::kTorchBuildTarget, kForeignClasses},
    Row{Rule::kTorchRebuildWrapper, kForeignClasses},
    Row{Rule::kTorchRebuildFromType, kForeignClasses},
    Row{Rule::kTorchTensorClass, kForeignClasses},
    Row{Rule::kTorchTensorHooks, kForeignClasses},
    Row{Rule::kNumpyDescrObject, kForeignClasses},

    Row{Rule::kStFileTooSmall, kDamaged},
    Row{Rule::kStHeaderPastEnd, kDamaged},
    Row{Rule::kStDataPastEnd, kDamaged},
    Row{Rule::kZipEndMissing, kDamaged},
    Row{Rule::kZipDirectoryRange, kDamaged},
    Row{Rule::kZipEntryPastEnd, kDamaged},
    Row{Rule::kZipDataPastEnd, kDamaged},
    Row{Rule::kZipCrcMismatch, kDamaged},
    Row{Rule::kTorchPickleMissing, kDamaged},
    Row{Rule::kTorchRecordMissing, kDamaged},
    Row{Rule::kTorchRecordSize, kDamaged},
    Row{Rule::kTorchLegacyPastEnd, kDamaged},
    Row{Rule::kPickleTruncated, kDamaged},
    Row{Rule::kPickleFramePastEnd, kDamaged},
    Row{Rule::kNumpyFileTooSmall, kDamaged},
    Row{Rule::kNumpyHeaderPastEnd, kDamaged},
    Row{Rule::kNumpyDataTooShort, kDamaged},
    Row{Rule::kCpShardMissing, kDamaged},
    Row{Rule::kCpIndexStale, kDamaged},
    // The report on the checkpoint takes the worse one of the shard.
    Row{Rule::kCpShardRejected, kDamaged},
    Row{Rule::kCpTensorAbsent, kDamaged},

    Row{Rule::kStLfsPointer, kNotTheModel},
    Row{Rule::kCpIndexMissing, kNotTheModel},
    Row{Rule::kCpOtherLayout, kNotTheModel},
};

// Classes of plain data in Python's standard library. Everything else in it runs something, or is
// of no use in a model.
constexpr std::array<std::string_view, 23> kDataClasses = {
    "argparse.Namespace",      "collections.Counter",   "collections.OrderedDict",
    "collections.defaultdict", "collections.deque",     "copy_reg._reconstructor",
    "copyreg._reconstructor",  "datetime.date",         "datetime.datetime",
    "datetime.time",           "datetime.timedelta",    "datetime.timezone",
    "decimal.Decimal",         "fractions.Fraction",    "pathlib.Path",
    "pathlib.PosixPath",       "pathlib.PurePosixPath", "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",     "types.SimpleNamespace", "uuid.UUID",
    "__builtin__.object",      "builtins.object",
};

// Functions of other packages that load, evaluate or run what they are given start like this.
constexpr std::array<std::string_view, 12> kRunners = {"_load", "_unpickle", "compile", "eval",
                                                       "exec",  "import",    "load",    "open",
                                                       "query", "read_",     "run",     "system"};

constexpr std::string_view kStandardModules[] = {
#include "lib/rules/standard_modules.inc"
};
static_assert(std::ranges::is_sorted(kStandardModules));

// A module can be reached through one that imports it: `some.module.os.system`.
bool RunsCode(std::string_view name) {
  if (std::ranges::find(kDataClasses, name) != kDataClasses.end()) return false;
  while (true) {
    const std::size_t dot = name.find('.');
    if (dot == name.npos) break;
    if (std::ranges::binary_search(kStandardModules, name.substr(0, dot))) return true;
    name.remove_prefix(dot + 1);
  }
  return std::ranges::any_of(kRunners,
                             [&](std::string_view each) { return name.starts_with(each); });
}

}  // namespace

std::optional<Impact> ImpactOf(Rule rule, std::string_view name) {
  const RuleInfo& info = Info(rule);
  if (info.effect != Effect::kReport) return std::nullopt;
  // That of the shard, which is named by the rule that rejected it.
  const RuleInfo* const of_shard = rule == Rule::kCpShardRejected ? FindRule(name) : nullptr;
  if (of_shard != nullptr) return tensorgate::ImpactOf(of_shard->rule);
  const bool names = rule == Rule::kPickleGlobalOutside || rule == Rule::kPickleGlobalAlias;
  if (names && RunsCode(name)) return kRunsCode;
  const auto* const row = std::ranges::find(kRows, rule, &Row::rule);
  if (row != kRows.end()) return row->impact;
  const auto* const area = std::ranges::find_if(
      kAreas, [&](const Area& each) { return info.id.starts_with(each.start); });
  if (area == kAreas.end()) return std::nullopt;
  return area->impact;
}

}  // namespace internal

std::optional<Impact> ImpactOf(Rule rule) {
  const RuleInfo& info = Info(rule);
  const bool rejects = info.strict == Level::kError || info.reference == Level::kError;
  return rejects ? internal::ImpactOf(rule, {}) : std::nullopt;
}

}  // namespace tensorgate
