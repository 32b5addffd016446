#include "tensorgate/rules.h"

#include <array>

namespace tensorgate {
namespace {

using enum Effect;
using enum Level;

constexpr RuleInfo kRules[] = {
#define TENSORGATE_RULE(name, id, effect, strict, reference, subject, reference_error, cwe, \
                        summary, message, allowed, spec, why, fix)                          \
  {Rule::name, id,      effect,  strict,  reference, subject, reference_error,              \
   cwe,        summary, message, allowed, spec,      why,     fix},
#include "tensorgate/rules.def"
#undef TENSORGATE_RULE
};

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
