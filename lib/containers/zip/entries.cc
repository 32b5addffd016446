// The reader's requirements for the entries of the central directory: flags, methods, names.
#include <algorithm>
#include <numeric>

#include "lib/base/bytes.h"
#include "lib/base/utf8.h"
#include "lib/containers/zip/reader.h"

namespace tensorgate::zip::internal {
namespace {

using tensorgate::internal::AsText;
using tensorgate::internal::AsWritableText;
using tensorgate::internal::FoldCase;
using tensorgate::internal::HashName;
using tensorgate::internal::PodBuffer;

constexpr std::uint16_t kHighestVersion = 45;  // ZIP64
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kKnownFlags = kFlagDescriptor | kFlagUtf8;
constexpr std::uint16_t kEncryptedFlags =
    kFlagEncrypted | kFlagPatch | kFlagStrongEncryption | kFlagMasked;

bool IsUnsafeComponent(std::string_view part) {
  return part.empty() || part == "." || part == "..";
}

// A name that is a plain relative path on every system.
bool IsSafeName(std::string_view name) {
  if (name.empty() || name.contains(':')) return false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || c == '\\') return false;
  }
  while (true) {
    const std::size_t slash = name.find('/');
    if (IsUnsafeComponent(name.substr(0, slash))) return false;
    if (slash == name.npos) return true;
    name.remove_prefix(slash + 1);
  }
}

bool IsEncodedName(std::string_view name, std::uint16_t flags) {
  const bool ascii = std::ranges::all_of(name, [](char c) { return (c & 0x80) == 0; });
  const bool utf8 = (flags & kFlagUtf8) != 0;
  return ascii || (utf8 && tensorgate::internal::ValidUtf8Length(name) == name.size());
}

// Accepts only regular files, by Unix's type bits if the writer set them, and by DOS's folder bit.
bool IsRegular(std::uint32_t external_attributes) {
  const std::uint32_t type = external_attributes >> 28;
  return (type == 0 || type == 8) && (external_attributes & 0x10) == 0;
}

}  // namespace

// The entry in the central directory must repeat the local header's values, or the archive is
// refused.
bool MayBegin(std::span<const std::byte> head) {
  if (head.size() < kLocalHeader) return true;
  const auto local = ReadLocalHeader(head.first<kLocalHeader>());
  if (!local) return false;
  if ((local->flags & ~kKnownFlags) != 0 || local->method != kStored ||
      local->version_needed > kHighestVersion) {
    return false;
  }
  const std::span<const std::byte> rest = head.subspan(kLocalHeader);
  if (rest.size() < std::size_t{local->name_length} + local->extra_length) return true;
  const std::string_view name = AsText(rest.first(local->name_length));
  if (!IsSafeName(name) || !IsEncodedName(name, local->flags)) return false;
  const Extra extra = ReadExtra(rest.subspan(local->name_length, local->extra_length), true);
  return !extra.damaged && !extra.unknown;
}

void Reader::CheckEntry(const CentralEntry& entry, const Member& member, std::uint64_t at) {
  const CommonFields& common = entry.common;
  const Detail flags{.found = common.flags};
  if ((common.flags & kEncryptedFlags) != 0) {
    AddFor(Rule::kZipEncrypted, at + 8, member, flags);
  } else if ((common.flags & ~kKnownFlags) != 0) {
    AddFor(Rule::kZipFlags, at + 8, member, flags);
  }
  if (common.version_needed > kHighestVersion) {
    AddFor(Rule::kZipVersion, at + 6, member,
           {.found = common.version_needed, .allowed = kHighestVersion});
  }
  if (common.method != kStored) {
    AddFor(Rule::kZipMethod, at + 10, member, {.found = common.method});
  } else if (common.size != common.compressed_size) {
    AddFor(Rule::kZipSizesDiffer, at + 20, member,
           {.found = common.compressed_size, .allowed = common.size});
  }
  if (entry.comment_length != 0) {
    AddFor(Rule::kZipComment, at + 32, member, {.found = entry.comment_length});
  }
  if (entry.disk != 0) AddFor(Rule::kZipMultiDisk, at + 34, member, {.found = entry.disk});
  if (!IsRegular(entry.external_attributes)) {
    AddFor(Rule::kZipNotRegular, at + 38, member, {.found = entry.external_attributes});
  }
  CheckName(member, common.flags);
}

void Reader::CheckName(const Member& member, std::uint16_t flags) {
  const std::string_view name = archive_.NameOf(member);
  if (!IsSafeName(name)) AddFor(Rule::kZipNameUnsafe, archive_.NameOffset(member), member);
  if (!IsEncodedName(name, flags)) {
    AddFor(Rule::kZipNameEncoding, archive_.NameOffset(member), member);
  }
}

// PyTorch's reader finds a member by its name without regard to case, Python's by the exact name.
void Reader::CheckNamesDiffer() {
  const std::span<const std::byte> directory = archive_.directory.span();
  archive_.folded.Resize(directory.size());
  std::ranges::transform(AsText(directory), AsWritableText(archive_.folded.span()).begin(),
                         FoldCase);
  PodBuffer<std::uint32_t> hashes;
  hashes.Resize(archive_.members.size());
  for (std::size_t i = 0; i < hashes.size(); ++i) hashes[i] = HashName(archive_.FoldedName(i));
  archive_.index.Build(
      hashes, [this](std::uint32_t i) { return archive_.FoldedName(i); },
      [this](std::uint32_t later, std::uint32_t first) {
        if (archive_.last.empty()) {
          archive_.last.Resize(archive_.members.size());
          const std::span<std::uint32_t> all = archive_.last.span();
          std::iota(all.begin(), all.end(), 0u);
        }
        archive_.last[first] = later;
        const Member& a = archive_.members[first];
        const Member& b = archive_.members[later];
        const bool same = archive_.NameOf(a) == archive_.NameOf(b);
        AddFor(same ? Rule::kZipNameDuplicate : Rule::kZipNameCase, archive_.NameOffset(b), b,
               {.found = archive_.NameOffset(a)});
      });
}

}  // namespace tensorgate::zip::internal
