// Files written by hand, one idea each, with what the reference and the strict profile must say of
// them.
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
  /// Strict's reason; nothing if it accepts.
  std::optional<Rule> reason;
};

const std::vector<Crafted>& CraftedFiles();

}  // namespace tensorgate::side_by_side

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_CRAFTED_H_
