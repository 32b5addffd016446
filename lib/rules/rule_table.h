// The table of rules.def and the files it includes, for values that are computed from it at compile
// time.
#ifndef TENSORGATE_RULES_RULE_TABLE_H_
#define TENSORGATE_RULES_RULE_TABLE_H_

#include "tensorgate/rules.h"

namespace tensorgate::internal {

inline constexpr RuleInfo kRules[] = {
#define TENSORGATE_RULE(name, ...) {.rule = Rule::name, __VA_ARGS__},
#include "tensorgate/rules.def"
#undef TENSORGATE_RULE
};

}  // namespace tensorgate::internal

#endif  // TENSORGATE_RULES_RULE_TABLE_H_
