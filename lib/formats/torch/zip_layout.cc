// A checkpoint as torch.save has written it since 1.6: a folder in a ZIP archive with `data.pkl`,
// one record for each storage, and a few small records.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/crc32.h"
#include "lib/base/name_check.h"
#include "lib/formats/torch/examination.h"
#include "lib/formats/torch/pickle_file.h"
#include "lib/formats/torch/places.h"

namespace tensorgate::torch::internal {
namespace {

using tensorgate::internal::AsText;
using tensorgate::internal::Crc32;
using tensorgate::internal::HashName;
using zip::internal::Archive;
using zip::internal::Member;

// Maximum size of a small record; PyTorch's longest has 40 bytes.
constexpr std::uint64_t kSmallRecord = 64;
constexpr std::uint64_t kNewestVersion = 10;

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

bool IsVersion(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!IsDigits(text) || text.size() > 2) return false;
  std::uint64_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value >= 1 && value <= kNewestVersion;
}

bool IsByteOrder(std::string_view text) { return text == "little" || text == "big"; }
bool IsSerializationId(std::string_view text) { return IsDigits(text) && text.size() <= 40; }
bool IsOne(std::string_view text) { return text == "1"; }

// Powers of two, starting with the default alignment.
constexpr std::array<std::string_view, 7> kAlignments = {"64",   "128",  "256", "512",
                                                         "1024", "2048", "4096"};

bool IsAlignment(std::string_view text) {
  return std::ranges::find(kAlignments, text) != kAlignments.end();
}

std::uint64_t AlignmentOf(std::string_view text) {
  return kUsualAlignment << (std::ranges::find(kAlignments, text) - kAlignments.begin());
}

constexpr std::string_view kLayoutRecord = ".format_version",
                           kAlignmentRecord = ".storage_alignment";

struct SmallRecord {
  std::string_view name;
  bool (*valid)(std::string_view);
  Rule rule;
};

constexpr std::array kSmallRecords = {
    SmallRecord{"version", IsVersion, Rule::kTorchVersion},
    SmallRecord{"byteorder", IsByteOrder, Rule::kTorchByteOrder},
    SmallRecord{".data/serialization_id", IsSerializationId, Rule::kTorchRecordContent},
    SmallRecord{kLayoutRecord, IsOne, Rule::kTorchRecordContent},
    SmallRecord{kAlignmentRecord, IsAlignment, Rule::kTorchRecordContent},
};

class ZipLayout final : public Container {
 public:
  ZipLayout(ReportBuilder& builder, Contents& contents)
      : builder_(builder), contents_(contents), reader_(builder, archive_) {}

  void Begin(std::uint64_t size) override {
    reader_.Begin(size);
    if (reader_.Next().into.empty()) AfterArchive();
  }
  Need Next() override;
  void Filled(std::size_t count) override;
  std::optional<std::vector<ByteRange>> Unread() const override;
  void OnChecksums(std::span<const DataFacts> facts) override;

 private:
  enum class Step : std::uint8_t { kArchive, kSmall, kPickle, kDone };

  void AfterArchive();
  bool FindRoot();
  void FindMembers();
  void WantSmall();
  void OnSmall();
  void WantPickle();
  void OnPickle();
  void PlaceStorages();
  void CheckPlace(const StorageValue& storage, const Member& member);
  void CheckRecordNames();
  std::vector<std::uint32_t> UnreadMembers() const;
  void CompareCrc(const Member& member, std::uint32_t crc);
  void AddFor(Rule rule, const Member& member, Detail detail = {});
  std::optional<std::uint32_t> FindMember(std::string_view name) const;
  const Member& At(std::uint32_t i) const { return archive_.members[i]; }

