// Runs a pickle with PyTorch's names.
#ifndef TENSORGATE_TESTS_LIB_CONTAINERS_PICKLE_RAN_H_
#define TENSORGATE_TESTS_LIB_CONTAINERS_PICKLE_RAN_H_

#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/formats/torch/rebuild.h"

namespace tensorgate::pickle::testing {

struct Ran {
  explicit Ran(std::string_view text, const CheckOptions& options = {}, std::size_t begin = 0)
      : bytes(text),
        rebuild(torch::internal::Form::kZip),
        machine(internal::AsBytes(bytes), rebuild, options),
        outcome(machine.Run(begin)) {}
  /// The last rule that fired.
  Rule rule() const { return outcome.facts.back().rule; }
  std::string bytes;
  torch::internal::Rebuild rebuild;
  Machine machine;
  Outcome outcome;
};

}  // namespace tensorgate::pickle::testing

#endif  // TENSORGATE_TESTS_LIB_CONTAINERS_PICKLE_RAN_H_
