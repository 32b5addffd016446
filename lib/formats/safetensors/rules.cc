#include "lib/formats/safetensors/rules.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "lib/base/name_check.h"
#include "lib/base/utf8.h"
#include "lib/formats/safetensors/locate.h"
#include "tensorgate/tensor.h"

namespace tensorgate::safetensors::internal {
namespace {

using Claims = tensorgate::internal::Claims<std::uint64_t>;
using tensorgate::internal::NameFinding;
using tensorgate::internal::Pace;

// Number of tensors between two looks at the deadline.
constexpr std::uint32_t kPace = 4096;

enum class Place : std::uint8_t {
  kHeader,
  kKey,
  kDtype,
  kShape,
  kOffsets,
  kUnknownField,
  kEntry,
  kMetadataKey,
  kMetadataValue
};

struct Pending {
  Rule rule;
  Place place;
  std::uint32_t ordinal = 0;  // of the tensor or metadata key
  std::size_t offset = 0;     // for kHeader
  std::optional<std::uint64_t> found, allowed;
  std::optional<std::uint32_t> found_ordinal;  // `found` is the position of this one
  std::string_view found_text;
};

bool Before(const Pending& a, const Pending& b) {
  return std::tie(a.rule, a.ordinal, a.offset) < std::tie(b.rule, b.ordinal, b.offset);
}

// Collects findings until their positions are known. Keeps only those that the report will keep.
class Collector {
 public:
  Collector(const Header& header, ReportBuilder& builder) : header_(header), builder_(builder) {}

  bool On(Rule rule) const {
    const RuleInfo& info = Info(rule);
    return (strict() ? info.strict : info.reference) != Level::kOff;
  }
  bool strict() const { return builder_.options().profile == Profile::kStrict; }
  bool Ended() { return builder_.Ended(); }
  tensorgate::internal::Interrupt& interrupt() { return builder_.interrupt(); }

  void Add(const Pending& pending) {
    if (!On(pending.rule)) return;
    const std::size_t cap = std::max<std::size_t>(builder_.options().max_findings, 1);
    if (pending_.size() >= cap) {
      builder_.AddDropped(1);
      if (!Before(pending, pending_.front())) return;
      std::pop_heap(pending_.begin(), pending_.end(), Before);
      pending_.pop_back();
    }
    pending_.push_back(pending);
    std::push_heap(pending_.begin(), pending_.end(), Before);
  }

  void Flush() {
    if (pending_.empty()) return;
    Places places;
    for (const Pending& pending : pending_) {
      if (pending.place == Place::kMetadataKey) {
        places.metadata_keys[pending.ordinal];
        if (pending.found_ordinal) places.metadata_keys[*pending.found_ordinal];
      } else if (pending.place == Place::kMetadataValue) {
        places.needs_metadata = true;
      } else if (pending.place != Place::kHeader) {
        places.tensors[pending.ordinal];
        if (pending.found_ordinal) places.tensors[*pending.found_ordinal];
      }
    }
    places.Locate(header_.text());
    for (const Pending& pending : pending_) AddFinding(pending, places);
    pending_.clear();
  }

 private:
  void AddFinding(const Pending& pending, const Places& places) {
    Detail detail{
        .found = pending.found, .allowed = pending.allowed, .found_text = pending.found_text};
    std::size_t offset = pending.offset;
    std::string text;
    if (pending.place == Place::kMetadataKey) {
      offset = places.metadata_keys.at(pending.ordinal);
      detail.subject = header_.TextAt(header_.metadata[pending.ordinal].key);
      if (pending.found_ordinal)
        detail.found = kLengthBytes + places.metadata_keys.at(*pending.found_ordinal);
    } else if (pending.place == Place::kMetadataValue) {
      offset = places.metadata_value;
    } else if (pending.place != Place::kHeader) {
      const Entry& entry = places.tensors.at(pending.ordinal);
      offset = TokenOf(entry, pending.place).begin;
      detail.subject = header_.NameOf(header_.tensors[pending.ordinal]);
      detail.subject_offset = kLengthBytes + entry.key.begin;
      detail.subject_length = entry.key.size();
      if (pending.found_ordinal)
        detail.found = kLengthBytes + places.tensors.at(*pending.found_ordinal).key.begin;
      if (pending.place == Place::kUnknownField) {
        text = json::Unescape(
            header_.text().substr(entry.unknown_field->begin, entry.unknown_field->size()));
        detail.found_text = text;
      }
    }
    builder_.Add(pending.rule, kLengthBytes + offset, detail);
  }

