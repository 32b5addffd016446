#include "cli/pickle_search.h"

#include <algorithm>
#include <array>

#include "cli/signatures.h"
#include "cli/tar_header.h"
#include "lib/base/bytes.h"

namespace tensorgate::cli {
namespace {

using namespace std::string_view_literals;
using internal::AsText;
using pickle::Reach;

// How many bytes are in memory; how many of them follow the current place (a tar header), and how many precede it (a ZIP header).
constexpr std::uint64_t kWindow = 4 << 20, kBehind = TarHeader::kSize, kAhead = 256 << 10;
// Of opcodes in a row, without a name or an end among them, prose and random bytes have fewer.
constexpr std::size_t kNoProse = 32, kNoChance = 8;
constexpr std::size_t kLine =
    16 << 10;                  // how far the end of a line is looked for where a pickle may be
constexpr int kMaxDepth = 8;   // of pickles in pickles
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

// What shows a pickle at a place where one is likely.
bool Tells(const Reach& reach, std::string_view text, bool whole_file) {
  if (reach.names || reach.plain >= kNoProse) return true;
  if (!IsProto(text)) return false;
  if (reach.stopped || reach.opcodes >= (whole_file ? 2 : kNoChance)) return true;
  return reach.cut && reach.opcodes >= (whole_file ? 1 : 3);
}

}  // namespace

PickleSearch::PickleSearch(Source& source, PickleListing& listing)
    : source_(source), listing_(listing), size_(source.size()), window_(source, size_) {}

std::span<const std::byte> PickleSearch::From(std::uint64_t offset) const {
  const std::span<const std::byte> bytes = window_.From(offset);
  return bytes.first(static_cast<std::size_t>(
      std::min<std::uint64_t>(bytes.size(), limit_ - std::min(limit_, offset))));
}

std::string_view PickleSearch::Here() const { return AsText(From(at_)); }

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
  SearchUpTo(size_);
  if (failure_) return std::unexpected(*failure_);
  return {};
}

void PickleSearch::SearchUpTo(std::uint64_t limit) {
  limit_ = limit;
  while (at_ < limit_ && !listing_.Done() && !failure_) {
    if (const Result<void> filled = Fill(); !filled) {
      failure_ = filled.error();
      return;
    }
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
    Scan(std::min(stop, limit_));
  }
}

// What a pickle holds as text or bytes may be another, or an archive: one that lies about its sizes is swallowed so.
void PickleSearch::SearchWithin(const std::vector<PickleListing::Piece>& pieces) {
  if (pieces.empty()) return;
  if (depth_ == kMaxDepth) {
    return listing_.NotSearched("pickles in pickles are nested too deeply");
  }
  const std::uint64_t at = at_, limit = limit_;
  const std::vector<Member> members = members_;
  ++depth_;
  for (const PickleListing::Piece& piece : pieces) {
    at_ = piece.begin;
    SearchUpTo(piece.end);
    members_ = members;
  }
  --depth_;
  at_ = at;
  limit_ = limit;
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
        ShowFrom(limit_);  // whatever the member's end is stated to be
        at_ = std::max(at_, begin + 1);
      }
  }
}

// A pickle where none is expected: it names something and calls it.
bool PickleSearch::IsHidden(std::string_view here) {
  const bool proto = IsProto(here), mark = here.starts_with('(');
  if ((!proto && !mark && !SpellsGlobal(here)) || PickleIsNear()) return false;
  const Reach reach =
      pickle::ReachOf(From(window_.begin()), static_cast<std::size_t>(at_ - window_.begin()),
                      {.line = kLongestName, .passed = &passed_});
  if (!reach.names) return false;
  if (!mark && !here.starts_with('c') && !here.starts_with('i')) {
    return reach.calls || reach.stopped || reach.cut;
  }
  // Two lines of a word each are in many texts; that they are called and then a STOP comes is in none, but for a list of
  // three words in parentheses and a dot.
  return reach.calls && (reach.stopped || reach.binary) && reach.opcodes > 3;
}

// One where it is expected begins within what would be taken for a name: in a ZIP header the member's own is in front of it.
bool PickleSearch::PickleIsNear() const {
  const auto next = expected_.upper_bound(at_);
  return next != expected_.end() && next->first - at_ < 2 * kLongestName &&
         next->second.kind != Expected::kTarHeader && IsPickle(next->second, next->first);
}

// A pickle at a place where one is likely, or several in a row, one of which shows it.
bool PickleSearch::IsPickle(const Expected& expected, std::uint64_t at) const {
  if (expected.kind == Expected::kObjects) return true;
  std::uint64_t begin = at;
  for (int i = 0; i < kMaxChain; ++i) {
    const std::span<const std::byte> here = From(begin);
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
  std::vector<PickleListing::Piece> pieces;
  bool more = true;
  while (more) {
    const PickleListing::Ended ended = listing_.Show(at_, end, &pieces);
    at_ = ended.at;
    more = ended.stopped && !listing_.Done() && at_ < end;
    if (!more) break;
    if (const Result<void> filled = Fill(); !filled) {
      failure_ = filled.error();
      return;
    }
    more = IsPickle({Expected::kMember, end}, at_);
    if (!more && depth_ == 0 && (members_.empty() || members_.back().end == end)) {
      listing_.ShowRest(at_, end - at_);
    }
  }
  SearchWithin(pieces);
}

}  // namespace tensorgate::cli
