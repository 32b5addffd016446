// A checkpoint as torch.save has written it since 1.6: a folder in a ZIP archive, of `data.pkl`, a
// record for each storage, and a few small records.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/crc32.h"
#include "lib/torch/examination.h"
#include "lib/torch/pickle_file.h"

namespace tensorgate::torch::internal {
namespace {

using tensorgate::internal::AsText;
using tensorgate::internal::Crc32;
using tensorgate::internal::HashName;
using zip::internal::Archive;
using zip::internal::Member;

// Of the small records' contents; PyTorch's longest has 40 bytes.
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

bool IsAlignment(std::string_view text) {
  constexpr std::array<std::string_view, 7> kPowers = {"64",   "128",  "256", "512",
                                                       "1024", "2048", "4096"};
  return std::ranges::find(kPowers, text) != kPowers.end();
}

struct SmallRecord {
  std::string_view name;
  bool (*valid)(std::string_view);
  Rule rule;
};

constexpr std::array kSmallRecords = {
    SmallRecord{"version", IsVersion, Rule::kTorchVersion},
    SmallRecord{"byteorder", IsByteOrder, Rule::kTorchByteOrder},
    SmallRecord{".data/serialization_id", IsSerializationId, Rule::kTorchRecordContent},
    SmallRecord{".format_version", IsOne, Rule::kTorchRecordContent},
    SmallRecord{".storage_alignment", IsAlignment, Rule::kTorchRecordContent},
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
  void OnChecksums(std::span<const std::uint32_t> checksums) override;

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
  std::string root_;  // with its slash
  std::optional<std::uint32_t> pickle_;
  std::vector<std::pair<std::uint32_t, const SmallRecord*>> small_;
  std::size_t next_small_ = 0;
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

// PyTorch takes the folder of the first entry as the root of all.
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
  return archive_.last[*found];  // of equal names PyTorch takes the last
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
}

// Each storage has its record, of its size; each record its storage.
void ZipLayout::PlaceStorages() {
  std::vector<bool> used(archive_.members.size());
  for (const StorageValue& storage : contents_.rebuild->storages()) {
    const auto found = FindMember("data/" + std::string(storage.key));
    const std::uint64_t place = contents_.pickle_offset + storage.offset;
    if (!found) {
      builder_.Add(Rule::kTorchRecordMissing, place, {.subject = storage.key});
      continue;
    }
    const Member& member = At(*found);
    used[*found] = true;
    if (member.packed_size != storage.bytes) {
      builder_.Add(Rule::kTorchRecordSize, place,
                   {.found = member.packed_size, .allowed = storage.bytes, .subject = storage.key});
    }
    contents_.ranges.PushBack({member.data_offset, member.packed_size});
  }
  for (std::uint32_t i = 0; i < archive_.members.size(); ++i) {
    const std::string_view name = archive_.NameOf(At(i));
    if (!used[i] && name.starts_with(root_) && name.substr(root_.size()).starts_with("data/")) {
      AddFor(Rule::kTorchRecordUnused, At(i));
    }
  }
}

void ZipLayout::CompareCrc(const Member& member, std::uint32_t crc) {
  if (crc == member.crc) return;
  const Rule rule = member.crc == 0 ? Rule::kZipCrcZero : Rule::kZipCrcMismatch;
  AddFor(rule, member, {.found = crc, .allowed = member.crc});
}

// All but data.pkl and the small records, which were compared when they were read.
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

void ZipLayout::OnChecksums(std::span<const std::uint32_t> checksums) {
  std::size_t next = 0;
  for (const std::uint32_t i : UnreadMembers()) CompareCrc(At(i), checksums[next++]);
}

}  // namespace

std::unique_ptr<Container> MakeZip(ReportBuilder& builder, Contents& contents) {
  return std::make_unique<ZipLayout>(builder, contents);
}

}  // namespace tensorgate::torch::internal
