#include "tensorgate/rules.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>

#include "lib/rules/rule_table.h"

namespace tensorgate {
namespace {

using internal::kRules;

consteval bool IdsAreUnique() {
  // Sorted first: comparing every pair would take more steps than clang allows at compile time.
  std::array<std::string_view, std::size(kRules)> ids;
  std::ranges::transform(kRules, ids.begin(), &RuleInfo::id);
  std::ranges::sort(ids);
  return std::ranges::adjacent_find(ids) == ids.end();
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
