#include "lib/containers/zip/reader.h"

#include <algorithm>

namespace tensorgate::zip::internal {
namespace {

using tensorgate::internal::AsText;

constexpr std::uint64_t kNearTail = kEndRecord + kLocator + kZip64End;
constexpr std::uint64_t kLongestComment = 65'535;
// Number of entries between two looks at the deadline.
constexpr std::uint32_t kPace = 4096;
constexpr std::uint64_t kMax16 = 0xFFFF, kMax32 = 0xFFFFFFFF;

// `stated` is a value in the narrow record: the value itself, or all ones if the wide record has
// it.
bool Agrees(std::uint64_t stated, std::uint64_t value, std::uint64_t ones) {
  return stated == ones || stated == value;
}

}  // namespace

void Reader::AddFor(Rule rule, std::uint64_t offset, const Member& member, Detail detail) {
  detail.subject = archive_.NameOf(member);
  detail.subject_offset = archive_.NameOffset(member);
  detail.subject_length = member.name_length;
  builder_.Add(rule, offset, detail);
}

void Reader::Done(bool usable) {
  usable_ = usable;
  step_ = Step::kDone;
  window_ = {};
}

void Reader::Begin(std::uint64_t size) {
  size_ = size;
  if (size < kEndRecord) {
    builder_.Add(Rule::kZipEndMissing, size, {.found = size});
    return Done(false);
  }
  const std::uint64_t tail = std::min(size, kNearTail);
  window_offset_ = size - tail;
  window_.Resize(static_cast<std::size_t>(tail));
}

Need Reader::Next() {
  switch (step_) {
    case Step::kTail:
    case Step::kFarTail:
    case Step::kMember:
    case Step::kLastDescriptor:
      return {window_offset_, window_.span()};
    case Step::kDirectory:
      return {archive_.directory_offset, archive_.directory.span()};
    case Step::kDone:
      break;
  }
  return {};
}

void Reader::Filled(std::size_t count) {
  builder_.AddBytesRead(count);
  switch (step_) {
    case Step::kTail:
      return OnTail(false);
    case Step::kFarTail:
      return OnTail(true);
    case Step::kDirectory:
      return OnDirectory();
    case Step::kMember:
      return OnMember();
    case Step::kLastDescriptor: {
      const Member& last = archive_.members[member_ - 1];
      CloseMember(last, window_.span(), archive_.directory_offset);
      return Done(true);
    }
    case Step::kDone:
      break;
  }
}

// The end record must be at the end of the file and have no comment. Any other end record is
// searched only to report what is there instead.
void Reader::OnTail(bool far) {
  const std::span<const std::byte> tail = window_.span();
  std::size_t at = tail.size() - kEndRecord;
  if (far) {
    // Use the last one that fits, which is how readers search for it.
    at = AsText(tail).rfind("PK\5\6", at);
    if (at == std::string_view::npos) {
      builder_.Add(Rule::kZipEndMissing, size_, {.found = size_});
      return Done(false);
    }
  }
  const auto end = ReadEndRecord(tail.subspan(at).first<kEndRecord>());
  if (!end) {
    const std::uint64_t wanted = std::min(size_, kNearTail + kLongestComment);
    window_offset_ = size_ - wanted;
    window_.Resize(static_cast<std::size_t>(wanted));
    step_ = Step::kFarTail;
    return;
  }
  const std::uint64_t end_offset = window_offset_ + at;
  const std::uint64_t after = size_ - end_offset - kEndRecord;
  if (end->comment_length != 0) {
    builder_.Add(Rule::kZipComment, end_offset + kEndRecord - 2, {.found = end->comment_length});
  }
  if (after > end->comment_length) {
    builder_.Add(Rule::kZipTrailingBytes, end_offset + kEndRecord + end->comment_length,
                 {.found = after - end->comment_length});
  }
  if (!OnEndRecords(*end, end_offset)) Done(false);
}

bool Reader::OnEndRecords(const EndRecord& narrow, std::uint64_t end_offset) {
  EndRecord end = narrow;
  std::uint64_t records = end_offset;  // start of the end records
  const std::uint64_t before = end_offset - window_offset_;
  if (before >= kLocator + kZip64End) {
    const std::size_t at = static_cast<std::size_t>(before) - kLocator;
    const auto locator = ReadLocator(window_.span().subspan(at).first<kLocator>());
    if (locator) {
      const std::uint64_t locator_offset = end_offset - kLocator;
      records = locator_offset - kZip64End;
      if (locator->offset != records || !locator->one_disk) {
        builder_.Add(Rule::kZipZip64End, locator_offset,
                     {.found = locator->offset, .allowed = records});
        return false;
      }
      if (!OnZip64(end, locator_offset)) return false;
      const bool agree = Agrees(narrow.disk_entries, end.disk_entries, kMax16) &&
                         Agrees(narrow.entries, end.entries, kMax16) &&
                         Agrees(narrow.directory_size, end.directory_size, kMax32) &&
                         Agrees(narrow.directory_offset, end.directory_offset, kMax32);
      if (!agree) builder_.Add(Rule::kZipEndsDiffer, end_offset);
    }
  }
  if (narrow.disk != 0 || narrow.directory_disk != 0 || end.disk != 0 || end.directory_disk != 0 ||
      end.disk_entries != end.entries) {
    builder_.Add(Rule::kZipMultiDisk, end_offset,
                 {.found = end.disk_entries, .allowed = end.entries});
    return false;
  }
  if (end.directory_offset > records || end.directory_size > records - end.directory_offset ||
      end.entries > end.directory_size / kCentralEntry) {
    builder_.Add(Rule::kZipDirectoryRange, records,
                 {.found = end.entries, .allowed = end.directory_size / kCentralEntry});
    return false;
  }
  const std::uint64_t gap = records - end.directory_offset - end.directory_size;
  if (gap != 0) {
    builder_.Add(Rule::kZipDirectoryGap, end.directory_offset + end.directory_size, {.found = gap});
  }
  // Offsets in the directory are stored in 32 bits.
  const std::uint64_t cap = std::min(builder_.options().limits.header_bytes, kMax32);
  if (end.directory_size > cap) {
    builder_.Add(Rule::kLimitHeaderBytes, end.directory_offset,
                 {.found = end.directory_size, .allowed = cap});
    return false;
  }
  entries_ = end.entries;
  archive_.directory_offset = end.directory_offset;
  archive_.directory.Resize(static_cast<std::size_t>(end.directory_size));
  step_ = Step::kDirectory;
  if (end.directory_size == 0) OnDirectory();
  return true;
}

bool Reader::OnZip64(EndRecord& end, std::uint64_t locator_offset) {
  const std::size_t at = static_cast<std::size_t>(locator_offset - window_offset_) - kZip64End;
  const auto wide = ReadZip64End(window_.span().subspan(at).first<kZip64End>());
  if (!wide) {
    builder_.Add(Rule::kZipZip64End, locator_offset - kZip64End, {.found = 0, .allowed = 0});
    return false;
  }
  // The stated size does not include the signature and the size field itself.
  if (wide->stated_size != kZip64End - 12) {
    builder_.Add(Rule::kZipZip64Size, locator_offset - kZip64End + 4,
                 {.found = wide->stated_size, .allowed = kZip64End - 12});
  }
  end = wide->record;
  return true;
}

void Reader::OnDirectory() {
  const std::span<const std::byte> directory = archive_.directory.span();
  std::size_t at = 0;
  tensorgate::internal::Pace pace(kPace);
  for (std::uint64_t i = 0; i < entries_; ++i) {
    if (pace.Due() && builder_.Ended()) return Done(false);
    const std::uint64_t place = archive_.directory_offset + at;
    std::optional<CentralEntry> entry;
    if (directory.size() - at >= kCentralEntry) {
      entry = ReadCentralEntry(directory.subspan(at).first<kCentralEntry>());
    }
    if (!entry) {
      builder_.Add(Rule::kZipEntrySignature, place, {.found = i});
      return Done(false);
    }
    const std::uint64_t variable = std::uint64_t{entry->common.name_length} +
                                   entry->common.extra_length + entry->comment_length;
    if (variable > directory.size() - at - kCentralEntry) {
      builder_.Add(Rule::kZipEntryPastEnd, place,
                   {.found = variable, .allowed = directory.size() - at - kCentralEntry});
      return Done(false);
    }
    AddEntry(*entry, at);
    at += kCentralEntry + static_cast<std::size_t>(variable);
  }
  if (at != directory.size()) {
    builder_.Add(Rule::kZipDirectoryLeftover, archive_.directory_offset + at,
                 {.found = directory.size() - at});
  }
  CheckNamesDiffer();
  if (builder_.Ended()) return Done(false);
  if (archive_.members.empty()) {
    if (archive_.directory_offset != 0) {
      builder_.Add(Rule::kZipPrefix, 0, {.found = archive_.directory_offset});
    }
    return Done(true);
  }
  step_ = Step::kMember;
  WantMember();
}

void Reader::AddEntry(const CentralEntry& stated, std::size_t at) {
  CentralEntry entry = stated;
  const std::uint64_t place = archive_.directory_offset + at;
  Member member{.name = static_cast<std::uint32_t>(at + kCentralEntry),
                .name_length = entry.common.name_length,
                .has_descriptor = (entry.common.flags & kFlagDescriptor) != 0,
                .crc = entry.common.crc};
  const std::span<const std::byte> extra = archive_.directory.span().subspan(
      member.name + std::size_t{member.name_length}, entry.common.extra_length);
  if (!ApplyZip64(entry, extra, place)) AddFor(Rule::kZipZip64Extra, place, member);
  member.size = entry.common.size;
  member.packed_size = entry.common.compressed_size;
  member.local_offset = entry.local_offset;
  CheckEntry(entry, member, place);
  archive_.members.PushBack(member);
  central_fields_.PushBack(entry.common);
}

// Fields of all ones have their values in the ZIP64 field, in this order; other fields must not.
// False if this is violated.
bool Reader::ApplyZip64(CentralEntry& entry, std::span<const std::byte> extra_bytes,
                        std::uint64_t at) {
  const Extra extra = ReadExtra(extra_bytes, false);
  const std::uint64_t extra_at = at + kCentralEntry + entry.common.name_length;
  if (extra.damaged) builder_.Add(Rule::kZipExtraDamaged, extra_at);
  if (extra.unknown) builder_.Add(Rule::kZipExtraUnknown, extra_at, {.found = *extra.unknown});
  std::span<const std::byte> wide = extra.zip64;
  bool enough = true;
  for (std::uint64_t* value :
       {&entry.common.size, &entry.common.compressed_size, &entry.local_offset}) {
    if (*value != kMax32) continue;
    if (wide.size() < 8) {
      enough = false;
      break;
    }
    *value = tensorgate::internal::LoadLittleEndian64(wide.first<8>());
    wide = wide.subspan(8);
  }
  return enough && wide.empty() && extra.has_zip64 == !extra.zip64.empty();
}

}  // namespace tensorgate::zip::internal
