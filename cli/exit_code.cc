#include "cli/exit_code.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tensorgate::cli {
namespace {

constexpr std::array kOrder = {kDone, kUnsupported, kRejected, kUndecided, kUsage};

// Rules of the areas use/ and convert/ that are not about what an accepted file holds.
struct Exception {
  Rule rule;
  ExitCode code;
};
constexpr std::array kExceptions = {
    Exception{Rule::kConvertNeedsFolder, kUsage},
    Exception{Rule::kConvertVerifyFailed, kUndecided},
    Exception{Rule::kConvertNamesChanged, kRejected},
    Exception{Rule::kConvertNothingExtracted, kRejected},
    Exception{Rule::kUseNotSearched, kUndecided},
    Exception{Rule::kUseCancelled, kUndecided},
};

}  // namespace

ExitCode Worse(ExitCode a, ExitCode b) {
  return std::ranges::find(kOrder, a) < std::ranges::find(kOrder, b) ? b : a;
}

ExitCode CodeOf(const Report& report) {
  // By the verdict's number.
  constexpr std::array kCodes = {kDone, kRejected, kUndecided, kUnsupported};
  return kCodes.at(static_cast<std::size_t>(report.verdict()));
}

ExitCode CodeOf(const Status& status) {
  for (const Exception& each : kExceptions) {
    if (each.rule == status.rule) return each.code;
  }
  if (Info(status.rule).effect == Effect::kNotFetched) return kUnsupported;
  const std::string_view id = Info(status.rule).id;
  return id.starts_with("use/") || id.starts_with("convert/") ? kUnsupported : kUndecided;
}

}  // namespace tensorgate::cli
