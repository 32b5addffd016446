// A user's own list of functions and classes that a pickle may use in addition to PyTorch's, and
// how it may use them.
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
// One entry per line; `#` starts a comment:
//
//   module.name  reduce(KIND, ...)  build(KIND)
//   module.name  newobj(KIND, ...)
//
// The name must match exactly; its last dot separates module and name. `reduce` is a call, `newobj`
// creates an object of a class with its `__new__`; each is followed by one kind for each argument.
// `build` says what state such an object may then be given; without it, none. A kind is None, bool,
// int, float, str, bytes, tuple, list, dict, OrderedDict, Counter, set, bytearray, complex, dtype,
// layout, qscheme, Size, device, Tensor, object (created by an entry of the list), `any` of these,
// or several joined by `|`. A name may have several lines. Names in PyTorch's own table are
// refused: each of them already has its schema, or a reason why it is not allowed.
//
// The line `numpy` allows NumPy's scalars, arrays and dtypes of booleans, integers, floats of up to
// 8 bytes and complex numbers of two of these, as NumPy 1 and 2 pickle them (kinds: numpy.scalar,
// numpy.ndarray, numpy.dtype). They are decoded: byte order, shape and size must agree with the
// bytes. Their names cannot be entries: numpy.dtype, numpy.ndarray, scalar and _reconstruct
// interpret memory as the file describes it, and follow its pointers.
//
// Guarantees: a list changes only what these names may do. Every entry that a file uses is reported
// as `use/trusted-call`. Such a file calls code that tensorgate has not judged; loading it runs
// that code. Opening, loading and converting do not accept a list. Lifetime: a copy shares the
// entries. Threads: a const list may be read by many threads. No call throws.
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

/// Why a list was refused, and its line, counted from 1; 0 if memory ran out.
struct TrustError {
  std::size_t line = 0;
  std::string reason;
};

class TENSORGATE_API TrustList {
 public:
  TrustList() = default;
  /// At most 1,000 entries, 16 per name, 64 arguments each.
  static std::expected<TrustList, TrustError> Parse(std::string_view text);
  bool empty() const { return calls_ == nullptr && !numpy_; }

 private:
  friend struct internal::TrustAccess;
  std::shared_ptr<const std::vector<internal::TrustedCall>> calls_;
  bool numpy_ = false;
};

}  // namespace tensorgate

#endif  // TENSORGATE_TRUST_H_
