// Hand-written files, one idea each, with the expected results of the reference and the strict
// profile.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_CRAFTED_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_CRAFTED_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/rules.h"

namespace tensorgate::side_by_side {

struct Crafted {
  std::string what;
  std::vector<std::byte> file;
  /// The crate's error; "" if it accepts.
  std::string_view reference_error;
  /// The strict profile's reason; std::nullopt if it accepts.
  std::optional<Rule> reason;
};

const std::vector<Crafted>& CraftedFiles();

}  // namespace tensorgate::side_by_side

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_CRAFTED_H_
