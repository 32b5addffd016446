// The search for pickles: members of archives, and arrays of objects.
#include <algorithm>

#include "cli/pickle_search.h"
#include "cli/signatures.h"
#include "cli/tar_header.h"
#include "lib/base/bytes.h"
#include "lib/containers/zip/reader.h"
#include "lib/rules/report_builder.h"
#include "lib/source/drive.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

using internal::AsText;

constexpr std::size_t kMaxNames = 4;  // of archives in archives: the ones within are in the last
constexpr std::uint64_t kMax32 = 0xFFFFFFFF;

}  // namespace

// Members that the list of a ZIP archive states the ends of, where their own headers do not.
void PickleSearch::ReadList() {
  ReportBuilder ignored({}, "zip");
  zip::internal::Archive archive;
  zip::internal::Reader reader(ignored, archive);
  reader.Begin(size_);
  if (!internal::Drive(reader, source_) || !reader.usable()) return;
  archive_ = !archive.members.empty();
  for (const zip::internal::Member& member : archive.members.span()) {
    ends_[member.local_offset] = member.data_end();
  }
}

void PickleSearch::AtZip(std::string_view here) {
  using namespace zip::internal;
  const std::span<const std::byte> bytes = From(at_);
  if (here.starts_with("PK\3\4") && bytes.size() >= kLocalHeader) {
    const auto header = ReadLocalHeader(bytes.first<kLocalHeader>());
    if (!header) return;
    const std::size_t length =
        kLocalHeader + std::size_t{header->name_length} + header->extra_length;
    const std::string_view name = here.substr(kLocalHeader, header->name_length);
    if (length > here.size() || !(archive_ || IsUsual(*header, name))) return;
    const Extra extra =
        ReadExtra(bytes.subspan(kLocalHeader + name.size(), header->extra_length), true);
    AtZipMember(name, *header, extra.zip64, length);
  } else if (here.starts_with("PK\1\2") && bytes.size() >= kCentralEntry) {
    const auto entry = ReadCentralEntry(bytes.first<kCentralEntry>());
    if (!entry) return;
    const std::string_view name = here.substr(kCentralEntry, entry->common.name_length);
    if (name.size() != entry->common.name_length) return;
    if (!archive_ && !IsUsual(entry->common, name)) return;
    // The header of the member may say otherwise.
    LeaveOpen();
    if (name.ends_with('/') || HiddenBy(entry->common).empty()) return;
    listing_.Enter(Label(name));
    listing_.NotSearched(HiddenBy(entry->common));
  }
}

void PickleSearch::AtZipMember(std::string_view name, const zip::internal::CommonFields& header,
                               std::span<const std::byte> wide, std::size_t length) {
  const std::uint64_t begin = at_ + length;
  std::uint64_t packed = header.compressed_size;
  if (header.size == kMax32 && wide.size() >= 8) wide = wide.subspan(8);
  if (packed == kMax32 && wide.size() >= 8) {
    packed = internal::LoadLittleEndian64(wide.first<8>());
  }
  bool open = packed == 0 && (header.flags & zip::internal::kFlagDescriptor) != 0;
  std::uint64_t end = packed > limit_ - std::min(limit_, begin) ? limit_ : begin + packed;
  if (const auto stated = ends_.find(at_); open && stated != ends_.end()) {
    end = stated->second;
    open = false;
  }
  if (open) end = limit_;
  LeaveOpen();
  if (name.ends_with('/') || begin >= end) return;
  Enter(name, end, open);
  if (const std::string_view why = HiddenBy(header); !why.empty()) {
    listing_.Enter(Label());
    listing_.NotSearched(why);
  } else {
    expected_[begin] = {Expected::kMember, end};
  }
}

void PickleSearch::AtTar(std::uint64_t at) {
  if (tar_ == at) return;
  const std::optional<TarHeader> header = ReadTarHeader(AsText(From(at)));
  const std::uint64_t begin = at + TarHeader::kSize;
  if (!header || begin > limit_ || header->size > limit_ - begin) return;
  tar_ = at;
  const std::uint64_t end = begin + header->size;
  const std::uint64_t next =
      begin + (header->size + TarHeader::kSize - 1) / TarHeader::kSize * TarHeader::kSize;
  if (header->file && header->size != 0) {
    Enter(header->name, end, false);
    expected_[begin] = {Expected::kMember, end};
  }
  expected_[next] = {Expected::kTarHeader, limit_};
}

// Of an array of objects the elements are a pickle, right after the header.
void PickleSearch::AtNumpy(std::string_view here) {
  const std::size_t header = ObjectHeader(here);
  if (header == 0) return;
  const std::uint64_t begin = at_ + header;
  const bool within = !members_.empty() && members_.back().end > begin;
  const std::uint64_t end = within ? members_.back().end : limit_;
  if (begin < end) expected_[begin] = {Expected::kObjects, end};
}

void PickleSearch::Enter(std::string_view name, std::uint64_t end, bool open) {
  if (members_.size() < kMaxNames) members_.push_back({Label(name), end, open});
}

// Those that end before what comes next.
void PickleSearch::Leave() {
  while (!members_.empty() && members_.back().end <= at_) members_.pop_back();
}

// Those whose end nothing states but the next header.
void PickleSearch::LeaveOpen() {
  while (!members_.empty() && members_.back().open) members_.pop_back();
}

std::string PickleSearch::Label(std::string_view name) const {
  const std::string outer = members_.empty() ? std::string() : members_.back().name;
  if (name.empty()) return outer;
  return (outer.empty() ? "" : outer + " > ") + EscapeForText(name, 120);
}

}  // namespace tensorgate::cli
