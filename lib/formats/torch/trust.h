// The entries of a user's trust list, as used by the machine's policy.
#ifndef TENSORGATE_FORMATS_TORCH_TRUST_H_
#define TENSORGATE_FORMATS_TORCH_TRUST_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/containers/pickle/value.h"
#include "tensorgate/trust.h"

namespace tensorgate::internal {

/// Kinds of values, one bit each.
using Kinds = std::uint32_t;
constexpr bool Holds(Kinds kinds, pickle::Kind kind) {
  return (kinds >> static_cast<unsigned>(kind) & 1) != 0;
}

struct TrustedCall {
  std::string module, name;
  bool reduce = false;  ///< REDUCE; otherwise NEWOBJ.
  std::vector<Kinds> arguments;
  Kinds state = 0;  ///< Kinds that BUILD may use; none: no BUILD.

  std::string FullName() const { return module + "." + name; }
};

struct TrustAccess {
  /// Sorted by module and name.
  static std::span<const TrustedCall> Calls(const TrustList& list);
  static bool Numpy(const TrustList& list) { return list.numpy_; }
  static TrustList Make(std::vector<TrustedCall> calls, bool numpy);
};

/// True if an entry, or the line `numpy`, allows the name.
bool Trusts(const TrustList& list, std::string_view module, std::string_view name);

/// The index of the first entry with this name.
std::optional<std::size_t> FindTrusted(const TrustList& list, std::string_view module,
                                       std::string_view name);
/// The entry from `first` on, with the same name, that allows such a call.
std::optional<std::size_t> MatchTrusted(const TrustList& list, std::size_t first, bool reduce,
                                        std::span<const pickle::Value> arguments);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_FORMATS_TORCH_TRUST_H_
