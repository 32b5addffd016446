// The text form of one report of many.
#ifndef TENSORGATE_REPORT_TEXT_H_
#define TENSORGATE_REPORT_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/render.h"

namespace tensorgate::internal {

/// The finding that people should read first: a name that the file would call; otherwise the reason. Null if the file is
/// accepted.
const Finding* LeadOf(const Report& report);

/// What earlier reports of the same output have explained already.
struct Explained {
  std::vector<bool> rules;  ///< By the rule's number.
  bool hinted = false;

  /// False if the rule was explained before.
  bool Add(Rule rule);
};

/// As tensorgate::RenderText, but explains each rule only once. Throws std::bad_alloc.
std::string RenderText(std::string_view path, const Report& report, const TextOptions& options,
                       Explained& explained);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_REPORT_TEXT_H_
