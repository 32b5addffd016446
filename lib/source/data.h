// The reads of a check with scope `full`: tensor data, each byte once, as fast as possible.
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

/// Bytes of boolean data that are neither 0 nor 1.
struct BytesAboveOne {
  std::uint64_t count = 0;
  std::uint64_t first = 0;  ///< Position of the first one in the file, if `count` is not 0.
  std::byte value{};        ///< Its value.

  /// `block` starts at `offset` of the file.
  void See(std::uint64_t offset, std::span<const std::byte> block);
  void Add(const BytesAboveOne& other);
};

/// Bytes to read, and the checks to make on them.
struct DataRange {
  ByteRange bytes;
  bool checksum = false;
  bool booleans = false;
};

struct DataFacts {
  std::uint32_t checksum = 0;  ///< CRC-32; 0 if none was requested.
  BytesAboveOne above_one;
};

/// The facts about each of `ranges`, which must be inside the source. Uses several threads if the
/// source is concurrent; each uses 256 KiB. If `interrupt` ends it, its rule is the error. May
/// throw std::bad_alloc.
Result<std::vector<DataFacts>> ReadData(Source& source, std::span<const DataRange> ranges,
                                        Interrupt& interrupt);

/// Reports the bytes above 1 of all boolean tensors. `tensor`: the name of the tensor with the
/// first one.
void AddBooleans(const BytesAboveOne& above_one, std::string_view tensor, ReportBuilder& builder);

}  // namespace tensorgate::internal

#endif  // TENSORGATE_SOURCE_DATA_H_
