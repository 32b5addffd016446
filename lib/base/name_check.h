// Names that file systems or programs read as something other than the name. This checks all names
// of a set, and which of them become equal.
//
// How often valid files get a warning: none of the 1,366,080 names of 2,144 models (all of timm
// 1.0.31, the default configurations of transformers 4.57 and diffusers 0.39, and names of LoRA and
// PEFT derived from the latter), and none of 25 published files. TensorFlow's names of optimizer
// states (`dense/kernel` next to `dense/kernel/Adam`) do get one.
// Cost: the first looks of ScanName and NameEnds take less than a nanosecond per name, about 1 % of
// checking a header, and 0.5 % of those names need a closer look (100 ns). If names contain a '/'
// or are not ASCII, all are compared: 300 ns each.
#ifndef TENSORGATE_BASE_NAME_CHECK_H_
#define TENSORGATE_BASE_NAME_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/interrupt.h"
#include "lib/base/name_form.h"
#include "tensorgate/rules.h"

namespace tensorgate::internal {

struct NameFinding {
  Rule rule{};
  std::uint32_t name = 0;   ///< The first name concerned.
  std::uint64_t count = 0;  ///< The number of names concerned.
  std::string text;         ///< In words, for the rule's message.
};

using NameAt = std::function<std::string_view(std::uint32_t)>;

/// Checks the names `at(0)` ... `at(count - 1)` and reports each rule at most once, in the rules'
/// order. `cases_met`: two names may differ only in the case of ASCII letters, as NameIndex::Build
/// reports; if it is false, all names are ASCII and none contains a '/', names are not compared
/// with each other. Anything after the first 128 MiB is ignored (no header or index has as many,
/// but containers in a pickle may repeat names), as is anything after the first MiB of a name.
/// Time: n log n in the bytes of the names; memory: 20 bytes per name. If `interrupt` ends it, it
/// returns no findings. Throws std::bad_alloc.
std::vector<NameFinding> CheckNames(std::uint32_t count, const NameAt& at, const NameUse& use,
                                    bool cases_met, Interrupt& interrupt);

/// True if two different names are equal without regard to the case of ASCII letters.
bool DifferInCase(std::string_view a, std::string_view b);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_NAME_CHECK_H_
