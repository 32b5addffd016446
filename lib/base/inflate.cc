#include "lib/base/inflate.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tensorgate::internal {
namespace {

constexpr unsigned kMaxBits = 15;
constexpr std::size_t kLiterals = 288, kDistances = 32, kLengthCodes = 19;

// RFC 1951, 3.2.5: the first length or distance of each code, and the number of extra bits that
// follow.
struct Range {
  std::uint16_t base;
  std::uint8_t extra;
};
constexpr std::array<Range, 29> kLengths = {{
    {3, 0},  {4, 0},  {5, 0},  {6, 0},   {7, 0},   {8, 0},   {9, 0},   {10, 0},  {11, 1},  {13, 1},
    {15, 1}, {17, 1}, {19, 2}, {23, 2},  {27, 2},  {31, 2},  {35, 3},  {43, 3},  {51, 3},  {59, 3},
    {67, 4}, {83, 4}, {99, 4}, {115, 4}, {131, 5}, {163, 5}, {195, 5}, {227, 5}, {258, 0},
}};
constexpr std::array<Range, 30> kDistanceRanges = {{
    {1, 0},     {2, 0},     {3, 0},     {4, 0},      {5, 1},      {7, 1},
    {9, 2},     {13, 2},    {17, 3},    {25, 3},     {33, 4},     {49, 4},
    {65, 5},    {97, 5},    {129, 6},   {193, 6},    {257, 7},    {385, 7},
    {513, 8},   {769, 8},   {1025, 9},  {1537, 9},   {2049, 10},  {3073, 10},
    {4097, 11}, {6145, 11}, {8193, 12}, {12289, 12}, {16385, 13}, {24577, 13},
}};
// 3.2.7: the order of the code length codes.
constexpr std::array<std::uint8_t, kLengthCodes> kOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                           11, 4,  12, 3, 13, 2, 14, 1, 15};

// A canonical Huffman code: the number of codes of each length, and the symbols in the order of
// their codes.
class Code {
 public:
  // False: too many or too few codes for their lengths. For lengths and distances a single code of
  // one bit is allowed (3.2.7); if there is no code at all, the first use fails.
  bool Build(std::span<const std::uint8_t> lengths, bool may_be_single) {
    count_ = {};
    for (const std::uint8_t length : lengths) ++count_[length];
    const std::size_t used = lengths.size() - count_[0];
    count_[0] = 0;
    int left = 1;
    for (unsigned bits = 1; bits <= kMaxBits; ++bits) {
      left = 2 * left - count_[bits];
      if (left < 0) return false;
    }
    std::array<std::uint16_t, kMaxBits + 1> next{};
    for (unsigned bits = 1; bits < kMaxBits; ++bits) next[bits + 1] = next[bits] + count_[bits];
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
      if (lengths[symbol] != 0)
        symbols_[next[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
    }
    return left == 0 || used == 0 || (may_be_single && used == 1 && count_[1] == 1);
  }
  std::span<const std::uint16_t, kMaxBits + 1> count() const { return count_; }
  std::uint16_t symbol(std::size_t index) const { return symbols_[index]; }

 private:
  std::array<std::uint16_t, kMaxBits + 1> count_{};
  std::array<std::uint16_t, kLiterals> symbols_{};
};

class Inflater {
 public:
  Inflater(std::span<const std::byte> packed, std::span<std::byte> output)
      : packed_(packed), output_(output) {}

  Inflated Run() {
    bool last = false;
    while (!last && Good()) {
      last = Bits(1) != 0;
      switch (Bits(2)) {
        case 0:
          Stored();
          break;
        case 1:
          Fixed();
          break;
        case 2:
          Dynamic();
          break;
        default:
          Fail(InflateEnd::kDamaged);
      }
    }
    return {end_, at_, produced_};
  }

 private:
  bool Good() const { return end_ == InflateEnd::kDone; }
  void Fail(InflateEnd end) {
    if (Good()) end_ = end;
  }

  // After a failure all further bits are zero and are not used.
  unsigned Bits(unsigned count) {
    while (bit_count_ < count) {
      if (at_ == packed_.size()) {
        Fail(InflateEnd::kCut);
        return 0;
      }
      bits_ |= std::to_integer<std::uint32_t>(packed_[at_++]) << bit_count_;
      bit_count_ += 8;
    }
    const unsigned value = bits_ & ((1u << count) - 1);
    bits_ >>= count;
    bit_count_ -= count;
    return value;
  }

  bool Put(std::byte byte) {
    if (produced_ == output_.size()) {
      Fail(InflateEnd::kFull);
      return false;
    }
    output_[produced_++] = byte;
    return true;
  }

  void Stored() {
    bits_ = bit_count_ = 0;
    const unsigned length = Bits(16), complement = Bits(16);
    if (!Good()) return;
    if (length != (~complement & 0xFFFF)) return Fail(InflateEnd::kDamaged);
    for (unsigned i = 0; i < length; ++i) {
      if (at_ == packed_.size()) return Fail(InflateEnd::kCut);
      if (!Put(packed_[at_])) return;
      ++at_;
    }
  }

