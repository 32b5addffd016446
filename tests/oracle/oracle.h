// The oracle: a slow and obvious second implementation of both profiles, only for tests.
//
//   OracleResult result = Examine(bytes, Profile::kStrict);
//
// It was written from the format's README and from the observed behavior of the reference, builds a
// whole tree, computes with unbounded or 128-bit integers and compares everything with everything.
// It shares no code with lib/ except the enumerations of rules and dtypes.
#ifndef TENSORGATE_TESTS_ORACLE_ORACLE_H_
#define TENSORGATE_TESTS_ORACLE_ORACLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tensorgate/dtype.h"
#include "tensorgate/limits.h"
#include "tensorgate/rules.h"

namespace tensorgate::oracle {

struct OracleTensor {
  std::string name;
  DType dtype{};
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;  ///< Offset in the file.
  std::uint64_t end = 0;
  friend bool operator==(const OracleTensor&, const OracleTensor&) = default;
  friend auto operator<=>(const OracleTensor&, const OracleTensor&) = default;
};

struct OracleResult {
  bool accepted = false;
  /// Rejected, and the file breaks exactly one rule: that rule. If it breaks several, the library
  /// decides which comes first.
  std::optional<Rule> reason;
  /// The reference's possible errors; empty if it accepts. There may be several if two tensors have
  /// the same range: the reference then checks them in the order of a randomly seeded hash map.
  std::set<std::string> reference_errors;
  /// Accepted: sorted by name. For duplicates (reference only), the last one.
  std::vector<OracleTensor> tensors;
};

OracleResult Examine(std::span<const std::byte> file, Profile profile);

}  // namespace tensorgate::oracle

#endif  // TENSORGATE_TESTS_ORACLE_ORACLE_H_
