#include "lib/formats/torch/examination.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/formats/torch/extract.h"

namespace tensorgate::torch::internal {
namespace {

using namespace std::string_view_literals;
using tensorgate::internal::Family;

// The number 0x1950a86a20f9469cfc6c: LONG1 of 10 bytes, STOP. All writers emit exactly these bytes,
// after a PROTO opcode whose version varies.
constexpr std::string_view kLegacyMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."sv;

constexpr std::size_t kProtoBytes = 2, kFrameBytes = 9;
constexpr std::byte kFrame{0x95};
// The length of a frame with the magic number.
constexpr std::string_view kMagicFrame = "\x0d\0\0\0\0\0\0\0"sv;

// Adds the data of BOOL storages, except those that are already read for their checksum.
void AddBooleanRanges(const Contents& contents, std::vector<DataRange>& ranges) {
  const auto begin = [](const DataRange& range) { return range.bytes.offset; };
  std::vector<DataRange> booleans;
  for (std::size_t i = 0; i < contents.ranges.size(); ++i) {
    const StorageValue& storage = contents.rebuild->storages()[i];
    if (storage.dtype != ScalarType::kBool || contents.ranges[i].length == 0) continue;
    booleans.push_back({.bytes = contents.ranges[i], .booleans = true});
  }
  std::ranges::sort(booleans, {}, begin);
  for (DataRange& range : ranges) {
    const auto same = std::ranges::lower_bound(booleans, range.bytes.offset, {}, begin);
    if (same == booleans.end() || same->bytes.offset != range.bytes.offset) continue;
    if (range.bytes.length != 0) range.booleans = true;
  }
  if (ranges.empty()) ranges = std::move(booleans);
}

}  // namespace

std::string_view FormatName(Layout layout) {
  return layout == Layout::kZip ? "pytorch-zip" : "pytorch-legacy";
}

std::size_t MagicBytes(std::span<const std::byte> head) {
  const bool framed = head.size() > 2 && head[2] == kFrame;
  return kProtoBytes + (framed ? kFrameBytes : 0) + kLegacyMagic.size();
}

std::optional<Layout> OpenLayoutOf(std::span<const std::byte> head) {
  const std::string_view text = tensorgate::internal::AsText(head);
  const std::size_t size = MagicBytes(head);
  const bool framed = text.starts_with('\x80') && text.size() >= size && head[2] == kFrame &&
                      text.substr(3, 8) == kMagicFrame &&
                      text.substr(size - kLegacyMagic.size()).starts_with(kLegacyMagic);
  return framed ? Layout::kLegacy : LayoutOf(head);
}

std::optional<Layout> LayoutOf(std::span<const std::byte> head) {
  const std::string_view text = tensorgate::internal::AsText(head);
  if (text.starts_with('\x80') && text.size() > 2 && text.substr(2).starts_with(kLegacyMagic)) {
    return Layout::kLegacy;
  }
  if (text.starts_with("PK\3\4")) return Layout::kZip;
  return std::nullopt;
}

Examination::Examination(const CheckOptions& options, Layout layout, Extraction* extraction)
    : builder_(options, FormatName(layout)),
      contents_(std::make_unique<Contents>()),
      readings_(layout == Layout::kZip ? Family::kZip : Family::kPickle),
      extraction_(extraction) {
  contents_->follow_foreign = extraction != nullptr;
  container_ =
      layout == Layout::kZip ? MakeZip(builder_, *contents_) : MakeLegacy(builder_, *contents_);
}

void Examination::Begin(std::uint64_t size) {
  builder_.SetSize(size);
  contents_->file_size = size;
  const std::uint64_t cap = builder_.options().limits.file_bytes;
  if (size > cap) {
    builder_.Add(Rule::kLimitFileBytes, 0, {.found = size, .allowed = cap});
    container_ = nullptr;
    return;
  }
  container_->Begin(size);
}

Need Examination::Next() {
  if (reading_) return readings_.Next();
  return container_ ? container_->Next() : Need{};
}

void Examination::Filled(std::size_t count) {
  if (reading_) {
    builder_.AddBytesRead(count);
    readings_.Filled(count);
  } else {
    container_->Filled(count);
    if (!container_->Next().into.empty()) return;
    AfterContainer();
  }
  if (reading_ && readings_.Next().into.empty()) readings_.AddTo(builder_);
}

// By now the storages are located, or a finding says why not.
void Examination::AfterContainer() {
  const bool names = builder_.options().profile == Profile::kStrict && !builder_.Ended();
  if (names && !builder_.HasError()) {
    if (extraction_ != nullptr) {
      ExtractTensors(*contents_, builder_, *extraction_);
    } else {
      NameTensors(*contents_, builder_);
    }
  }
  if (contents_->machine != nullptr) AddFacts();
  if (builder_.HasError()) return;
  reading_ = true;
  readings_.Begin(contents_->file_size);
}

std::optional<std::vector<DataRange>> Examination::Unread() const {
  // The reference does not compare checksums. In the strict profile members share no bytes, so each
  // byte is read once.
  const CheckOptions& options = builder_.options();
  if (options.scope != Scope::kFull || options.profile != Profile::kStrict) return {};
  if (builder_.HasError()) return {};
  const auto with_checksums = container_->Unread();
  std::vector<DataRange> ranges;
  for (const ByteRange& range : with_checksums.value_or(std::vector<ByteRange>())) {
    ranges.push_back({.bytes = range, .checksum = true});
  }
  AddBooleanRanges(*contents_, ranges);
  if (!with_checksums && ranges.empty()) return {};
  return ranges;
}

void Examination::OnData(std::span<const DataRange> read, std::span<const DataFacts> facts) {
  BytesAboveOne above_one;
  for (std::size_t i = 0; i < read.size(); ++i) {
    builder_.AddBytesRead(read[i].bytes.length);
    above_one.Add(facts[i].above_one);
  }
  container_->OnChecksums(facts);
  if (above_one.count != 0) AddBooleans(above_one);
  builder_.SetScope(Scope::kFull);
}

void Examination::AddBooleans(const BytesAboveOne& above_one) {
  const auto holds = [&](const NamedTensor& named) {
    const ByteRange& range = contents_->ranges[contents_->rebuild->tensors()[named.tensor].storage];
    return above_one.first - range.offset < range.length;  // wraps below `range.offset`
  };
  const std::span<const NamedTensor> tensors = contents_->tensors.span();
  const auto named = std::ranges::find_if(tensors, holds);
  tensorgate::internal::AddBooleans(
      above_one, named == tensors.end() ? std::string_view() : contents_->NameOf(*named), builder_);
}

void Examination::AddFacts() {
  Report::Facts facts{.header_bytes = contents_->pickle.size(),
                      .tensors = contents_->tensors.size()};
  const std::span<const TensorValue> tensors = contents_->rebuild->tensors();
  for (const NamedTensor& named : contents_->tensors.span()) {
    facts.parameters =
        tensorgate::internal::SaturatingAdd(facts.parameters, tensors[named.tensor].elements);
  }
  for (const ByteRange& range : contents_->ranges.span()) facts.data_bytes += range.length;
  builder_.SetFacts(facts);
}

Report Examination::Finish() { return builder_.Finish(); }

pickle::Outcome RunPickle(const CheckOptions& options, Contents& contents, Form form,
                          std::size_t begin) {
  contents.machine = nullptr;
  contents.rebuild = std::make_unique<Rebuild>(form, options.trusted);
  contents.machine =
      std::make_unique<pickle::Machine>(contents.pickle.span(), *contents.rebuild, options);
  if (contents.follow_foreign) contents.machine->FollowForeign();
  pickle::Outcome outcome = contents.machine->Run(begin);
  if (outcome.complete) {
    contents.root = outcome.root;
    contents.object = {begin, outcome.end - begin};
  }
  return outcome;
}

}  // namespace tensorgate::torch::internal
