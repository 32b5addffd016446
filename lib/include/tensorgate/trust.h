// A user's own list of functions and classes that a pickle may use beside PyTorch's, and how.
//
//   const auto trusted = tensorgate::TrustList::Parse("argparse.Namespace newobj() build(dict)\n");
//   if (!trusted) {
//     std::fprintf(stderr, "line %zu: %s\n", trusted.error().line, trusted.error().reason.c_str());
//     return;
//   }
//   tensorgate::CheckOptions options;
//   options.trusted = *trusted;
//   const tensorgate::Report report = tensorgate::torch::CheckPath("model.pt", options);
//   std::fputs(tensorgate::RenderText("model.pt", report, {.verbose = true}).c_str(), stdout);
//
// One entry a line; from `#` on it is a comment:
//
//   module.name  reduce(KIND, ...)  build(KIND)
//   module.name  newobj(KIND, ...)
//
// The name is exact, its last dot parts module and name. `reduce` is a call, `newobj` makes an object of a class by
// its `__new__`; behind it stands one kind for each argument. `build` says what state such an object may then be
// given; without it, none. A kind is None, bool, int, float, str, bytes, tuple, list, dict, OrderedDict, Counter, set,
// bytearray, complex, dtype, layout, qscheme, Size, device, Tensor, object (made by an entry of the list), `any` of
// these, or several with `|` between. A name may have several lines. Names of PyTorch's own table are refused: each has
// its schema, or its reason why not.
//
// The line `numpy` lets pass NumPy's scalars, arrays and dtypes of booleans, integers, floats of up to 8 bytes and complex
// numbers of two of these, as NumPy 1 and 2 pickle them (kinds: numpy.scalar, numpy.ndarray, numpy.dtype). They are decoded:
// byte order, shape and size must agree with the bytes. Their names cannot be entries: numpy.dtype, numpy.ndarray, scalar
// and _reconstruct take memory as the file describes it, and follow its pointers.
//
// Guarantees: a list changes nothing but what these names may do. Each that a file names is told as `use/trusted-call`.
// Such a file holds calls of code that nobody here has judged: who loads it runs that code. Opening, loading and converting
// take no list. Lifetime: a copy shares the entries. Threads: a const list may be read by many. No call throws.
#ifndef TENSORGATE_TRUST_H_
#define TENSORGATE_TRUST_H_

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensorgate/export.h"

namespace tensorgate {

namespace internal {
struct TrustAccess;
struct TrustedCall;
}  // namespace internal

/// Why a list was refused, and in which line of it, from 1 on; 0 where memory ran out.
struct TrustError {
  std::size_t line = 0;
  std::string reason;
};

class TENSORGATE_API TrustList {
 public:
  TrustList() = default;
  /// At most 1,000 entries, 16 of one name, 64 arguments each.
  static std::expected<TrustList, TrustError> Parse(std::string_view text);
  bool empty() const { return calls_ == nullptr && !numpy_; }

 private:
  friend struct internal::TrustAccess;
  std::shared_ptr<const std::vector<internal::TrustedCall>> calls_;
  bool numpy_ = false;
};

}  // namespace tensorgate

#endif  // TENSORGATE_TRUST_H_
