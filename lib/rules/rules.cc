#include "tensorgate/rules.h"

#include <cstddef>
#include <span>

#include "lib/rules/rule_table.h"

namespace tensorgate {
namespace {

using internal::kRules;

consteval bool IdsAreUnique() {
  for (const RuleInfo& a : kRules) {
    for (const RuleInfo& b : kRules) {
      if (&a != &b && a.id == b.id) return false;
    }
  }
  return true;
}
static_assert(IdsAreUnique());

}  // namespace

std::span<const RuleInfo> AllRules() { return kRules; }

const RuleInfo& Info(Rule rule) { return std::span(kRules)[static_cast<std::size_t>(rule)]; }

const RuleInfo* FindRule(std::string_view id) {
  for (const RuleInfo& info : kRules) {
    if (info.id == id) return &info;
  }
  return nullptr;
}

}  // namespace tensorgate