  static const json::Token& TokenOf(const Entry& entry, Place place) {
    switch (place) {
      case Place::kDtype:
        return entry.dtype;
      case Place::kShape:
        return entry.shape;
      case Place::kOffsets:
        return entry.offsets;
      case Place::kEntry:
        return entry.value;
      case Place::kUnknownField:
        return *entry.unknown_field;
      default:
        return entry.key;
    }
  }

  const Header& header_;
  ReportBuilder& builder_;
  std::vector<Pending> pending_;
};

// The bytes around the JSON.
void BytesAround(const Header& header, Collector& out) {
  const std::string_view text = header.text();
  if (text[0] != '{') {
    out.Add({.rule = Rule::kStHeaderStart,
             .place = Place::kHeader,
             .found = static_cast<unsigned char>(text[0])});
  }
  const std::size_t padding = text.size() - header.padding;
  const std::size_t other = text.find_first_not_of(' ', padding);
  if (other != text.npos) {
    out.Add({.rule = Rule::kStHeaderPadding,
             .place = Place::kHeader,
             .offset = other,
             .found = static_cast<unsigned char>(text[other])});
  }
}

// Deviations noted by the parse: only a second pass finds where they are.
void Deviations(const Header& header, std::uint32_t seen, Collector& out) {
  if (!out.strict() || (seen & (kSeenFieldUnknown | kSeenTensorAsArray | kSeenDtypeAsMap)) == 0)
    return;
  EntryWalker walker(header.text());
  std::uint32_t ordinal = 0;
  Pace pace(kPace);
  for (Entry entry; walker.Next(entry);) {
    if (pace.Due() && out.Ended()) return;
    if (entry.metadata) continue;
    if (entry.value.kind == json::TokenKind::kArray) {
      out.Add({.rule = Rule::kStTensorAsArray, .place = Place::kEntry, .ordinal = ordinal});
    }
    if (entry.dtype.kind == json::TokenKind::kObject) {
      out.Add({.rule = Rule::kStDtypeAsMap, .place = Place::kDtype, .ordinal = ordinal});
    }
    if (entry.unknown_field)
      out.Add({.rule = Rule::kStFieldUnknown, .place = Place::kUnknownField, .ordinal = ordinal});
    ++ordinal;
  }
}

// For two names with equal hashes, or for one name if hashing was given up.
template <typename NameAt>
bool MayDifferInCase(const NameAt& at, std::uint32_t later, std::uint32_t earlier) {
  return later == earlier || tensorgate::internal::DifferInCase(at(later), at(earlier));
}

// Equal names. `counts[i]` becomes false for those that the reference ignores: all but the last of
// equal names.
void Duplicates(Header& header, ParsedHeader& parsed, std::vector<bool>& counts, Collector& out) {
  const auto name_at = [&](std::uint32_t i) { return header.NameOf(header.tensors.span()[i]); };
  std::vector<std::pair<std::uint32_t, std::uint32_t>> duplicates;  // first, later
  header.index.Build(
      parsed.name_hashes, name_at,
      [&](std::uint32_t later, std::uint32_t first) {
        duplicates.emplace_back(first, later);
        out.Add({.rule = Rule::kStNameDuplicate,
                 .place = Place::kKey,
                 .ordinal = later,
                 .found_ordinal = first});
      },
      [&](std::uint32_t later, std::uint32_t earlier) {
        if (MayDifferInCase(name_at, later, earlier)) parsed.seen |= kSeenNameCases;
      });
  if (!duplicates.empty()) {
    counts.assign(header.tensors.size(), true);
    std::sort(duplicates.begin(), duplicates.end());
    for (std::size_t i = 0; i < duplicates.size(); ++i) {
      const auto [first, later] = duplicates[i];
      counts[first] = false;
      if (i + 1 < duplicates.size() && duplicates[i + 1].first == first) counts[later] = false;
    }
  }
  NameIndex keys;
  const auto key_at = [&](std::uint32_t i) { return header.TextAt(header.metadata.span()[i].key); };
  keys.Build(
      parsed.key_hashes, key_at,
      [&](std::uint32_t later, std::uint32_t first) {
        out.Add({.rule = Rule::kStMetadataKeyDuplicate,
                 .place = Place::kMetadataKey,
                 .ordinal = later,
                 .found_ordinal = first});
      },
      [&](std::uint32_t later, std::uint32_t earlier) {
        if (MayDifferInCase(key_at, later, earlier)) parsed.seen |= kSeenKeyCases;
      });
}

// Sorts tensors by (begin, end); tensors with the same range stay in the order of the header.
void SortByOffset(Header& header) {
  struct Key {
    std::uint64_t begin, end;
    std::uint32_t index;
    auto operator<=>(const Key&) const = default;
  };
  if (header.begins.empty()) return;
  const auto tensors = header.tensors.span();
  PodBuffer<Key> keys;
  keys.Resize(tensors.size());
  for (std::uint32_t i = 0; i < tensors.size(); ++i)
    keys.span()[i] = {header.begins[i], tensors[i].end, i};
  if (std::ranges::is_sorted(keys.span())) return;
  std::ranges::sort(keys.span());
  header.order.Resize(tensors.size());
  for (std::uint32_t i = 0; i < tensors.size(); ++i) header.order.span()[i] = keys.span()[i].index;
}

// Checks dtype, shape and span of one tensor; returns true if there was an error in this profile.
bool CheckShape(const Header& header, std::uint32_t ordinal, Collector& out) {
  const TensorRecord& tensor = header.tensors[ordinal];
  const std::uint64_t bits = Bits(tensor.dtype());
  const std::uint64_t begin = header.BeginOf(ordinal);
  const bool high = out.strict() && tensor.rank() > kMaxRank;
  if (high) {
    out.Add({.rule = Rule::kStRank,
             .place = Place::kShape,
             .ordinal = ordinal,
             .found = tensor.rank(),
             .allowed = kMaxRank});
  }
  const ShapeSize size = header.SizeOf(tensor);
  if (size.Overflow(bits)) {
    out.Add({.rule = Rule::kStShapeOverflow, .place = Place::kShape, .ordinal = ordinal});
    return true;
  }
  if (out.strict() && size.HiddenOverflow(bits)) {
    out.Add({.rule = Rule::kStShapeOverflowHidden, .place = Place::kShape, .ordinal = ordinal});
    return true;
  }
  const std::uint64_t total = size.TotalBits(bits);
  if (total % 8 != 0) {
    out.Add({.rule = Rule::kStSizeNotBytes,
             .place = Place::kShape,
             .ordinal = ordinal,
             .found = total});
    return true;
  }
  bool failed = high;
  if (out.strict() && tensor.rank() != 0 && size.RowBitsModulo8(bits) != 0) {
    out.Add({.rule = Rule::kStSubByteRow,
             .place = Place::kShape,
             .ordinal = ordinal,
             .found = size.last *
                      bits});  // this does not overflow, since no product of the dimensions does
    failed = true;
  }
  if (begin <= tensor.end && tensor.end - begin != total / 8) {
    out.Add({.rule = Rule::kStSizeMismatch,
             .place = Place::kOffsets,
             .ordinal = ordinal,
             .found = tensor.end - begin,
             .allowed = total / 8});
    failed = true;
  }
  return failed;
}

// A single pass in the order of the data. The reference stops at its first error; the strict
// profile reports all.
DataEnd CheckTensors(const Header& header, const std::vector<bool>& counts, Collector& out) {
  Claims claims;
  DataEnd data;
  Pace pace(kPace);
  for (std::uint32_t i = 0; i < header.tensors.size(); ++i) {
    if (pace.Due() && out.Ended()) break;
    const std::uint32_t ordinal = header.order.empty() ? i : header.order.span()[i];
    if (!out.strict() && !counts.empty() && !counts[ordinal]) continue;
    const TensorRecord& tensor = header.tensors[ordinal];
    const std::uint64_t before = claims.end(), begin = header.BeginOf(ordinal);
    const Claims::Result result = claims.Claim(begin, tensor.end);
    bool failed = result != Claims::Result::kNext;
    if (failed) {
      const bool reversed = result == Claims::Result::kReversed;
      const Rule rule = reversed                             ? Rule::kStOffsetsReversed
                        : result == Claims::Result::kOverlap ? Rule::kStOffsetsOverlap
                                                             : Rule::kStOffsetsHole;
      out.Add({.rule = rule,
               .place = Place::kOffsets,
               .ordinal = ordinal,
               .found = reversed ? tensor.end : begin,
               .allowed = reversed ? begin : before});
    }
    if (out.strict() || !failed) failed |= CheckShape(header, ordinal, out);
    if (failed && !out.strict()) break;
    if (!data.any || tensor.end >= data.end) data = {tensor.end, ordinal, true};
  }
  return data;
}

}  // namespace

// Conditions that only warn are counted over all tensors and reported once, at the first.
namespace {

class Counter {
 public:
  Counter(Rule rule, Place place = Place::kKey) : rule_(rule), place_(place) {}
  void Count(std::uint32_t ordinal, std::optional<std::uint64_t> found = {},
             std::string_view text = {}) {
    if (count_++ == 0)
      first_ = {
          .rule = rule_, .place = place_, .ordinal = ordinal, .found = found, .found_text = text};
  }
  void AddFinding(Collector& out, std::optional<std::uint64_t> allowed = {}) {
    if (count_ == 0) return;
    if (!first_.found) first_.found = count_;
    first_.allowed = allowed;
    out.Add(first_);
  }

