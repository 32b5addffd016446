// What a check of scope `full` reads: tensor data, each byte once, as fast as they come.
#ifndef TENSORGATE_SOURCE_DATA_H_
#define TENSORGATE_SOURCE_DATA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/interrupt.h"
#include "lib/rules/report_builder.h"
#include "tensorgate/source.h"
#include "tensorgate/tensor.h"

namespace tensorgate::internal {

/// Data of booleans that are neither 0 nor 1.
struct BytesAboveOne {
  std::uint64_t count = 0;
  std::uint64_t first = 0;  ///< Where in the file, if there are any.
  std::byte value{};        ///< That one.

  /// `block` begins at `offset` of the file.
  void See(std::uint64_t offset, std::span<const std::byte> block);
  void Add(const BytesAboveOne& other);
};

/// Bytes to be read, and what for.
struct DataRange {
  ByteRange bytes;
  bool checksum = false;
  bool booleans = false;
};

struct DataFacts {
  std::uint32_t checksum = 0;  ///< CRC-32; 0 if none was asked for.
  BytesAboveOne above_one;
};

/// Of each of `ranges`, which lie inside the source. By several threads where it is concurrent; each holds a quarter of a
/// mebibyte. Where `interrupt` ends it, its rule is the error. May throw std::bad_alloc.
Result<std::vector<DataFacts>> ReadData(Source& source, std::span<const DataRange> ranges,
                                        Interrupt& interrupt);

/// Reports the bytes above 1 of all tensors of booleans. `tensor`: the name of the one that holds the first.
void AddBooleans(const BytesAboveOne& above_one, std::string_view tensor, ReportBuilder& builder);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_DATA_H_