  void Fixed() {
    std::array<std::uint8_t, kLiterals + kDistances> lengths{};
    const auto all = std::span(lengths);
    std::ranges::fill(all.first(144), std::uint8_t{8});
    std::ranges::fill(all.subspan(144, 112), std::uint8_t{9});
    std::ranges::fill(all.subspan(256, 24), std::uint8_t{7});
    std::ranges::fill(all.subspan(280, 8), std::uint8_t{8});
    std::ranges::fill(all.subspan(kLiterals), std::uint8_t{5});
    literals_.Build(all.first(kLiterals), true);
    distances_.Build(all.subspan(kLiterals), true);
    Compressed();
  }

  void Dynamic() {
    const unsigned literals = Bits(5) + 257, distances = Bits(5) + 1, codes = Bits(4) + 4;
    if (literals > 286 || distances > 30) return Fail(InflateEnd::kDamaged);
    std::array<std::uint8_t, kLiterals + kDistances> lengths{};
    for (unsigned i = 0; i < codes; ++i) lengths[kOrder[i]] = static_cast<std::uint8_t>(Bits(3));
    if (!literals_.Build(std::span(lengths).first(kLengthCodes), false))
      return Fail(InflateEnd::kDamaged);
    lengths = {};
    if (!Lengths(std::span(lengths).first(literals + distances))) return;
    // Without an end-of-block code the block could not end.
    if (lengths[256] == 0) return Fail(InflateEnd::kDamaged);
    if (!literals_.Build(std::span(lengths).first(literals), true) ||
        !distances_.Build(std::span(lengths).subspan(literals, distances), true)) {
      return Fail(InflateEnd::kDamaged);
    }
    Compressed();
  }

  // The lengths of both codes, which are themselves encoded (3.2.7).
  bool Lengths(std::span<std::uint8_t> lengths) {
    std::size_t at = 0;
    while (at < lengths.size()) {
      const std::optional<unsigned> symbol = Symbol(literals_);
      if (!symbol) return false;
      if (*symbol < 16) {
        lengths[at++] = static_cast<std::uint8_t>(*symbol);
        continue;
      }
      const bool again = *symbol == 16;
      const unsigned count = again ? 3 + Bits(2) : *symbol == 17 ? 3 + Bits(3) : 11 + Bits(7);
      if ((again && at == 0) || count > lengths.size() - at) Fail(InflateEnd::kDamaged);
      if (!Good()) return false;
      std::ranges::fill(lengths.subspan(at, count), again ? lengths[at - 1] : std::uint8_t{0});
      at += count;
    }
    return true;
  }

  std::optional<unsigned> Symbol(const Code& code) {
    unsigned value = 0, first = 0, index = 0;
    for (unsigned bits = 1; bits <= kMaxBits; ++bits) {
      value |= Bits(1);
      if (!Good()) return std::nullopt;
      const unsigned count = code.count()[bits];
      if (value < first + count) return code.symbol(index + value - first);
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    Fail(InflateEnd::kDamaged);
    return std::nullopt;
  }

  void Compressed() {
    while (true) {
      const std::optional<unsigned> symbol = Symbol(literals_);
      if (!symbol || *symbol == 256) return;
      if (*symbol < 256) {
        if (!Put(static_cast<std::byte>(*symbol))) return;
      } else if (!Copy(*symbol - 257)) {
        return;
      }
    }
  }

  bool Copy(unsigned length_code) {
    if (length_code >= kLengths.size()) {
      Fail(InflateEnd::kDamaged);
      return false;
    }
    const unsigned length = kLengths[length_code].base + Bits(kLengths[length_code].extra);
    const std::optional<unsigned> code = Symbol(distances_);
    if (!code) return false;
    if (*code >= kDistanceRanges.size()) {
      Fail(InflateEnd::kDamaged);
      return false;
    }
    const std::size_t distance = kDistanceRanges[*code].base + Bits(kDistanceRanges[*code].extra);
    if (distance > produced_) Fail(InflateEnd::kDamaged);
    if (!Good()) return false;
    for (unsigned i = 0; i < length; ++i) {
      if (!Put(output_[produced_ - distance])) return false;
    }
    return true;
  }

  std::span<const std::byte> packed_;
  std::span<std::byte> output_;
  std::size_t at_ = 0, produced_ = 0;
  std::uint32_t bits_ = 0;
  unsigned bit_count_ = 0;
  Code literals_, distances_;
  InflateEnd end_ = InflateEnd::kDone;
};

}  // namespace

Inflated Inflate(std::span<const std::byte> packed, std::span<std::byte> output) {
  return Inflater(packed, output).Run();
}

}  // namespace tensorgate::internal
