#include "lib/second_readings/zip_tail.h"

#include "lib/base/bytes.h"

namespace tensorgate::internal {
namespace {

using namespace std::string_view_literals;

// APPNOTE 4.3.12, 4.3.14 to 4.3.16.
constexpr std::string_view kEnd = "PK\5\6"sv, kLocator = "PK\6\7"sv, kZip64End = "PK\6\6"sv,
                           kEntry = "PK\1\2"sv;
constexpr std::size_t kEndSize = 22, kLocatorSize = 20, kZip64Size = 56, kEntrySize = 46;

}  // namespace

void ZipTail::OnTail(std::span<const std::byte> tail, std::uint64_t size) {
  size_ = size;
  tail_ = size - tail.size();
  const std::string_view text = AsText(tail);
  for (std::size_t at = text.find(kEnd); at != text.npos; at = text.find(kEnd, at + 1)) {
    if (text.size() - at >= kEndSize) AddRecord(tail, at);
  }
  // Places inside the tail can be checked immediately.
  for (; next_ < places_.size() && !found_ && places_[next_].offset >= tail_; ++next_) {
    const Place place = places_[next_];
    Look(place, tail.subspan(static_cast<std::size_t>(place.offset - tail_)));
  }
}

void ZipTail::AddRecord(std::span<const std::byte> tail, std::size_t at) {
  const std::string_view text = AsText(tail);
  const std::uint64_t record = tail_ + at;
  record_ = record;
  AddDirectory(record, LoadLittleEndian<std::uint32_t>(text.substr(at + 12)),
               LoadLittleEndian<std::uint32_t>(text.substr(at + 16)), record);
  if (at < kLocatorSize || !text.substr(at - kLocatorSize).starts_with(kLocator)) return;
  // zipfile uses the record before the locator, others the one that it points to.
  const std::uint64_t locator = record - kLocatorSize;
  if (locator >= kZip64Size) AddPlace(locator - kZip64Size, record, true);
  AddPlace(LoadLittleEndian<std::uint64_t>(text.substr(at - kLocatorSize + 8)), record, true);
}

void ZipTail::AddDirectory(std::uint64_t end, std::uint64_t length, std::uint64_t offset,
                           std::uint64_t record) {
  if (length != 0 && length <= end) AddPlace(end - length, record);
  AddPlace(offset, record);
}

void ZipTail::AddPlace(std::uint64_t offset, std::uint64_t record, bool zip64) {
  const std::size_t least = zip64 ? kZip64Size : kEntrySize;
  if (size_ >= least && offset <= size_ - least) {
    places_.push_back({.offset = offset, .record = record, .zip64 = zip64});
  }
}

std::optional<std::uint64_t> ZipTail::Wanted() const {
  if (found_ || next_ == places_.size()) return std::nullopt;
  return places_[next_].offset;
}

void ZipTail::OnBytes(std::span<const std::byte> bytes) {
  const Place place = places_[next_++];
  Look(place, bytes);
}

void ZipTail::OnMark(bool there) {
  const Place& place = places_[next_++];
  if (there) found_ = {.record = place.record, .directory = place.offset};
}

void ZipTail::Look(const Place& place, std::span<const std::byte> bytes) {
  const std::string_view text = AsText(bytes);
  if (!place.zip64) {
    if (text.starts_with(kEntry)) found_ = {.record = place.record, .directory = place.offset};
  } else if (text.starts_with(kZip64End)) {
    AddDirectory(place.offset, LoadLittleEndian<std::uint64_t>(text.substr(40)),
                 LoadLittleEndian<std::uint64_t>(text.substr(48)), place.record);
  }
}

}  // namespace tensorgate::internal
