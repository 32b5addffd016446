// What a check may cost, and by which rules it judges.
//
//   tensorgate::CheckOptions options;
//   options.limits.tensors = 50'000;          // a tighter cap than the format has
//   options.profile = tensorgate::Profile::kReference;
//   options.deadline = tensorgate::DeadlineIn(std::chrono::seconds(30));
//
// The defaults accept everything that the format itself allows. Hitting a limit gives the verdict
// `undecided` with the finding `limit/...` that names it, never `accepted`.
#ifndef TENSORGATE_LIMITS_H_
#define TENSORGATE_LIMITS_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "tensorgate/rules.h"
#include "tensorgate/trust.h"

namespace tensorgate {

/// By whose rules a file is judged.
enum class Profile : std::uint8_t {
  kStrict,     ///< One meaning, every byte accounted for. Opening a file needs this.
  kReference,  ///< A prediction of what the format's own reference loader accepts.
};

/// What a verdict speaks of.
enum class Scope : std::uint8_t {
  kStructure,  ///< Every structural byte; tensor data were not read.
  kFull,  ///< Tensor data as well, as far as it can be wrong: checksums, and the bytes of booleans.
};

/// Every cap: a std::uint64_t for each row of limits.def, which says what it is for and its default.
struct Limits {
#define TENSORGATE_LIMIT(name, standard, ...) std::uint64_t name = standard;
#include "tensorgate/limits.def"
#undef TENSORGATE_LIMIT

  friend bool operator==(const Limits&, const Limits&) = default;
};

/// A limit as the command (`--limit-file-bytes`), Python and reports (`file_bytes`) name it.
struct LimitInfo {
  std::string_view name;
  std::uint64_t Limits::* member;
  std::string_view meaning;
  /// What is found where the limit is exceeded.
  Rule rule;
};

/// All of them, in the order of their members.
inline constexpr std::array kLimits = {
#define TENSORGATE_LIMIT(limit, standard, ...) \
  LimitInfo{.name = #limit, .member = &Limits::limit, __VA_ARGS__},
#include "tensorgate/limits.def"
#undef TENSORGATE_LIMIT
};

/// The time `span` from now on, for CheckOptions::deadline; none if clocks do not count that far.
inline std::optional<std::chrono::steady_clock::time_point> DeadlineIn(
    std::chrono::duration<double> span) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point now = Clock::now();
  if (!(span < Clock::time_point::max() - now - std::chrono::hours(1))) return std::nullopt;
  if (span.count() <= 0) return now;
  return now + std::chrono::duration_cast<Clock::duration>(span);
}

struct CheckOptions {
  Profile profile = Profile::kStrict;
  Limits limits;
  /// `kFull`, in the strict profile, where nothing else speaks against the file: read tensor data that have
  /// checksums (all of PyTorch's ZIP archives) and compare them, and look for bytes of BOOL tensors that
  /// are neither 0 nor 1, by several threads where the source allows that. `Report::scope()` is `kFull`
  /// if there were any such data.
  Scope scope = Scope::kStructure;
  /// How many findings a report keeps; the rest are counted (`Report::dropped_findings`). At
  /// least 1.
  std::uint32_t max_findings = 20;
  /// Of a sharded checkpoint: open shards behind any symbolic link. Without it only links to a file in
  /// the folder of the index, and those of a hub cache into its own blobs/, are followed.
  bool follow_links = false;
  /// What a pickle may call beside PyTorch's own. Checks alone look at it: what opens a file takes none.
  TrustList trusted = {};
  /// When the check must be done, of all shards together. Past it the verdict is `undecided`
  /// (`limit/time`). It is looked at between reads and every few milliseconds of work; a single read of
  /// a source that hangs is waited for.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  /// Asked as often, on the caller's thread; false ends the check (`use/cancelled`). Once it has
  /// returned false, it must return false again. What it throws ends the check, too.
  std::function<bool()> keep_going = {};
  /// Ends the check once it is true (`use/cancelled`); may be set by any thread.
  const std::atomic<bool>* cancel = nullptr;
};

}  // namespace tensorgate

#endif  // TENSORGATE_LIMITS_H_
