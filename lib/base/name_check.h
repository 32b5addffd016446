// Names that file systems or programs read as something else than the name: all of a set, and what some become equal to.
//
// How often honest files draw a warning: none of the 1,366,080 names of 2,144 models (all of timm 1.0.31, the default
// configurations of transformers 4.57 and diffusers 0.39, and names of LoRA and PEFT made of the latter) does, and none of 25
// published files. TensorFlow's names of optimizer states (`dense/kernel` beside `dense/kernel/Adam`) do.
// What it costs: the first looks of ScanName and NameEnds are below a nanosecond a name, about 1 % of the check of a header, and
// 0.5 % of those names deserve a closer one (100 ns). Where names hold a '/', or are not ASCII, all are compared: 300 ns each.
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
  std::uint32_t name = 0;   ///< The first that is concerned.
  std::uint64_t count = 0;  ///< How many are.
  std::string text;         ///< In words, for the rule's message.
};

using NameAt = std::function<std::string_view(std::uint32_t)>;

/// The names `at(0)` ... `at(count - 1)`, each rule at most once, in the rules' order. `cases_met`: two of them may differ in
/// the case of ASCII letters only, as NameIndex::Build reports; without it, and where all names are ASCII and none holds
/// a '/', no two are compared. What is past the first 128 MiB is not looked at (no header or index has as many, but
/// containers in a pickle may repeat them), nor is what is past the first MiB of a name. Time n log n in the bytes of the
/// names; memory 20 bytes a name. Where `interrupt` ends it, nothing was found. Throws std::bad_alloc.
std::vector<NameFinding> CheckNames(std::uint32_t count, const NameAt& at, const NameUse& use,
                                    bool cases_met, Interrupt& interrupt);

/// Two different names are equal once the case of ASCII letters does not count.
bool DifferInCase(std::string_view a, std::string_view b);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_BASE_NAME_CHECK_H_
