// The header of a safetensors file as a plain data structure.
#ifndef TENSORGATE_FORMATS_SAFETENSORS_HEADER_H_
#define TENSORGATE_FORMATS_SAFETENSORS_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/names.h"
#include "lib/base/pod_buffer.h"
#include "tensorgate/dtype.h"

namespace tensorgate::safetensors::internal {

using tensorgate::internal::NameIndex;
using tensorgate::internal::PodBuffer;
using ShapeSize = tensorgate::internal::ShapeSize<std::uint64_t>;

/// The format's cap on n (README: 100MB); lengths up to this are legal.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::size_t kLengthBytes = 8;

// Some readers fail beyond these. The parse notes whether any tensor may be affected, and the rules
// decide which.
inline constexpr std::uint64_t kLongName = 256, kHighRank = 5, kLargeDimension = INT32_MAX;
inline constexpr std::uint64_t kExactDouble = std::uint64_t{1} << 53;
using PlainShape = tensorgate::internal::PlainShape<std::uint64_t, kLargeDimension>;

inline constexpr std::string_view kMetadataName = "__metadata__";

/// True for a dtype that few readers support.
inline bool IsRare(DType dtype) {
  return Bits(dtype) < 8 || dtype == DType::kF8E8M0 || dtype == DType::kF8E4M3FNUZ ||
         dtype == DType::kF8E5M2FNUZ || dtype == DType::kC64;
}

/// A text in the header, or, if it was written with escapes, decoded in the arena after its length.
using TextRef = std::uint32_t;
inline constexpr TextRef kInArena = 0x8000'0000;
inline constexpr std::size_t kArenaLength = 4;

struct TensorRecord {
  std::uint64_t end;  // from data_offsets; Header::BeginOf gives the start
  TextRef name;
  std::uint32_t name_length;
  std::uint32_t shape;       // offset of the first dimension's digits in the header
  std::uint32_t rank_dtype;  // rank << 5 | dtype: rank is below 2^26 in a header of 10^8 bytes

  std::uint32_t rank() const { return rank_dtype >> 5; }
  DType dtype() const { return static_cast<DType>(rank_dtype & 31); }
};
static_assert(sizeof(TensorRecord) == 24 && kDTypeCount <= 32 &&
              kMaxHeaderBytes / 2 < (1u << 27) - 1);

struct MetadataRecord {
  TextRef key, value;
};

// Deviations from the plain form, and other conditions noted by the parse; what and where exactly
// is determined afterwards.
enum Seen : std::uint32_t {
  kSeenFieldUnknown = 1 << 0,
  kSeenTensorAsArray = 1 << 1,
  kSeenDtypeAsMap = 1 << 2,
  kSeenMetadataNull = 1 << 3,
  kSeenOutOfLine =
      1 << 4,  // a tensor's offsets or size deviate from the plain form: the rules must look
  kSeenNotable = 1 << 5,         // a tensor may deserve a warning
  kSeenNotableKey = 1 << 6,      // a metadata key may deserve a warning
  kSeenNotableName = 1 << 7,     // a tensor's name may, by itself or together with another one
  kSeenNotableKeyName = 1 << 8,  // the same for a metadata key
  kSeenNameCases = 1 << 9,       // two tensors' names may differ only in case
  kSeenKeyCases = 1 << 10,       // two metadata keys may differ only in case
};

/// Reads dimensions one by one from the header's text.
class DimensionReader {
 public:
  DimensionReader(std::string_view text, std::size_t rank) : text_(text), left_(rank) {}
  bool Next(std::uint64_t& value) {
    if (left_ == 0) return false;
    --left_;
    while (at_ < text_.size() && (text_[at_] < '0' || text_[at_] > '9')) ++at_;
    value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = value * 10 + static_cast<std::uint64_t>(text_[at_] - '0');
    }
    return true;
  }
  std::string_view rest() const { return text_.substr(at_); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t left_;
};

struct Header {
  PodBuffer<std::byte> bytes;  // n bytes and `kSlack` zeros
  std::size_t size = 0;        // n
  std::size_t padding = 0;     // white space after the JSON
  std::uint64_t file_size = 0;
  PodBuffer<TensorRecord> tensors;  // in the order of the header
  PodBuffer<std::uint64_t> begins;  // empty if each tensor starts where the previous one ends
  PodBuffer<std::uint32_t> order;   // in the order of the data; empty if that is the header's
  PodBuffer<MetadataRecord> metadata;
  std::string arena;
  NameIndex index;

  std::string_view text() const {
    return tensorgate::internal::AsText(bytes.span()).substr(0, size);
  }
  std::uint64_t data_offset() const { return kLengthBytes + size; }

  std::string_view Text(TextRef ref, std::size_t length) const {
    return (ref & kInArena) != 0 ? std::string_view(arena).substr(ref & ~kInArena, length)
                                 : text().substr(ref, length);
  }
  std::uint64_t BeginOf(std::size_t tensor) const {
    return !begins.empty() ? begins[tensor] : tensor == 0 ? 0 : tensors[tensor - 1].end;
  }
  std::string_view NameOf(const TensorRecord& record) const {
    return Text(record.name, record.name_length);
  }
  /// A text whose length is not stored: it ends at its quote, or its length is before it in the
  /// arena.
  std::string_view TextAt(TextRef ref) const;
  DimensionReader Dimensions(const TensorRecord& record) const {
    return {text().substr(record.shape), record.rank()};
  }
  ShapeSize SizeOf(const TensorRecord& record) const {
    ShapeSize size_of;
    DimensionReader reader = Dimensions(record);
    for (std::uint64_t dimension; reader.Next(dimension);) size_of.Multiply(dimension);
    return size_of;
  }
};

}  // namespace tensorgate::safetensors::internal

#endif  // TENSORGATE_FORMATS_SAFETENSORS_HEADER_H_
