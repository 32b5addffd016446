#include "lib/write/save_checks.h"

#include <bit>

#include "lib/second_readings/second_readings.h"

namespace tensorgate {

Result<std::uint64_t> DataBytes(const TensorData& tensor) {
  return safetensors::internal::TensorBytes(tensor.dtype, tensor.shape);
}

namespace internal {
namespace {

constexpr std::uint64_t kLeastAlignment = 8, kLargestAlignment = 1 << 20;

}  // namespace

Result<void> CheckSaveOptions(const SaveOptions& options) {
  if (!std::has_single_bit(options.alignment) || options.alignment < kLeastAlignment ||
      options.alignment > kLargestAlignment) {
    return Refuse(Rule::kSaveMisuse);
  }
  return {};
}

Result<std::uint64_t> CheckedSize(const TensorData& tensor, std::uint64_t number) {
  const Result<std::uint64_t> size = DataBytes(tensor);
  if (!size) return Refuse(size.error().rule, number);
  const auto* memory = std::get_if<std::span<const std::byte>>(&tensor.data);
  if (memory != nullptr && memory->size() != *size) return Refuse(Rule::kSaveWrongSize, number);
  return size;
}

Result<void> CheckOneReading(Source& file) {
  SecondReadings readings(Family::kSafetensors);
  TENSORGATE_TRY(FindSecondReadings(readings, file));
  const std::optional<std::uint64_t> first = readings.first();
  if (!first) return {};
  return std::unexpected(
      Status{.rule = Rule::kSaveSecondFormat, .offset = *first, .found = *first});
}

Result<FileLayout> LayOutFile(std::span<const TensorSpec> specs, const SaveOptions& options) {
  return safetensors::internal::LayOut(specs,
                                       {.metadata = options.metadata ? &*options.metadata : nullptr,
                                        .alignment = options.alignment,
                                        .as_given = options.order == TensorOrder::kAsGiven});
}

}  // namespace internal
}  // namespace tensorgate