  ReportBuilder& builder_;
  Contents& contents_;
  Archive archive_;
  zip::internal::Reader reader_;
  Step step_ = Step::kArchive;
  std::string root_;  // includes its slash
  std::optional<std::uint32_t> pickle_;
  std::vector<std::pair<std::uint32_t, const SmallRecord*>> small_;
  std::size_t next_small_ = 0;
  std::optional<ComputedPlaces> places_;  // if the archive lets PyTorch compute them
  std::uint64_t alignment_ = kUsualAlignment;
  std::array<std::byte, kSmallRecord> buffer_{};
  std::size_t wanted_ = 0;
};

void ZipLayout::AddFor(Rule rule, const Member& member, Detail detail) {
  detail.subject = archive_.NameOf(member);
  detail.subject_offset = archive_.NameOffset(member);
  detail.subject_length = member.name_length;
  builder_.Add(rule, member.data_offset, detail);
}

Need ZipLayout::Next() {
  if (step_ == Step::kArchive) return reader_.Next();
  if (step_ == Step::kSmall) {
    return {At(small_[next_small_].first).data_offset, std::span(buffer_).first(wanted_)};
  }
  if (step_ == Step::kPickle) return {contents_.pickle_offset, contents_.pickle.span()};
  return {};
}

void ZipLayout::Filled(std::size_t count) {
  if (step_ == Step::kArchive) {
    reader_.Filled(count);
    if (reader_.Next().into.empty()) AfterArchive();
    return;
  }
  builder_.AddBytesRead(count);
  step_ == Step::kSmall ? OnSmall() : OnPickle();
}

void ZipLayout::AfterArchive() {
  step_ = Step::kDone;
  if (!reader_.usable() || !FindRoot()) return;
  FindMembers();
  if (builder_.Ended()) return;
  WantSmall();
}

// PyTorch uses the folder of the first entry as the root.
bool ZipLayout::FindRoot() {
  if (archive_.members.empty()) {
    builder_.Add(Rule::kTorchPickleMissing, archive_.directory_offset);
    return false;
  }
  const Member& first = At(0);
  const std::string_view name = archive_.NameOf(first);
  const std::size_t slash = name.find('/');
  if (slash == name.npos) {
    AddFor(Rule::kTorchRootMissing, first);
    return false;
  }
  root_ = name.substr(0, slash + 1);
  return true;
}

std::optional<std::uint32_t> ZipLayout::FindMember(std::string_view name) const {
  std::string folded = root_ + std::string(name);
  std::ranges::transform(folded, folded.begin(), tensorgate::internal::FoldCase);
  const auto found = archive_.index.Find(
      folded, HashName(folded), [this](std::uint32_t i) { return archive_.FoldedName(i); });
  if (!found || archive_.last.empty()) return found;
  return archive_.last[*found];  // for equal names PyTorch uses the last
}

void ZipLayout::FindMembers() {
  for (std::uint32_t i = 0; i < archive_.members.size(); ++i) {
    std::string_view name = archive_.NameOf(At(i));
    if (!name.starts_with(root_)) {
      AddFor(Rule::kTorchRoots, At(i), {.found_text = root_});
      continue;
    }
    name.remove_prefix(root_.size());
    const bool storage = name.starts_with("data/") && !name.substr(5).contains('/');
    const bool small =
        std::ranges::any_of(kSmallRecords, [&](const SmallRecord& r) { return r.name == name; });
    if (name != "data.pkl" && !storage && !small) AddFor(Rule::kTorchMemberUnknown, At(i));
    if (At(i).is_npy) AddFor(Rule::kScanAlsoNpz, At(i));
  }
  pickle_ = FindMember("data.pkl");
  if (!pickle_) builder_.Add(Rule::kTorchPickleMissing, archive_.directory_offset);
  for (const SmallRecord& record : kSmallRecords) {
    if (const auto found = FindMember(record.name)) small_.emplace_back(*found, &record);
  }
  if (small_.empty() || small_[0].second->rule != Rule::kTorchVersion) {
    builder_.Add(Rule::kTorchVersionMissing, archive_.directory_offset);
  }
}

void ZipLayout::WantSmall() {
  for (; next_small_ < small_.size(); ++next_small_) {
    const auto& [index, record] = small_[next_small_];
    const std::uint64_t size = At(index).packed_size;
    if (size != 0 && size <= kSmallRecord) {
      wanted_ = static_cast<std::size_t>(size);
      step_ = Step::kSmall;
      return;
    }
    AddFor(record->rule, At(index), {.found = size});
  }
  WantPickle();
}

void ZipLayout::OnSmall() {
  const auto& [index, record] = small_[next_small_];
  const std::span<const std::byte> bytes = std::span(buffer_).first(wanted_);
  CompareCrc(At(index), Crc32(0, bytes));
  const std::string_view text = AsText(bytes);
  if (!record->valid(text)) {
    AddFor(record->rule, At(index), {.found = text.size(), .found_text = text});
  } else if (record->rule == Rule::kTorchByteOrder && text == "big") {
    AddFor(Rule::kTorchBigEndian, At(index));
  } else if (record->name == kAlignmentRecord) {
    alignment_ = AlignmentOf(text);
  }
  ++next_small_;
  WantSmall();
}

void ZipLayout::WantPickle() {
  step_ = Step::kDone;
  if (!pickle_) return;
  const Member& member = At(*pickle_);
  const std::uint64_t cap = builder_.options().limits.header_bytes;
  if (member.packed_size > cap) {
    builder_.Add(Rule::kLimitHeaderBytes, member.data_offset,
                 {.found = member.packed_size, .allowed = cap});
    return;
  }
  contents_.pickle_offset = member.data_offset;
  contents_.pickle.Resize(static_cast<std::size_t>(member.packed_size));
  step_ = Step::kPickle;
  if (member.packed_size == 0) OnPickle();
}

void ZipLayout::OnPickle() {
  step_ = Step::kDone;
  CompareCrc(At(*pickle_), Crc32(0, contents_.pickle.span()));
  const pickle::Outcome outcome = RunPickle(builder_.options(), contents_, Form::kZip, 0);
  AddFacts(builder_, outcome, contents_.pickle.span(), contents_.pickle_offset);
  if (!outcome.complete) return;
  if (outcome.end < contents_.pickle.size()) {
    builder_.Add(Rule::kPickleTrailingBytes, contents_.pickle_offset + outcome.end,
                 {.found = contents_.pickle.size() - outcome.end});
  }
  PlaceStorages();
  if (!builder_.HasError()) CheckRecordNames();
}

// Each storage must have a record with its name and size, where PyTorch computes it; each record
// must have a storage.
void ZipLayout::PlaceStorages() {
  std::vector<bool> used(archive_.members.size());
  if (FindMember(kLayoutRecord)) places_.emplace(root_, alignment_);
  for (const StorageValue& storage : contents_.rebuild->storages()) {
    const std::string name = "data/" + std::string(storage.key);
    const auto found = FindMember(name);
    const std::uint64_t place = contents_.pickle_offset + storage.offset;
    if (!found) {
      builder_.Add(Rule::kTorchRecordMissing, place, {.subject = storage.key});
      continue;
    }
    const Member& member = At(*found);
    used[*found] = true;
    // Therefore no two keys share a record: keys differ.
    if (archive_.NameOf(member) != root_ + name) {
      builder_.Add(Rule::kTorchRecordCase, place,
                   {.subject = storage.key, .found_text = archive_.NameOf(member)});
    }
    if (member.packed_size != storage.bytes) {
      builder_.Add(Rule::kTorchRecordSize, place,
                   {.found = member.packed_size, .allowed = storage.bytes, .subject = storage.key});
    }
    CheckPlace(storage, member);
    contents_.ranges.PushBack({member.data_offset, member.packed_size});
  }
  for (std::uint32_t i = 0; i < archive_.members.size(); ++i) {
    const std::string_view name = archive_.NameOf(At(i));
    if (!used[i] && name.starts_with(root_) && name.substr(root_.size()).starts_with("data/")) {
      AddFor(Rule::kTorchRecordUnused, At(i));
    }
  }
}

void ZipLayout::CheckPlace(const StorageValue& storage, const Member& member) {
  if (!places_) return;
  const std::optional<std::uint64_t> place = places_->Next(storage, member);
  if (place == member.data_offset) return;
  builder_.Add(Rule::kTorchRecordPlace, contents_.pickle_offset + storage.offset,
               {.found = member.data_offset, .allowed = place, .subject = storage.key});
  places_.reset();  // all later ones would differ, too
}

// The member names that a writer may choose: the folder, then the storages' keys.
void ZipLayout::CheckRecordNames() {
  const std::span<const StorageValue> storages = contents_.rebuild->storages();
  const std::string_view folder = std::string_view(root_).substr(0, root_.size() - 1);
  const auto name_at = [&](std::uint32_t i) { return i == 0 ? folder : storages[i - 1].key; };
  const auto count = static_cast<std::uint32_t>(storages.size() + 1);
  for (const auto& finding : tensorgate::internal::CheckNames(
           count, name_at, tensorgate::internal::kRecordNames, false, builder_.interrupt())) {
    const std::string_view name = name_at(finding.name);
    const std::uint32_t member =
        finding.name == 0 ? 0 : FindMember("data/" + std::string(name)).value_or(0);
    const std::uint64_t place = archive_.NameOffset(At(member));
    builder_.Add(finding.rule, place,
                 {.found = finding.count,
                  .subject = name,
                  .subject_offset = place,
                  .subject_length = At(member).name_length,
                  .found_text = finding.text});
  }
}

void ZipLayout::CompareCrc(const Member& member, std::uint32_t crc) {
  if (crc == member.crc) return;
  const Rule rule = member.crc == 0 ? Rule::kZipCrcZero : Rule::kZipCrcMismatch;
  AddFor(rule, member, {.found = crc, .allowed = member.crc});
}

// All members but data.pkl and the small records, whose checksums were compared when they were
// read.
std::vector<std::uint32_t> ZipLayout::UnreadMembers() const {
  std::vector<bool> read(archive_.members.size());
  read[*pickle_] = true;
  for (const auto& [index, record] : small_) read[index] = true;
  std::vector<std::uint32_t> unread;
  for (std::uint32_t i = 0; i < archive_.members.size(); ++i) {
    if (!read[i]) unread.push_back(i);
  }
  return unread;
}

std::optional<std::vector<ByteRange>> ZipLayout::Unread() const {
  std::vector<ByteRange> ranges;
  for (const std::uint32_t i : UnreadMembers()) {
    ranges.push_back({At(i).data_offset, At(i).packed_size});
  }
  return ranges;
}

void ZipLayout::OnChecksums(std::span<const DataFacts> facts) {
  std::size_t next = 0;
  for (const std::uint32_t i : UnreadMembers()) CompareCrc(At(i), facts[next++].checksum);
}

}  // namespace

std::unique_ptr<Container> MakeZip(ReportBuilder& builder, Contents& contents) {
  return std::make_unique<ZipLayout>(builder, contents);
}

}  // namespace tensorgate::torch::internal
