// One file and its judges: the crate, the library in both profiles, and the oracle in both.
#ifndef TENSORGATE_TESTS_SIDE_BY_SIDE_COMPARE_H_
#define TENSORGATE_TESTS_SIDE_BY_SIDE_COMPARE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tensorgate::side_by_side {

struct Tally {
  std::uint64_t files = 0;
  std::uint64_t reference_accepted = 0;
  std::uint64_t strict_accepted = 0;
  std::uint64_t named_reasons = 0;  ///< Rejections whose rule the oracle could name.
  /// Files for which the crate names one of several errors at random.
  std::uint64_t undetermined = 0;
};

/// Maximum size of files that the oracle, which is slow, is asked about.
inline constexpr std::size_t kOracleBytes = 200'000;

/// A disagreement, or std::nullopt. It checks that:
/// - the crate's verdict and error are the reference profile's, and the oracle's;
/// - strict accepts no file that the crate refuses, and exactly those that the strict oracle
/// accepts;
/// - a file accepted by all has the same tensors for the crate, the library and the oracle;
/// - if the oracle finds exactly one broken rule, it is the strict profile's reason;
/// - a rejected report has an error, an accepted one has none, and offsets are inside the file.
std::optional<std::string> Disagreement(std::span<const std::byte> file, Tally* tally = nullptr);

/// The same disagreement with as few bytes of header and data as delta debugging finds, printed in
/// full: the bytes in hex and the header as escaped text.
std::string MinimizedStory(std::span<const std::byte> file);

}  // namespace tensorgate::side_by_side

#endif  // TENSORGATE_TESTS_SIDE_BY_SIDE_COMPARE_H_
