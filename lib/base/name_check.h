// Names that file systems or programs read as something else than the name: all of a set, and what some become equal to.
#ifndef TENSORGATE_BASE_NAME_CHECK_H_
#define TENSORGATE_BASE_NAME_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/name_form.h"
#include "tensorgate/rules.h"

namespace tensorgate::internal {

struct NameFinding {
  Rule rule{};
  std::uint32_t name = 0;   ///< The first that is concerned.
  std::uint64_t count = 0;  ///< How many are.
  std::string text;         ///< In words, for the rule's message.
};

using NameAt = std::function<std::string_view(std::uint32_t)>;

/// The names `at(0)` ... `at(count - 1)`, each rule at most once, in the rules' order. `cases_met`: two of them may differ in
/// the case of ASCII letters only, as NameIndex::Build reports; without it, and where all names are ASCII and none holds
/// a '/', no two are compared. What is past the
/// first 128 MiB is not looked at: no header or index has as many, but containers in a pickle may repeat them. Time n log n in the bytes of the names; memory 20 bytes a name. Throws std::bad_alloc.
std::vector<NameFinding> CheckNames(std::uint32_t count, const NameAt& at, const NameUse& use,
                                    bool cases_met);

/// Two different names are equal once the case of ASCII letters does not count.
bool DifferInCase(std::string_view a, std::string_view b);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_NAME_CHECK_H_
