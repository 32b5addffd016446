// The impact of a rejection: a table by rule and area.
#ifndef TENSORGATE_RULES_IMPACT_H_
#define TENSORGATE_RULES_IMPACT_H_

#include <optional>
#include <string_view>

#include "tensorgate/rules.h"

namespace tensorgate::internal {

/// The impact of one finding of severity error. `name`: the text that was found: a name that a
/// pickle uses ("posix.system"), the rule that rejected a shard.
std::optional<Impact> ImpactOf(Rule rule, std::string_view name);

/// True if a program may be harmed by loading the file, whatever else is wrong with it.
inline bool IsDangerous(Impact impact) { return impact <= Impact::kForeignClasses; }

}  // namespace tensorgate::internal

#endif  // TENSORGATE_RULES_IMPACT_H_
