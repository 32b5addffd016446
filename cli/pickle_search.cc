#include "cli/pickle_search.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/signatures.h"
#include "cli/tar_header.h"
#include "lib/base/bytes.h"
#include "lib/base/report_builder.h"
#include "lib/source/drive.h"
#include "lib/zip/reader.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {
namespace {

using namespace std::string_view_literals;
using internal::AsText;
using pickle::Reach;

// So much is in memory; so much of it is behind the place at hand (a tar header), and so much before it (a ZIP header).
constexpr std::uint64_t kWindow = 4 << 20, kBehind = TarHeader::kSize, kAhead = 256 << 10;
constexpr std::size_t kMaxNames = 4;  // of archives in archives: the ones within are in the last
constexpr std::uint64_t kMax32 = 0xFFFFFFFF;
// Of opcodes in a row, without a name or an end among them, prose and random bytes have fewer.
constexpr std::size_t kNoProse = 32, kNoChance = 8;
constexpr std::size_t kLine =
    16 << 10;                  // how far the end of a line is looked for where a pickle may be
constexpr int kMaxChain = 16;  // pickles that follow each other

// What may be the first byte of something: of an opcode that names or of PROTO, of headers of ZIP, tar and NumPy.
constexpr std::array<bool, 256> kMarks = [] {
  std::array<bool, 256> marks{};
  constexpr std::string_view kFirst =
      "(ciSTUVX\x80\x8c\x8d"
      "Pu\x93";
  for (const char c : kFirst) marks[static_cast<unsigned char>(c)] = true;
  return marks;
}();

// What a pickle is told by, where one may well be.
bool Tells(const Reach& reach, std::string_view text, bool whole_file) {
  if (reach.names || reach.plain >= kNoProse) return true;
  if (!IsProto(text)) return false;
  if (reach.stopped || reach.opcodes >= (whole_file ? 2 : kNoChance)) return true;
  return reach.cut && reach.opcodes >= (whole_file ? 1 : 3);
}

}  // namespace

PickleSearch::PickleSearch(Source& source, PickleListing& listing)
    : source_(source), listing_(listing), size_(source.size()), window_(source, size_) {}

std::string_view PickleSearch::Here() const { return AsText(window_.From(at_)); }

Result<void> PickleSearch::Fill() {
  const bool here = at_ >= window_.begin() && at_ <= window_.loaded_end();
  const bool enough = here && (window_.loaded_end() - at_ >= kAhead || window_.ends_here());
  if (enough && window_.loaded_end() > window_.begin()) return {};
  const std::uint64_t begin = at_ - std::min(at_, kBehind);
  Result<void> loaded = window_.Load(begin, kWindow);
  passed_.assign(static_cast<std::size_t>(window_.loaded_end() - begin), false);
  return loaded;
}

Result<void> PickleSearch::Run() {
  ReadList();
  expected_[0] = {Expected::kFile, size_};
  while (at_ < size_ && !listing_.done() && !failure_) {
    if (Result<void> filled = Fill(); !filled) return filled;
    Leave();
    const std::uint64_t before = at_;
    expected_.erase(expected_.begin(), expected_.lower_bound(at_));
    if (!expected_.empty() && expected_.begin()->first == at_) {
      const Expected expected = expected_.begin()->second;
      expected_.erase(expected_.begin());
      AtExpected(expected);
      if (at_ != before) continue;
    }
    AtMark();
    if (at_ != before) continue;
    ++at_;
    std::uint64_t stop = window_.loaded_end() - (window_.ends_here() ? 0 : kAhead);
    if (!expected_.empty()) stop = std::min(stop, expected_.begin()->first);
    Scan(stop);
  }
  if (failure_) return std::unexpected(*failure_);
  return {};
}

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

void PickleSearch::Scan(std::uint64_t stop) {
  if (at_ >= stop) return;
  const std::string_view here = Here().substr(0, static_cast<std::size_t>(stop - at_));
  const auto* const found =
      std::ranges::find_if(here, [](char c) { return kMarks[static_cast<unsigned char>(c)]; });
  at_ += static_cast<std::uint64_t>(found - here.begin());
}

void PickleSearch::AtMark() {
  const std::string_view here = Here();
  if (here.empty()) return;
  switch (here.front()) {
    case 'P':
      return AtZip(here);
    case 'u':
      if (here.starts_with("ustar") && at_ >= 257) AtTar(at_ - 257);
      return;
    case '\x93':
      return AtNumpy(here);
    default:
      if (IsHidden(here)) {
        const std::uint64_t begin = at_;
        ShowFrom(size_);  // whatever the member's end is stated to be
        at_ = std::max(at_, begin + 1);
      }
  }
}

