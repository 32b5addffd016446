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

/// Every cap. The unit of each is in its name or comment; all are inclusive.
struct Limits {
  /// Bytes of the whole file. No default cap: tensor data are never read for a structural verdict.
  std::uint64_t file_bytes = UINT64_MAX;
  /// Bytes of the JSON header. The format's own cap (README, "Format": 100 MB); beyond it the file
  /// is rejected.
  std::uint64_t header_bytes = 100'000'000;
  /// Tensors. A header of the largest legal size holds fewer than two million.
  std::uint64_t tensors = 100'000'000;
  /// Entries of `__metadata__`. A header of the largest legal size holds about fourteen million.
  std::uint64_t metadata_entries = 100'000'000;
  /// Bytes of one tensor name or metadata key, after unescaping. The format has no cap of its own.
  std::uint64_t name_bytes = 100'000'000;
  /// Dimensions of one tensor. More than kMaxRank are refused by rule, whatever the limit.
  std::uint64_t rank = 100'000'000;
  /// Opcodes of one pickle; 30 a tensor are usual, so that the default is for more than a million.
  /// Each costs at most 80 bytes of memory.
  std::uint64_t pickle_operations = 50'000'000;
  /// Bytes of the index of a sharded checkpoint; at most 1,000,000,000. The largest that are published
  /// have about 15 MB.
  std::uint64_t index_bytes = 100'000'000;
  /// Shards of one checkpoint.
  std::uint64_t shards = 10'000;
  /// Bytes of the headers of all shards together: what opening a checkpoint keeps in memory.
  std::uint64_t checkpoint_header_bytes = 250'000'000;
  /// Bytes of a stream that are kept in a temporary file, where only all of it can be judged: archives
  /// and pickles. Small, since a sender chooses how much it sends; what it sends costs disk space.
  std::uint64_t spool_bytes = std::uint64_t{1} << 30;

  friend bool operator==(const Limits&, const Limits&) = default;
};

/// A limit as the command (`--limit-file-bytes`), Python and reports (`file_bytes`) name it.
struct LimitInfo {
  std::string_view name;
  std::uint64_t Limits::* member;
  std::string_view meaning;
};

/// All of them, in the order of their members.
inline constexpr std::array kLimits = {
    LimitInfo{"file_bytes", &Limits::file_bytes, "Bytes of a file"},
    LimitInfo{"header_bytes", &Limits::header_bytes, "Bytes of a header"},
    LimitInfo{"tensors", &Limits::tensors, "Tensors"},
    LimitInfo{"metadata_entries", &Limits::metadata_entries, "Entries of __metadata__"},
    LimitInfo{"name_bytes", &Limits::name_bytes, "Bytes of a name"},
    LimitInfo{"rank", &Limits::rank, "Dimensions of a tensor"},
    LimitInfo{"pickle_operations", &Limits::pickle_operations, "Opcodes of a pickle"},
    LimitInfo{"index_bytes", &Limits::index_bytes, "Bytes of the index of a sharded checkpoint"},
    LimitInfo{"shards", &Limits::shards, "Shards of a checkpoint"},
    LimitInfo{"checkpoint_header_bytes", &Limits::checkpoint_header_bytes,
              "Bytes of the headers of all shards"},
    LimitInfo{"spool_bytes", &Limits::spool_bytes, "Bytes of a stream kept in a temporary file"},
};
static_assert(sizeof(Limits) == kLimits.size() * sizeof(std::uint64_t));

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
