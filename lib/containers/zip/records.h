// The fixed records of a ZIP archive (APPNOTE 4.3, 4.4), read from spans of their exact size.
#ifndef TENSORGATE_CONTAINERS_ZIP_RECORDS_H_
#define TENSORGATE_CONTAINERS_ZIP_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace tensorgate::zip::internal {

inline constexpr std::size_t kEndRecord = 22;
inline constexpr std::size_t kLocator = 20;
inline constexpr std::size_t kZip64End = 56;
inline constexpr std::size_t kCentralEntry = 46;
inline constexpr std::size_t kLocalHeader = 30;
inline constexpr std::size_t kWideDescriptor = 24, kDescriptor = 16;

inline constexpr std::uint16_t kFlagEncrypted = 1 << 0;
inline constexpr std::uint16_t kFlagDescriptor = 1 << 3;
inline constexpr std::uint16_t kFlagPatch = 1 << 5;
inline constexpr std::uint16_t kFlagStrongEncryption = 1 << 6;
inline constexpr std::uint16_t kFlagUtf8 = 1 << 11;
inline constexpr std::uint16_t kFlagMasked = 1 << 13;

/// The position of the entries, from the end record or its ZIP64 form.
struct EndRecord {
  std::uint64_t disk = 0, directory_disk = 0;
  std::uint64_t disk_entries = 0, entries = 0;
  std::uint64_t directory_size = 0, directory_offset = 0;
  std::uint16_t comment_length = 0;
};

/// The fields that the entry and the local header have in common.
struct CommonFields {
  std::uint16_t version_needed = 0, flags = 0, method = 0, time = 0, date = 0;
  std::uint32_t crc = 0;
  std::uint64_t compressed_size = 0, size = 0;
  std::uint16_t name_length = 0, extra_length = 0;
  friend bool operator==(const CommonFields&, const CommonFields&) = default;
};

struct CentralEntry {
  CommonFields common;
  std::uint16_t comment_length = 0, disk = 0;
  std::uint32_t external_attributes = 0;
  std::uint64_t local_offset = 0;
};

/// std::nullopt if the signature is missing.
std::optional<EndRecord> ReadEndRecord(std::span<const std::byte, kEndRecord> bytes);
/// The offset of the ZIP64 end record; there must be only one disk.
struct Locator {
  std::uint64_t offset = 0;
  bool one_disk = false;
};
std::optional<Locator> ReadLocator(std::span<const std::byte, kLocator> bytes);
/// `stated_size`: the record's own size, 44 if nothing follows its fields.
struct Zip64End {
  EndRecord record;
  std::uint64_t stated_size = 0;
};
std::optional<Zip64End> ReadZip64End(std::span<const std::byte, kZip64End> bytes);
std::optional<CentralEntry> ReadCentralEntry(std::span<const std::byte, kCentralEntry> bytes);
std::optional<CommonFields> ReadLocalHeader(std::span<const std::byte, kLocalHeader> bytes);

struct Descriptor {
  std::uint32_t crc = 0;
  std::uint64_t compressed_size = 0, size = 0;
};
/// `bytes`: 16 or 24 bytes with the signature, 12 or 20 without. std::nullopt for any other length
/// or signature.
std::optional<Descriptor> ReadDescriptor(std::span<const std::byte> bytes, bool wide);

/// The extra fields: ZIP64's, and the padding that PyTorch adds to local headers.
struct Extra {
  bool has_zip64 = false;
  std::span<const std::byte> zip64;
  /// The field lengths do not fill the area, or the ZIP64 field occurs twice.
  bool damaged = false;
  std::optional<std::uint16_t> unknown;  ///< The first id of any other field.
};
Extra ReadExtra(std::span<const std::byte> bytes, bool padding_allowed);

}  // namespace tensorgate::zip::internal

#endif  // TENSORGATE_CONTAINERS_ZIP_RECORDS_H_
