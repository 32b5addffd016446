// Slices of tensors that are derived from the input, with or without strides, against the slow
// oracle; and of tensors that contradict themselves.
#include <algorithm>
#include <vector>

#include "fuzz/support.h"
#include "lib/checkpoint/sweep.h"
#include "lib/tensor/gather.h"
#include "lib/tensor/select.h"
#include "tests/oracle/slices.h"

using namespace tensorgate;
using internal::Gather;
using internal::GatherLimits;

namespace {

constexpr std::uint64_t kOffset = 5;

std::int64_t Bound(fuzz::Choices& choices) {
  switch (choices.Below(12)) {
    case 0:
      return INT64_MIN;
    case 1:
      return INT64_MAX;
    default:
      return static_cast<std::int64_t>(choices.Below(15)) - 7;
  }
}

std::vector<Subscript> Subscripts(fuzz::Choices& choices) {
  std::vector<Subscript> subscripts(static_cast<std::size_t>(choices.Below(6)));
  for (Subscript& subscript : subscripts) {
    subscript.kind = static_cast<Subscript::Kind>(
        choices.Below(3) == 0 ? choices.Below(4)
                              : static_cast<std::uint64_t>(Subscript::Kind::kRange));
    if (choices.Below(2) == 0 || subscript.kind == Subscript::Kind::kIndex) {
      subscript.start = Bound(choices);
    }
    if (choices.Below(2) == 0) subscript.stop = Bound(choices);
    if (choices.Below(2) == 0) subscript.step = Bound(choices);
  }
  return subscripts;
}

// A small, valid tensor: its range is what shape and strides need.
TensorRef ValidTensor(fuzz::Choices& choices) {
  TensorRef tensor;
  tensor.type = static_cast<DType>(choices.Below(kDTypeCount));
  const std::uint64_t rank = choices.Below(5);
  for (std::uint64_t d = 0; d < rank; ++d) tensor.shape.push_back(choices.Below(6));
  if (Bits(*tensor.type.dtype) < 8) tensor.shape.push_back(8 * choices.Below(2) + 8);
  tensor.range = {kOffset, tensor.elements() * Bits(*tensor.type.dtype) / 8};
  if (tensor.elements() == 0 || Bits(*tensor.type.dtype) < 8 || choices.Below(2) == 0)
    return tensor;
  std::uint64_t last = 0;
  for (const std::uint64_t dimension : tensor.shape) {
    tensor.stride.push_back(choices.Below(9));
    last += (dimension - 1) * tensor.stride.back();
  }
  tensor.range.length = (last + 1) * (Bits(*tensor.type.dtype) / 8);
  return tensor;
}

// In one pass over the file, with blocks of any length.
void CompareSweep(const TensorRef& tensor, const Gather& gather,
                  const std::vector<std::uint64_t>& places, fuzz::Choices& choices) {
  if (gather.selection().bytes == 0) return;
  std::vector<std::byte> file(static_cast<std::size_t>(kOffset + tensor.range.length));
  std::vector<std::byte> result(places.size());
  for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>(i * 7 >> 3);
  const internal::Sweep sweep({{&gather, result}}, 1 + choices.Below(choices.Below(2) ? 5 : 200));
  std::uint64_t read = 0, done = 0;
  for (std::uint64_t number = 0; number < sweep.pass().blocks(); ++number) {
    const ByteRange range = sweep.pass().Read(number);
    FUZZ_ASSERT(range.length <= sweep.pass().window() && range.offset >= kOffset);
    FUZZ_ASSERT(range.offset + range.length <= file.size());
    read += range.length;
    done += sweep.Scatter(number, std::span(file).subspan(static_cast<std::size_t>(range.offset),
                                                          static_cast<std::size_t>(range.length)));
  }
  FUZZ_ASSERT(read == sweep.pass().read_bytes() && done == result.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    FUZZ_ASSERT(result[i] == file[static_cast<std::size_t>(kOffset + places[i])]);
  }
}

void CompareWithOracle(fuzz::Choices& choices) {
  const TensorRef tensor = ValidTensor(choices);
  const std::vector<Subscript> subscripts = Subscripts(choices);
  const auto expected = oracle::Slice(tensor, subscripts);
  const auto selection = internal::Select(tensor, subscripts);
  FUZZ_ASSERT(selection.has_value() == expected.has_value());
  if (!selection) return;
  FUZZ_ASSERT(selection->shape == expected->shape);
  FUZZ_ASSERT(selection->bytes == expected->places.size());
  GatherLimits limits;
  if (choices.Below(4) != 0) {
    limits.gap = 1 + choices.Below(20);
    limits.long_run = 1 + choices.Below(30);
    limits.window = limits.long_run + choices.Below(60);
    limits.block = 1 + choices.Below(20);
  }
  const Gather gather(*selection, limits);
  CompareSweep(tensor, gather, expected->places, choices);
  // Each byte of the file is its own position, encoded in two bytes; each digit is scattered
  // separately.
  for (int digit = 0; digit < 2; ++digit) {
    std::vector<std::byte> file(static_cast<std::size_t>(kOffset + tensor.range.length));
    for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>(i >> 8 * digit);
    std::vector<std::byte> result(static_cast<std::size_t>(selection->bytes));
    std::uint64_t read = 0;
    for (std::uint64_t number = 0; number < gather.pieces(); ++number) {
      const Gather::Piece piece = gather.At(number);
      FUZZ_ASSERT(piece.source.offset >= kOffset && piece.source.offset <= file.size());
      FUZZ_ASSERT(piece.source.length <= file.size() - piece.source.offset);
      read += piece.source.length;
      const auto from =
          std::span<const std::byte>(file).subspan(static_cast<std::size_t>(piece.source.offset),
                                                   static_cast<std::size_t>(piece.source.length));
      if (gather.window() != 0) {
        FUZZ_ASSERT(from.size() <= gather.window() && gather.window() <= limits.window);
        gather.Scatter(piece, from, result);
      } else {
        FUZZ_ASSERT(from.size() <= limits.block);
        std::ranges::copy(
            from,
            std::span(result).subspan(static_cast<std::size_t>(piece.target), from.size()).begin());
      }
    }
    FUZZ_ASSERT(read == gather.read_bytes());
    for (std::size_t i = 0; i < result.size(); ++i) {
      FUZZ_ASSERT(result[i] == file[static_cast<std::size_t>(kOffset + expected->places[i])]);
    }
  }
}

std::uint64_t Hostile(fuzz::Choices& choices) {
  const std::uint64_t bit = std::uint64_t{1} << choices.Below(64);
  return bit + choices.Below(5) - 2;
}

// Whatever its numbers are, nothing outside its range is requested.
void StaysInside(fuzz::Choices& choices) {
  TensorRef tensor;
  tensor.type = static_cast<DType>(choices.Below(kDTypeCount));
  for (std::uint64_t d = choices.Below(4); d > 0; --d) {
    tensor.shape.push_back(choices.Below(2) == 0 ? Hostile(choices) : choices.Below(4));
  }
  if (choices.Below(2) == 0) {
    for (std::size_t d = 0; d < tensor.shape.size(); ++d) tensor.stride.push_back(Hostile(choices));
  }
  tensor.range = {Hostile(choices), choices.Below(2) == 0 ? Hostile(choices) : tensor.bytes()};
  const std::vector<Subscript> subscripts = Subscripts(choices);
  auto selection = internal::Select(tensor, subscripts);
  if (!selection || selection->bytes == 0) return;
  const Gather gather(std::move(*selection));
  FUZZ_ASSERT(gather.pieces() != 0);
  FUZZ_ASSERT(PlanSlice(tensor, subscripts).has_value());
  const internal::Pass pass(gather.range(), gather.run(), 1 + choices.Below(1 << 20));
  for (const std::uint64_t number : {std::uint64_t{0}, pass.blocks() - 1}) {
    const std::uint64_t at = pass.Read(number).offset - tensor.range.offset;
    FUZZ_ASSERT(at <= tensor.range.length && pass.Read(number).length <= tensor.range.length - at);
  }
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t number = i == 0   ? 0
                                 : i == 1 ? gather.pieces() - 1
                                          : choices.Below(gather.pieces());
    const Gather::Piece piece = gather.At(number);
    FUZZ_ASSERT(piece.source.offset >= tensor.range.offset);
    const std::uint64_t at = piece.source.offset - tensor.range.offset;
    FUZZ_ASSERT(at <= tensor.range.length && piece.source.length <= tensor.range.length - at);
    FUZZ_ASSERT(piece.target < gather.selection().bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::Bytes(data, size));
  for (int i = 0; i < 8; ++i) {
    CompareWithOracle(choices);
    StaysInside(choices);
  }
  return 0;
}