 private:
  Rule rule_;
  Place place_;
  std::uint64_t count_ = 0;
  Pending first_{};
};

bool IsDeceptiveName(std::string_view name) {
  for (std::size_t at = 0; at < name.size();) {
    // Bytes that are not UTF-8 decode to NUL.
    const auto point = tensorgate::internal::DecodeUtf8(name.substr(at));
    if (tensorgate::internal::IsDeceptive(point.value)) return true;
    at += point.length;
  }
  return false;
}

bool IsPathOut(std::string_view name) {
  if (name.starts_with('/') || name.starts_with('\\')) return true;
  for (std::size_t at = name.find(".."); at != name.npos; at = name.find("..", at + 1)) {
    const bool starts = at == 0 || name[at - 1] == '/' || name[at - 1] == '\\';
    const bool ends = at + 2 == name.size() || name[at + 2] == '/' || name[at + 2] == '\\';
    if (starts && ends) return true;
  }
  return false;
}

void TensorWarnings(const Header& header, Collector& out) {
  Counter empty_name(Rule::kStNameEmpty), control(Rule::kStNameControl), path(Rule::kStNamePath),
      long_name(Rule::kStNameLong), rank(Rule::kStRankHigh), large(Rule::kStDimensionLarge),
      above(Rule::kStNumberAbove2Pow53), shared(Rule::kStEmptySharedBegin),
      empty(Rule::kStEmptyTensor), misaligned(Rule::kStTensorMisaligned), rare(Rule::kStDtypeRare);
  const auto tensors = header.tensors.span();
  Pace pace(kPace);
  for (std::uint32_t i = 0; i < tensors.size(); ++i) {
    if (pace.Due() && out.Ended()) break;
    const std::uint32_t ordinal = header.order.empty() ? i : header.order.span()[i];
    const TensorRecord& tensor = tensors[ordinal];
    const std::string_view name = header.NameOf(tensor);
    if (name.empty()) empty_name.Count(ordinal);
    if (IsDeceptiveName(name)) control.Count(ordinal);
    if (IsPathOut(name)) path.Count(ordinal);
    if (name.size() > kLongName) long_name.Count(ordinal, name.size());
    if (tensor.rank() > kHighRank) rank.Count(ordinal, tensor.rank());
    const std::uint64_t begin = header.BeginOf(ordinal);
    std::uint64_t number = tensor.end;
    bool zero = false;
    DimensionReader reader = header.Dimensions(tensor);
    for (std::uint64_t dimension; reader.Next(dimension);) {
      if (dimension > kLargeDimension) large.Count(ordinal, dimension);
      number = std::max(number, dimension);
      zero |= dimension == 0;
    }
    if (number > kExactDouble) above.Count(ordinal, number);
    if (zero) {
      empty.Count(ordinal);
      const auto begins_here = [&](std::uint32_t j) {
        return header.BeginOf(header.order.empty() ? j : header.order.span()[j]) == begin;
      };
      if ((i > 0 && begins_here(i - 1)) || (i + 1 < tensors.size() && begins_here(i + 1)))
        shared.Count(ordinal);
    }
    const std::uint64_t bits = Bits(tensor.dtype());
    if (bits >= 16 && (header.data_offset() + begin) % (bits / 8) != 0) misaligned.Count(ordinal);
    if (IsRare(tensor.dtype())) rare.Count(ordinal, {}, Name(tensor.dtype()));
  }
  for (Counter* counter : {&empty_name, &control, &path, &shared, &empty, &misaligned, &rare})
    counter->AddFinding(out);
  long_name.AddFinding(out, kLongName);
  rank.AddFinding(out, kHighRank);
  large.AddFinding(out, kLargeDimension);
  above.AddFinding(out, kExactDouble);
}

// Measured with the reference 0.8.0: a tensor costs up to 960 bytes and 2 us, a metadata entry 230
// bytes and 1.6 us, a dimension 43 bytes.
void ReferenceCost(const Header& header, std::uint64_t dimensions, Collector& out) {
  const std::uint64_t tensors = header.tensors.size(), entries = header.metadata.size();
  const std::uint64_t mib = (tensors * 960 + entries * 230 + dimensions * 43) >> 20;
  const std::uint64_t microseconds = tensors * 2 + entries * 8 / 5;
  if (mib > 512 || microseconds > 2'000'000) {
    out.Add({.rule = Rule::kStReferenceCost, .place = Place::kHeader, .found = mib});
  }
}

void MetadataWarnings(const Header& header, std::uint32_t seen, Collector& out) {
  if ((seen & kSeenMetadataNull) != 0)
    out.Add({.rule = Rule::kStMetadataNull, .place = Place::kMetadataValue});
  constexpr std::uint64_t kMany = 100;
  if (header.metadata.size() > kMany) {
    out.Add({.rule = Rule::kStMetadataMany,
             .place = Place::kMetadataValue,
             .found = header.metadata.size(),
             .allowed = kMany});
  }
  if ((seen & kSeenNotableKey) == 0) return;
  for (std::uint32_t i = 0; i < header.metadata.size(); ++i) {
    const std::string_view key = header.TextAt(header.metadata[i].key);
    if (key == "dtype" || key == "shape" || key == "data_offsets") {
      out.Add({.rule = Rule::kStMetadataFieldKey, .place = Place::kMetadataKey, .ordinal = i});
    } else if (key == "DCP_SHARDING_INFO") {
      out.Add({.rule = Rule::kStShardingInfo, .place = Place::kMetadataKey, .ordinal = i});
    }
  }
}

void AddNames(std::span<const NameFinding> findings, Place place, Collector& out) {
  for (const NameFinding& finding : findings) {
    out.Add({.rule = finding.rule,
             .place = place,
             .ordinal = finding.name,
             .found = finding.count,
             .found_text = finding.text});
  }
}

// Names that file systems and programs read differently. The returned findings must outlive those
// added to `out`.
std::vector<NameFinding> NameWarnings(const Header& header, std::uint32_t seen, Collector& out) {
  if ((seen & (kSeenNotableName | kSeenNameCases)) == 0) return {};
  std::vector<NameFinding> findings = tensorgate::internal::CheckNames(
      static_cast<std::uint32_t>(header.tensors.size()),
      [&](std::uint32_t i) { return header.NameOf(header.tensors.span()[i]); },
      tensorgate::internal::kSafetensorsNames, (seen & kSeenNameCases) != 0, out.interrupt());
  AddNames(findings, Place::kKey, out);
  return findings;
}

std::vector<NameFinding> KeyWarnings(const Header& header, std::uint32_t seen, Collector& out) {
  if ((seen & (kSeenNotableKeyName | kSeenKeyCases)) == 0) return {};
  std::vector<NameFinding> findings = tensorgate::internal::CheckNames(
      static_cast<std::uint32_t>(header.metadata.size()),
      [&](std::uint32_t i) { return header.TextAt(header.metadata.span()[i].key); },
      tensorgate::internal::kMetadataKeys, (seen & kSeenKeyCases) != 0, out.interrupt());
  AddNames(findings, Place::kMetadataKey, out);
  return findings;
}

}  // namespace

DataEnd ApplyRules(Header& header, ParsedHeader& parsed, ReportBuilder& builder) {
  Collector out(header, builder);
  BytesAround(header, out);
  Deviations(header, parsed.seen, out);
  std::vector<bool> counts;
  Duplicates(header, parsed, counts, out);
  if (builder.Ended()) return {};
  DataEnd data;
  if ((parsed.seen & kSeenOutOfLine) == 0 && counts.empty()) {
    if (!header.tensors.empty()) {
      const auto last = static_cast<std::uint32_t>(header.tensors.size() - 1);
      data = {header.tensors[last].end, last, true};
    }
  } else {
    SortByOffset(header);
    if (builder.Ended()) return {};
    data = CheckTensors(header, counts, out);
  }
  out.Flush();
  return data;
}

void ApplySizeRules(const Header& header, const DataEnd& data, std::uint64_t file_size,
                    ReportBuilder& builder) {
  const std::uint64_t available = file_size - header.data_offset();
  if (data.end == available) return;
  if (data.end < available) {
    builder.Add(Rule::kStDataTrailing, header.data_offset() + data.end,
                {.found = available - data.end});
    return;
  }
  Collector out(header, builder);
  out.Add({.rule = Rule::kStDataPastEnd,
           .place = Place::kOffsets,
           .ordinal = data.last,
           .found = data.end,
           .allowed = available});
  out.Flush();
}

void ApplyWarnings(const Header& header, std::uint32_t seen, std::uint64_t dimensions,
                   ReportBuilder& builder) {
  Collector out(header, builder);
  constexpr std::uint64_t kHubHeader = 25'000'000;
  ReferenceCost(header, dimensions, out);
  if (header.size > kHubHeader) {
    out.Add({.rule = Rule::kStHeaderAbove25Mb,
             .place = Place::kHeader,
             .found = header.size,
             .allowed = kHubHeader});
  }
  if (header.data_offset() % 8 != 0) {
    out.Add(
        {.rule = Rule::kStDataMisaligned, .place = Place::kHeader, .found = header.data_offset()});
  }
  MetadataWarnings(header, seen, out);
  if (!header.order.empty()) {
    std::uint32_t first = 0;
    while (header.order[first] == first) ++first;
    out.Add({.rule = Rule::kStOrderNotOffset, .place = Place::kKey, .ordinal = first});
  }
  if ((seen & kSeenNotable) != 0) TensorWarnings(header, out);
  const std::vector<NameFinding> names = NameWarnings(header, seen, out);
  const std::vector<NameFinding> keys = KeyWarnings(header, seen, out);
  out.Flush();
}

}  // namespace tensorgate::safetensors::internal
