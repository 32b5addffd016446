// The table of all rules: everything that can be wrong with a file.
//
//   const tensorgate::RuleInfo* rule = tensorgate::FindRule("safetensors/offsets-overlap");
//   if (rule != nullptr) std::printf("%s: %s\n", rule->id.data(), rule->summary.data());
//   for (const tensorgate::RuleInfo& each : tensorgate::AllRules()) { … }
//
// Ids are stable and never reused. All strings are literals with static lifetime.
#ifndef TENSORGATE_RULES_H_
#define TENSORGATE_RULES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tensorgate/export.h"

namespace tensorgate {

enum class Severity : std::uint8_t {
  kNote,     ///< Worth knowing.
  kWarning,  ///< Valid, but a reader that the rule names misreads or refuses it.
  kError,    ///< Not accepted.
};

/// One value for each rule, in the order in which they are reported.
enum class Rule : std::uint16_t {
#define TENSORGATE_RULE(name, ...) name,
#include "tensorgate/rules.def"
#undef TENSORGATE_RULE
};

/// What a rejected file would do, in short; the worst first. It explains, and decides nothing.
enum class Impact : std::uint8_t {
  kRunsCode,        ///< Loading it would run code: a function of the system or of another format.
  kForeignClasses,  ///< Loading it would use functions or classes outside the verified format.
  kMalformed,       ///< It breaks the rules of its format.
  kDamaged,         ///< Something is missing or was changed: a cut download, a missing shard.
  kNotTheModel,     ///< It is provably something else, such as an error page or an empty file.
};

/// "runs-code", "foreign-classes", "malformed", "damaged", "not-the-model"
TENSORGATE_API std::string_view Name(Impact impact);
/// For people: "runs code", "foreign classes", "malformed", "damaged or incomplete", "not the
/// model".
TENSORGATE_API std::string_view Words(Impact impact);

/// The level of a rule in a profile.
enum class Level : std::uint8_t { kOff, kNote, kWarning, kError };

/// The effect of a finding on the verdict.
enum class Effect : std::uint8_t {
  kReport,     ///< Severity decides: an error rejects.
  kUndecided,  ///< The file could not be judged.
  /// The file is a placeholder: `unsupported`, class `not-fetched`.
  kNotFetched,
};

struct RuleInfo {
  Rule rule;
  /// "safetensors/offsets-overlap"
  std::string_view id;
  Effect effect = Effect::kReport;
  Level strict;
  Level reference;
  /// The kind of thing the rule is about: "file", "header", "tensor", "metadata key" …
  std::string_view subject;
  /// The reference's error kind if it refuses the file for this reason; otherwise "".
  std::string_view reference_error = "";
  /// "CWE-190", or "".
  std::string_view cwe = "";
  /// One line.
  std::string_view summary;
  /// Template with {subject}, {found}, {text} and {allowed}.
  std::string_view message;
  /// What is allowed, in words; "" if the finding holds a number or nothing.
  std::string_view allowed = "";
  /// The sentence of the specification that the rule enforces, or "".
  std::string_view spec = "";
  /// Why it matters: which reader breaks, and how.
  std::string_view why;
  /// What to do about it.
  std::string_view fix;
};

TENSORGATE_API std::span<const RuleInfo> AllRules();
TENSORGATE_API const RuleInfo& Info(Rule rule);
/// The impact of a file that is rejected for this reason; std::nullopt if the rule rejects no file.
/// The report may have a worse one: of the names that a pickle uses, for example.
TENSORGATE_API std::optional<Impact> ImpactOf(Rule rule);
/// nullptr if there is no rule with this id.
TENSORGATE_API const RuleInfo* FindRule(std::string_view id);

}  // namespace tensorgate

#endif  // TENSORGATE_RULES_H_
