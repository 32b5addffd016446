// The table of everything that can be wrong with a file.
//
//   const tensorgate::RuleInfo* rule = tensorgate::FindRule("safetensors/offsets-overlap");
//   if (rule != nullptr) std::printf("%s: %s\n", rule->id.data(), rule->summary.data());
//   for (const tensorgate::RuleInfo& each : tensorgate::AllRules()) { … }
//
// Ids are stable and never reused. All strings are literals and live as long as the program.
#ifndef TENSORGATE_RULES_H_
#define TENSORGATE_RULES_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "tensorgate/export.h"

namespace tensorgate {

enum class Severity : std::uint8_t {
  kNote,     ///< Worth knowing.
  kWarning,  ///< Valid, but a named reader misreads or refuses it.
  kError,    ///< Not accepted.
};

/// One value a rule, in the order in which they are reported.
enum class Rule : std::uint16_t {
#define TENSORGATE_RULE(name, ...) name,
#include "tensorgate/rules.def"
#undef TENSORGATE_RULE
};

/// What a rule does in a profile.
enum class Level : std::uint8_t { kOff, kNote, kWarning, kError };

/// What a finding of this rule leads to.
enum class Effect : std::uint8_t {
  kReport,     ///< Severity decides: an error rejects.
  kUndecided,  ///< The file could not be judged.
};

struct RuleInfo {
  Rule rule;
  /// "safetensors/offsets-overlap"
  std::string_view id;
  Effect effect = Effect::kReport;
  Level strict;
  Level reference;
  /// The kind of thing concerned: "file", "header", "tensor", "metadata key" …
  std::string_view subject;
  /// Error kind of the reference where this rule is its reason; "" if none.
  std::string_view reference_error = "";
  /// "CWE-190", or "".
  std::string_view cwe = "";
  /// One line.
  std::string_view summary;
  /// Template with {subject}, {found}, {text} and {allowed}.
  std::string_view message;
  /// What is allowed, in words; "" where the finding holds a number or nothing.
  std::string_view allowed = "";
  /// The sentence of the specification that the rule enforces; "" if there is none.
  std::string_view spec = "";
  /// Why it matters: which reader breaks, and how.
  std::string_view why;
  /// What to do about it.
  std::string_view fix;
};

TENSORGATE_API std::span<const RuleInfo> AllRules();
TENSORGATE_API const RuleInfo& Info(Rule rule);
/// nullptr if there is no such id.
TENSORGATE_API const RuleInfo* FindRule(std::string_view id);

}  // namespace tensorgate

#endif  // TENSORGATE_RULES_H_