// A pickle where none is expected: it names something and calls it.
bool PickleSearch::IsHidden(std::string_view here) {
  const bool proto = IsProto(here), mark = here.starts_with('(');
  if ((!proto && !mark && !SpellsGlobal(here)) || PickleIsNear()) return false;
  const Reach reach = pickle::ReachOf(window_.From(window_.begin()),
                                      static_cast<std::size_t>(at_ - window_.begin()),
                                      {.line = kLongestName, .passed = &passed_});
  if (!reach.names) return false;
  // Two lines of a word each are in many texts; that they are called and then a STOP comes is in none.
  const bool lines = mark || here.starts_with('c') || here.starts_with('i');
  return lines ? reach.calls && (reach.stopped || reach.binary)
               : reach.calls || reach.stopped || reach.cut;
}

// One where it is expected begins within what would be taken for a name: in a ZIP header the member's own is in front of it.
bool PickleSearch::PickleIsNear() const {
  const auto next = expected_.upper_bound(at_);
  return next != expected_.end() && next->first - at_ < 2 * kLongestName &&
         next->second.kind != Expected::kTarHeader && IsPickle(next->second, next->first);
}

// A pickle where one may well be, or some that follow each other, of which one tells it.
bool PickleSearch::IsPickle(const Expected& expected, std::uint64_t at) const {
  if (expected.kind == Expected::kObjects) return true;
  std::uint64_t begin = at;
  for (int i = 0; i < kMaxChain; ++i) {
    const std::span<const std::byte> here = window_.From(begin);
    const Reach reach = pickle::ReachOf(here, 0, {.line = kLine, .opcodes = 4 * kNoProse});
    if (Tells(reach, AsText(here), expected.kind == Expected::kFile)) return true;
    begin += reach.end;
    if (!reach.stopped) return false;
    if (begin == expected.end) return true;
  }
  return false;
}

void PickleSearch::AtExpected(const Expected& expected) {
  if (expected.kind == Expected::kTarHeader) return AtTar(at_);
  if (const std::string_view by = CompressedBy(Here(), expected.end - at_); !by.empty()) {
    listing_.Enter(Label());
    return listing_.NotSearched("it is compressed (" + std::string(by) + ")");
  }
  AtTar(at_);
  // To a pickle these are an opcode that calls for a loader's own objects, and a line of them.
  const bool archive = Here().starts_with("PK\3\4");
  archive_ |= archive;
  if (!archive && IsPickle(expected, at_)) ShowFrom(expected.end);
}

// One pickle, and those that follow it at once. What is not shown to its STOP is searched on from there: the end of a
// member may be a lie.
void PickleSearch::ShowFrom(std::uint64_t end) {
  listing_.Enter(Label());
  do {
    const PickleListing::Ended ended = listing_.Show(at_, end);
    at_ = ended.at;
    if (!ended.stopped || listing_.done() || at_ >= end) return;
    if (const Result<void> filled = Fill(); !filled) {
      failure_ = filled.error();
      return;
    }
  } while (IsPickle({Expected::kMember, end}, at_));
  if (members_.empty() || members_.back().end == end) listing_.ShowRest(at_, end - at_);
}

void PickleSearch::AtZip(std::string_view here) {
  using namespace zip::internal;
  const std::span<const std::byte> bytes = window_.From(at_);
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
  std::uint64_t end = packed > size_ - std::min(size_, begin) ? size_ : begin + packed;
  if (const auto stated = ends_.find(at_); open && stated != ends_.end()) {
    end = stated->second;
    open = false;
  }
  if (open) end = size_;
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
  const std::optional<TarHeader> header = ReadTarHeader(AsText(window_.From(at)));
  const std::uint64_t begin = at + TarHeader::kSize;
  if (!header || header->size > size_ - begin) return;
  tar_ = at;
  const std::uint64_t end = begin + header->size;
  const std::uint64_t next =
      begin + (header->size + TarHeader::kSize - 1) / TarHeader::kSize * TarHeader::kSize;
  if (header->file && header->size != 0) {
    Enter(header->name, end, false);
    expected_[begin] = {Expected::kMember, end};
  }
  expected_[next] = {Expected::kTarHeader, size_};
}

// Of an array of objects the elements are a pickle, right after the header.
void PickleSearch::AtNumpy(std::string_view here) {
  const std::size_t header = ObjectHeader(here);
  if (header == 0) return;
  const std::uint64_t begin = at_ + header;
  const bool within = !members_.empty() && members_.back().end > begin;
  const std::uint64_t end = within ? members_.back().end : size_;
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
