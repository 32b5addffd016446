#include "lib/containers/zip/records.h"

#include <algorithm>
#include <concepts>

#include "lib/base/bytes.h"

namespace tensorgate::zip::internal {
namespace {

constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint32_t kLocatorSignature = 0x07064b50;
constexpr std::uint32_t kZip64EndSignature = 0x06064b50;
constexpr std::uint32_t kCentralSignature = 0x02014b50;
constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::uint32_t kDescriptorSignature = 0x08074b50;
constexpr std::uint16_t kZip64Field = 0x0001;
constexpr std::uint16_t kPaddingField = 0x4246;  // "FB"

template <std::unsigned_integral T, std::size_t kAt, std::size_t kSize>
T Field(std::span<const std::byte, kSize> record) {
  return tensorgate::internal::LoadLittleEndian<T>(record.template subspan<kAt, sizeof(T)>());
}

template <std::unsigned_integral T>
T Take(std::span<const std::byte>& bytes) {
  const T value = tensorgate::internal::LoadLittleEndian<T>(bytes.first<sizeof(T)>());
  bytes = bytes.subspan(sizeof(T));
  return value;
}

// Version needed, flags, method, time, date, CRC, sizes and lengths are in this order in both
// records.
template <std::size_t kAt, std::size_t kSize>
CommonFields ReadCommon(std::span<const std::byte, kSize> record) {
  return {.version_needed = Field<std::uint16_t, kAt>(record),
          .flags = Field<std::uint16_t, kAt + 2>(record),
          .method = Field<std::uint16_t, kAt + 4>(record),
          .time = Field<std::uint16_t, kAt + 6>(record),
          .date = Field<std::uint16_t, kAt + 8>(record),
          .crc = Field<std::uint32_t, kAt + 10>(record),
          .compressed_size = Field<std::uint32_t, kAt + 14>(record),
          .size = Field<std::uint32_t, kAt + 18>(record),
          .name_length = Field<std::uint16_t, kAt + 22>(record),
          .extra_length = Field<std::uint16_t, kAt + 24>(record)};
}

}  // namespace

std::optional<EndRecord> ReadEndRecord(std::span<const std::byte, kEndRecord> bytes) {
  if (Field<std::uint32_t, 0>(bytes) != kEndSignature) return std::nullopt;
  return EndRecord{.disk = Field<std::uint16_t, 4>(bytes),
                   .directory_disk = Field<std::uint16_t, 6>(bytes),
                   .disk_entries = Field<std::uint16_t, 8>(bytes),
                   .entries = Field<std::uint16_t, 10>(bytes),
                   .directory_size = Field<std::uint32_t, 12>(bytes),
                   .directory_offset = Field<std::uint32_t, 16>(bytes),
                   .comment_length = Field<std::uint16_t, 20>(bytes)};
}

std::optional<Locator> ReadLocator(std::span<const std::byte, kLocator> bytes) {
  if (Field<std::uint32_t, 0>(bytes) != kLocatorSignature) return std::nullopt;
  const bool one_disk = Field<std::uint32_t, 4>(bytes) == 0 && Field<std::uint32_t, 16>(bytes) == 1;
  return Locator{.offset = Field<std::uint64_t, 8>(bytes), .one_disk = one_disk};
}

std::optional<Zip64End> ReadZip64End(std::span<const std::byte, kZip64End> bytes) {
  if (Field<std::uint32_t, 0>(bytes) != kZip64EndSignature) return std::nullopt;
  return Zip64End{.record = {.disk = Field<std::uint32_t, 16>(bytes),
                             .directory_disk = Field<std::uint32_t, 20>(bytes),
                             .disk_entries = Field<std::uint64_t, 24>(bytes),
                             .entries = Field<std::uint64_t, 32>(bytes),
                             .directory_size = Field<std::uint64_t, 40>(bytes),
                             .directory_offset = Field<std::uint64_t, 48>(bytes)},
                  .stated_size = Field<std::uint64_t, 4>(bytes)};
}

std::optional<CentralEntry> ReadCentralEntry(std::span<const std::byte, kCentralEntry> bytes) {
  if (Field<std::uint32_t, 0>(bytes) != kCentralSignature) return std::nullopt;
  return CentralEntry{.common = ReadCommon<6>(bytes),
                      .comment_length = Field<std::uint16_t, 32>(bytes),
                      .disk = Field<std::uint16_t, 34>(bytes),
                      .external_attributes = Field<std::uint32_t, 38>(bytes),
                      .local_offset = Field<std::uint32_t, 42>(bytes)};
}

std::optional<CommonFields> ReadLocalHeader(std::span<const std::byte, kLocalHeader> bytes) {
  if (Field<std::uint32_t, 0>(bytes) != kLocalSignature) return std::nullopt;
  return ReadCommon<4>(bytes);
}

std::optional<Descriptor> ReadDescriptor(std::span<const std::byte> bytes, bool wide) {
  const std::size_t length = wide ? kWideDescriptor : kDescriptor;
  if (bytes.size() == length) {
    if (Take<std::uint32_t>(bytes) != kDescriptorSignature) return std::nullopt;
  } else if (bytes.size() != length - 4) {
    return std::nullopt;
  }
  Descriptor found{.crc = Take<std::uint32_t>(bytes)};
  found.compressed_size = wide ? Take<std::uint64_t>(bytes) : Take<std::uint32_t>(bytes);
  found.size = wide ? Take<std::uint64_t>(bytes) : Take<std::uint32_t>(bytes);
  return found;
}

Extra ReadExtra(std::span<const std::byte> bytes, bool padding_allowed) {
  Extra extra;
  while (!bytes.empty()) {
    if (bytes.size() < 4) {
      extra.damaged = true;
      return extra;
    }
    const auto id = Take<std::uint16_t>(bytes);
    const auto length = Take<std::uint16_t>(bytes);
    if (length > bytes.size()) {
      extra.damaged = true;
      return extra;
    }
    const std::span<const std::byte> field = bytes.first(length);
    bytes = bytes.subspan(length);
    if (id == kZip64Field) {
      extra.damaged |= extra.has_zip64;
      extra.has_zip64 = true;
      extra.zip64 = field;
    } else if (id != kPaddingField || !padding_allowed ||
               std::ranges::any_of(field, [](std::byte b) { return b != std::byte{'Z'}; })) {
      if (!extra.unknown) extra.unknown = id;
    }
  }
  return extra;
}

}  // namespace tensorgate::zip::internal
