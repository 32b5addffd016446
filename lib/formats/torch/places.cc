#include "lib/formats/torch/places.h"

namespace tensorgate::torch::internal {
namespace {

constexpr std::uint64_t kMax32 = 0xFFFFFFFF;
constexpr std::uint64_t kLocalHeader = 30, kFieldHeader = 4, kRecordFolder = 5;  // "data/"
constexpr std::uint64_t kDescriptor = 16, kWideDescriptor = 24;

}  // namespace

std::optional<std::uint64_t> ComputedPlaces::Next(const StorageValue& storage,
                                                  const zip::internal::Member& member) {
  std::uint64_t header = member.local_offset, data = member.data_offset;
  if (header_) {
    header = *header_;
    // Padding is the content of an extra field; if a ZIP64 field is needed, it comes before it.
    std::uint64_t start =
        header + kLocalHeader + root_length_ + kRecordFolder + storage.key.size() + kFieldHeader;
    if (storage.bytes >= kMax32 || header >= kMax32) start += kFieldHeader;
    if (storage.bytes >= kMax32) start += 2 * sizeof(std::uint64_t);
    if (header >= kMax32) start += sizeof(std::uint64_t);
    data = (start + alignment_ - 1) / alignment_ * alignment_;
  } else if (storage.key != "0") {
    return std::nullopt;
  }
  const bool wide = header >= kMax32 || storage.bytes >= kMax32;
  header_ = data + storage.bytes;
  if (storage.bytes != 0) *header_ += wide ? kWideDescriptor : kDescriptor;
  return data;
}

}  // namespace tensorgate::torch::internal
