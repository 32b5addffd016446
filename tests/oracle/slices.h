// The definition of slices, bit by bit: slow and obvious, for small tensors.
#ifndef TENSORGATE_TESTS_ORACLE_SLICES_H_
#define TENSORGATE_TESTS_ORACLE_SLICES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tensorgate/slice.h"

namespace tensorgate::oracle {

struct Sliced {
  std::vector<std::uint64_t> shape;
  /// For each byte of the result, its position relative to the tensor's first byte.
  std::vector<std::uint64_t> places;
};

/// The positions start, start + step, … up to stop, like Python's `range(n)[start:stop:step]`.
inline std::vector<std::uint64_t> Range(const Subscript& range, std::int64_t n) {
  std::vector<std::uint64_t> positions;
  if (range.step > 0) {
    std::int64_t begin = range.start.value_or(0), end = range.stop.value_or(n);
    if (begin < 0) begin += n;
    if (end < 0) end += n;
    for (std::int64_t i = 0; i < n; ++i) {
      if (i < begin || i >= end) continue;
      const std::int64_t from = begin < 0 ? 0 : begin;
      if ((i - from) % range.step == 0) positions.push_back(static_cast<std::uint64_t>(i));
    }
  } else {
    // A bound below all positions must not be counted from the end a second time.
    const bool to_first = !range.stop || *range.stop < -n;
    std::int64_t begin = range.start.value_or(n), end = to_first ? -1 : *range.stop;
    if (begin < 0) begin += n;
    if (!to_first && end < 0) end += n;
    const std::int64_t from = begin >= n ? n - 1 : begin;
    for (std::int64_t i = n; i-- > 0;) {
      if (i > begin || i <= end) continue;
      // The smallest step cannot be negated; it reaches at most one position.
      if (i == from || (range.step != INT64_MIN && (from - i) % -range.step == 0)) {
        positions.push_back(static_cast<std::uint64_t>(i));
      }
    }
  }
  return positions;
}

/// std::nullopt if NumPy refuses it, or if the result would not consist of whole bytes of the file.
inline std::optional<Sliced> Slice(const TensorRef& tensor,
                                   const std::vector<Subscript>& subscripts) {
  using Kind = Subscript::Kind;
  std::size_t consuming = 0, ellipses = 0;
  for (const Subscript& subscript : subscripts) {
    consuming += subscript.kind == Kind::kIndex || subscript.kind == Kind::kRange;
    ellipses += subscript.kind == Kind::kEllipsis;
  }
  if (consuming > tensor.shape.size() || ellipses > 1) return std::nullopt;
  std::vector<Subscript> all = subscripts;
  if (ellipses == 0) all.push_back(Subscript::Ellipsis());
  Sliced sliced;
  std::vector<std::vector<std::uint64_t>> chosen;  // positions of each dimension of the tensor
  for (const Subscript& subscript : all) {
    if (subscript.kind == Kind::kNewAxis) {
      sliced.shape.push_back(1);
      continue;
    }
    const std::size_t times =
        subscript.kind == Kind::kEllipsis ? tensor.shape.size() - consuming : 1;
    for (std::size_t i = 0; i < times; ++i) {
      const auto n = static_cast<std::int64_t>(tensor.shape[chosen.size()]);
      if (subscript.kind == Kind::kIndex) {
        if (*subscript.start < -n || *subscript.start >= n) return std::nullopt;
        const std::int64_t index = *subscript.start < 0 ? *subscript.start + n : *subscript.start;
        chosen.push_back({static_cast<std::uint64_t>(index)});
      } else {
        if (subscript.kind == Kind::kRange && subscript.step == 0) return std::nullopt;
        chosen.push_back(Range(subscript.kind == Kind::kRange ? subscript : Subscript::All(), n));
        sliced.shape.push_back(chosen.back().size());
      }
    }
  }
  std::uint64_t count = 1;
  for (const auto& positions : chosen) count *= positions.size();
  const std::uint64_t bits = Bits(*tensor.type.dtype);
  std::vector<std::uint64_t> places;  // positions of bits
  for (std::uint64_t number = 0; number < count; ++number) {
    std::uint64_t rest = number, element = 0, distance = 1;
    for (std::size_t d = chosen.size(); d-- > 0;) {
      const std::uint64_t position = chosen[d][static_cast<std::size_t>(rest % chosen[d].size())];
      rest /= chosen[d].size();
      element += position * (tensor.stride.empty() ? distance : tensor.stride[d]);
      distance *= tensor.shape[d];
    }
    for (std::uint64_t bit = 0; bit < bits; ++bit) places.push_back(element * bits + bit);
  }
  if (places.size() % 8 != 0) return std::nullopt;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (i % 8 == 0 ? places[i] % 8 != 0 : places[i] != places[i - 1] + 1) return std::nullopt;
    if (i % 8 == 0) sliced.places.push_back(places[i] / 8);
  }
  return sliced;
}

}  // namespace tensorgate::oracle

#endif  // TENSORGATE_TESTS_ORACLE_SLICES_H_
