// The reader's second half: local headers, descriptors and the claims on every byte of the file.
#include <algorithm>
#include <utility>

#include "lib/base/checked.h"
#include "lib/containers/zip/reader.h"

namespace tensorgate::zip::internal {
namespace {

using tensorgate::internal::AsText;
using tensorgate::internal::SaturatingAdd;

constexpr std::uint64_t kMax32 = 0xFFFFFFFF;
// Bytes of extra fields that the window has room for before it must grow: PyTorch pads to 64 bytes.
constexpr std::uint64_t kExtraRoom = 160;
constexpr std::string_view kNpyMagic = "\x93NUMPY";

}  // namespace

// The window holds the descriptor of the previous member, if it has one, and the local header.
void Reader::WantMember() {
  const Member& member = archive_.members[member_];
  const std::uint64_t end = archive_.directory_offset;
  if (member.local_offset > end || end - member.local_offset < kLocalHeader) {
    AddFor(
        Rule::kZipDataPastEnd, archive_.NameOffset(member), member,
        {.found = SaturatingAdd<std::uint64_t>(member.local_offset, kLocalHeader), .allowed = end});
    return Done(false);
  }
  std::uint64_t begin = member.local_offset;
  if (member_ != 0) {
    const std::uint64_t before = archive_.members[member_ - 1].data_end();
    if (before < begin && begin - before <= kWideDescriptor) begin = before;
  }
  const std::uint64_t wanted =
      member.local_offset - begin + kLocalHeader + member.name_length + kExtraRoom;
  window_offset_ = begin;
  window_.Resize(static_cast<std::size_t>(std::min(wanted, end - begin)));
}

void Reader::OnMember() {
  Member& member = archive_.members[member_];
  const std::size_t skip = static_cast<std::size_t>(member.local_offset - window_offset_);
  const std::span<const std::byte> header = window_.span().subspan(skip);
  const auto local = ReadLocalHeader(header.first<kLocalHeader>());
  if (!local) {
    AddFor(Rule::kZipLocalSignature, member.local_offset, member);
    return Done(false);
  }
  const std::uint64_t length =
      kLocalHeader + std::uint64_t{local->name_length} + local->extra_length;
  const std::uint64_t room = archive_.directory_offset - member.local_offset;
  if (length > room || member.packed_size > room - length) {
    const std::uint64_t ends = SaturatingAdd(member.local_offset + length, member.packed_size);
    AddFor(Rule::kZipDataPastEnd, member.local_offset, member,
           {.found = ends, .allowed = archive_.directory_offset});
    return Done(false);
  }
  // The first bytes of the data are looked at, too.
  const std::uint64_t wanted =
      length + std::min<std::uint64_t>(member.packed_size, kNpyMagic.size());
  if (wanted > header.size()) {  // read it again, completely
    window_.Resize(skip + static_cast<std::size_t>(wanted));
    return;
  }
  const std::string_view data = AsText(header).substr(static_cast<std::size_t>(length));
  member.is_npy = member.packed_size >= kNpyMagic.size() && data.starts_with(kNpyMagic);
  if (member_ == 0) {
    if (member.local_offset != 0) {
      builder_.Add(Rule::kZipPrefix, 0, {.found = member.local_offset});
    }
  } else {
    CloseMember(archive_.members[member_ - 1], window_.span().first(skip), member.local_offset);
  }
  member.data_offset = member.local_offset + length;
  const std::size_t extra = kLocalHeader + local->name_length;
  CheckLocal(*local, header.subspan(kLocalHeader, local->name_length),
             header.subspan(extra, local->extra_length), member);
  ++member_;
  if (member_ < archive_.members.size()) return WantMember();
  // After the last member only its descriptor remains.
  window_offset_ = member.data_end();
  const std::uint64_t left = archive_.directory_offset - window_offset_;
  window_.Resize(static_cast<std::size_t>(std::min<std::uint64_t>(left, kWideDescriptor)));
  step_ = Step::kLastDescriptor;
  if (left != 0) return;
  CloseMember(member, {}, archive_.directory_offset);
  Done(true);
}

void Reader::CheckLocal(const CommonFields& local, std::span<const std::byte> name,
                        std::span<const std::byte> extra_bytes, Member& member) {
  const CommonFields& stated = central_fields_[member_];
  const std::uint64_t at = member.local_offset;
  if (AsText(name) != archive_.NameOf(member)) {
    AddFor(Rule::kZipNameMismatch, at + kLocalHeader, member, {.found_text = AsText(name)});
  }
  const std::pair<std::uint16_t, std::uint16_t> fields[] = {
      {local.flags, stated.flags},
      {local.method, stated.method},
      {local.version_needed, stated.version_needed},
      {local.time, stated.time},
      {local.date, stated.date}};
  for (const auto& [here, there] : fields) {
    if (here == there) continue;
    AddFor(Rule::kZipLocalMismatch, at + 4, member, {.found = here, .allowed = there});
    break;
  }
  const Extra extra = ReadExtra(extra_bytes, true);
  const std::uint64_t extra_at = at + kLocalHeader + name.size();
  if (extra.damaged) builder_.Add(Rule::kZipExtraDamaged, extra_at);
  if (extra.unknown) builder_.Add(Rule::kZipExtraUnknown, extra_at, {.found = *extra.unknown});
  member.wide = extra.has_zip64;
  CheckLocalSizes(local, extra, member);
}

// With a descriptor the local header has zeros. Without one it has the directory's values, in the
// ZIP64 field if there is one.
void Reader::CheckLocalSizes(const CommonFields& local, const Extra& extra, const Member& member) {
  const std::uint64_t at = member.local_offset + 14;
  const auto sizes_differ = [&](std::uint64_t found, std::uint64_t stated) {
    AddFor(Rule::kZipLocalSizes, at, member, {.found = found, .allowed = stated});
  };
  std::span<const std::byte> field = extra.zip64;
  const auto take = [&] {
    const std::uint64_t value = tensorgate::internal::LoadLittleEndian64(field.first<8>());
    field = field.subspan(8);
    return value;
  };
  if (member.has_descriptor && local.crc == 0 && local.compressed_size == 0 && local.size == 0) {
    // PyTorch's writer puts there what it knows at that time: sizes and offset, or zeros.
    for (int i = 0; i < 3 && field.size() >= 8; ++i) {
      const std::uint64_t value = take();
      if (value == 0 || value == member.size || value == member.local_offset) continue;
      return sizes_differ(value, member.size);
    }
  } else {
    CommonFields wide = local;
    for (std::uint64_t* value : {&wide.size, &wide.compressed_size}) {
      if (*value == kMax32 && field.size() >= 8) *value = take();
    }
    if (wide.size != member.size) return sizes_differ(wide.size, member.size);
    if (wide.compressed_size != member.packed_size) {
      return sizes_differ(wide.compressed_size, member.packed_size);
    }
    if (wide.crc != member.crc) {
      AddFor(Rule::kZipChecksumsDiffer, at, member, {.found = wide.crc, .allowed = member.crc});
    }
  }
  if (!field.empty() || extra.has_zip64 != !extra.zip64.empty()) {
    AddFor(Rule::kZipLocalZip64, at, member, {.found = field.size()});
  }
}

// Between a member's data and the next structure there must be its descriptor, and nothing else.
// `between`: those bytes, or as many of them as a descriptor can have.
void Reader::CloseMember(const Member& member, std::span<const std::byte> between,
                         std::uint64_t next) {
  const std::uint64_t end = member.data_end();
  if (next < end) {
    AddFor(Rule::kZipOverlap, next, member, {.found = next, .allowed = end});
    return;
  }
  const std::uint64_t length = next - end;
  if (!member.has_descriptor) {
    if (length != 0) AddFor(Rule::kZipGap, end, member, {.found = length});
    return;
  }
  const std::size_t expected = member.wide ? kWideDescriptor : kDescriptor;
  if (length > expected) {
    AddFor(Rule::kZipGap, end + expected, member, {.found = length - expected});
  }
  const auto stated =
      ReadDescriptor(between.first(std::min(between.size(), expected)), member.wide);
  if (!stated) {
    if (length <= expected) AddFor(Rule::kZipDescriptorMissing, end, member, {.found = length});
    return;
  }
  const std::pair<std::uint64_t, std::uint64_t> sizes[] = {
      {stated->size, member.size}, {stated->compressed_size, member.packed_size}};
  for (const auto& [here, there] : sizes) {
    if (here == there) continue;
    AddFor(Rule::kZipDescriptorMismatch, end, member, {.found = here, .allowed = there});
    return;
  }
  if (stated->crc != member.crc) {
    AddFor(Rule::kZipChecksumsDiffer, end, member, {.found = stated->crc, .allowed = member.crc});
  }
}

}  // namespace tensorgate::zip::internal
