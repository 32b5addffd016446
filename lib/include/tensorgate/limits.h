// The limits of a check, and the rules it applies.
//
//   tensorgate::CheckOptions options;
//   options.limits.tensors = 50'000;          // stricter than the format's own cap
//   options.profile = tensorgate::Profile::kReference;
//   options.deadline = tensorgate::DeadlineIn(std::chrono::seconds(30));
//
// The defaults accept everything that the format itself allows. Exceeding a limit never gives
// `accepted`: the verdict is `undecided`, with a finding `limit/...` that names the limit.
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

/// Whose rules decide about a file.
enum class Profile : std::uint8_t {
  kStrict,     ///< One meaning, every byte accounted for. Opening a file needs this.
  kReference,  ///< A prediction of what the format's own reference loader accepts.
};

/// What a verdict covers.
enum class Scope : std::uint8_t {
  kStructure,  ///< Every structural byte; tensor data are not read.
  /// Tensor data as well, where they can be wrong: checksums, and the bytes of booleans.
  kFull,
};

/// Every cap: one std::uint64_t for each row of limits.def, which documents its purpose and
/// default.
struct Limits {
#define TENSORGATE_LIMIT(name, standard, ...) std::uint64_t name = standard;
#include "tensorgate/limits.def"
#undef TENSORGATE_LIMIT

  friend bool operator==(const Limits&, const Limits&) = default;
};

/// A limit under its name in reports and Python (`file_bytes`); the command spells it
/// `--limit-file-bytes`.
struct LimitInfo {
  std::string_view name;
  std::uint64_t Limits::* member;
  std::string_view meaning;
  /// The rule of the finding where the limit is exceeded.
  Rule rule;
};

/// All limits, in the order of their members.
inline constexpr std::array kLimits = {
#define TENSORGATE_LIMIT(limit, standard, ...) \
  LimitInfo{.name = #limit, .member = &Limits::limit, __VA_ARGS__},
#include "tensorgate/limits.def"
#undef TENSORGATE_LIMIT
};

/// The time `span` from now, for CheckOptions::deadline; std::nullopt if it is too far ahead for
/// the clock.
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
  /// `kFull` applies to the strict profile. If no error was found, it reads tensor data that have
  /// checksums (all of PyTorch's ZIP archives) and compares them, and looks for bytes of BOOL
  /// tensors that are neither 0 nor 1, with several threads if the source allows it.
  /// `Report::scope()` is `kFull` if there were any such data.
  Scope scope = Scope::kStructure;
  /// Number of findings that a report keeps; the rest are counted (`Report::dropped_findings`). At
  /// least 1.
  std::uint32_t max_findings = 20;
  /// For a sharded checkpoint: follow any symbolic link to a shard. By default only links to a file
  /// in the index's folder, and links of a hub cache into its own blobs/, are followed.
  bool follow_links = false;
  /// What a pickle may call in addition to PyTorch's own functions. Only checks use it; opening a
  /// file ignores it.
  TrustList trusted = {};
  /// When the check must be done, counting all shards together. After that the verdict is
  /// `undecided` (`limit/time`). It is checked between reads and every few milliseconds of work; a
  /// single read that hangs in its source is not interrupted.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  /// Called just as often, on the caller's thread. Returning false ends the check with
  /// `use/cancelled`; after that it must keep returning false. An exception ends the check, too.
  std::function<bool()> keep_going = {};
  /// Ends the check with `use/cancelled` once it is true; any thread may set it.
  const std::atomic<bool>* cancel = nullptr;
};

}  // namespace tensorgate

#endif  // TENSORGATE_LIMITS_H_
