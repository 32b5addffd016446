#include "oracle.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "json_tree.h"
#include "natural.h"

namespace tensorgate::oracle {
namespace {

struct DTypeRow {
  std::string_view name;
  unsigned bits;
};

// In the order of the enumeration.
constexpr DTypeRow kDTypes[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};
static_assert(std::size(kDTypes) == kDTypeCount);

struct Entry {
  std::string name;
  std::size_t dtype = 0;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Examiner {
 public:
  explicit Examiner(std::string_view file) : file_(file) {}

  OracleResult Run(Profile profile) {
    Examine();
    OracleResult result;
    result.reference_errors = reference_;
    const bool strict = profile == Profile::kStrict;
    result.accepted = reference_.empty() && (!strict || strict_.empty());
    if (!result.accepted && strict && strict_.size() == 1 && !ambiguous_) {
      result.reason = *strict_.begin();
    }
    if (result.accepted) {
      for (const Entry& entry : entries_) {
        result.tensors.push_back({entry.name, static_cast<DType>(entry.dtype), entry.shape,
                                  data_begin_ + entry.begin, data_begin_ + entry.end});
      }
      std::sort(result.tensors.begin(), result.tensors.end());
    }
    return result;
  }

 private:
  // A rule of both profiles.
  void Refuse(Rule rule, std::string kind) {
    strict_.insert(rule);
    reference_.insert(std::move(kind));
  }
  void RefuseJson(Rule rule) {
    strict_.insert(rule);
    json_refused_ = true;
  }
  void RefuseStrict(Rule rule) { strict_.insert(rule); }

  void Examine() {
    if (file_.size() < 8) return Refuse(Rule::kStFileTooSmall, "HeaderTooSmall");
    std::uint64_t n = 0;
    for (std::size_t i = 8; i-- > 0;) n = n * 256 + static_cast<unsigned char>(file_[i]);
    if (n > 100'000'000) return Refuse(Rule::kStHeaderTooLarge, "HeaderTooLarge");
    if (Natural(n) + 8 > Natural(file_.size()))
      return Refuse(Rule::kStHeaderPastEnd, "InvalidHeaderLength");
    const std::string_view header = file_.substr(8, static_cast<std::size_t>(n));
    data_begin_ = 8 + n;
    if (!IsUtf8(header)) return Refuse(Rule::kStHeaderNotUtf8, "InvalidHeader");
    if (header.empty() || header[0] != '{') RefuseStrict(Rule::kStHeaderStart);

    auto read = ReadJson(header);
    if (std::holds_alternative<JsonError>(read)) {
      ambiguous_ = true;  // the text before the error may break rules, too
      return Refuse(Rule::kStJsonSyntax, "InvalidHeaderDeserialization");
    }
    const Json& root = std::get<Json>(read);
    if (header.find_first_not_of(' ', root.end) != std::string_view::npos) {
      RefuseStrict(Rule::kStHeaderPadding);
    }
    CheckRoot(root);
    // The reference looks at offsets and shapes only after the types of the whole header were
    // right.
    if (json_refused_) {
      reference_.insert("InvalidHeaderDeserialization");
      return;
    }
    CheckTensors();
  }

  void CheckRoot(const Json& root) {
    if (root.kind != JsonKind::kObject) return RefuseJson(Rule::kStRootNotObject);
    bool metadata_seen = false;
    for (const JsonMember& member : root.members) {
      if (member.key == "__metadata__") {
        if (metadata_seen) RefuseJson(Rule::kStMetadataRepeated);
        metadata_seen = true;
        CheckMetadata(member.value);
        continue;
      }
      Entry entry;
      entry.name = member.key;
      CheckEntry(member.value, entry);
      const auto same = std::find_if(entries_.begin(), entries_.end(),
                                     [&](const Entry& each) { return each.name == entry.name; });
      if (same != entries_.end()) {
        RefuseStrict(Rule::kStNameDuplicate);
        *same = entry;
      } else {
        entries_.push_back(entry);
      }
    }
  }

  void CheckMetadata(const Json& metadata) {
    if (metadata.kind == JsonKind::kNull) return;
    if (metadata.kind != JsonKind::kObject) return RefuseJson(Rule::kStMetadataNotObject);
    for (std::size_t i = 0; i < metadata.members.size(); ++i) {
      if (metadata.members[i].value.kind != JsonKind::kString) {
        RefuseJson(Rule::kStMetadataNotString);
      }
      for (std::size_t k = 0; k < i; ++k) {
        if (metadata.members[i].key == metadata.members[k].key) {
          RefuseStrict(Rule::kStMetadataKeyDuplicate);
        }
      }
    }
  }

  void CheckEntry(const Json& value, Entry& entry) {
    if (value.kind == JsonKind::kArray) {
      RefuseStrict(Rule::kStTensorAsArray);
      if (value.items.size() != 3) return RefuseJson(Rule::kStTensorItems);
      CheckDType(value.items[0], entry);
      CheckShape(value.items[1], entry);
      CheckOffsets(value.items[2], entry);
      return;
    }
    if (value.kind != JsonKind::kObject) return RefuseJson(Rule::kStTensorNotObject);
    for (std::string_view field : {"dtype", "shape", "data_offsets"}) {
      const auto count = std::count_if(value.members.begin(), value.members.end(),
                                       [&](const JsonMember& each) { return each.key == field; });
      if (count == 0) RefuseJson(Rule::kStFieldMissing);
      if (count > 1) RefuseJson(Rule::kStFieldDuplicate);
    }
    for (const JsonMember& member : value.members) {
      if (member.key == "dtype") {
        CheckDType(member.value, entry);
      } else if (member.key == "shape") {
        CheckShape(member.value, entry);
      } else if (member.key == "data_offsets") {
        CheckOffsets(member.value, entry);
      } else {
        RefuseStrict(Rule::kStFieldUnknown);
      }
    }
  }

  void CheckDType(const Json& value, Entry& entry) {
    std::string_view name;
    if (value.kind == JsonKind::kString) {
      name = value.text;
    } else if (value.kind == JsonKind::kObject && value.members.size() == 1 &&
               value.members[0].value.kind == JsonKind::kNull) {
      RefuseStrict(Rule::kStDtypeAsMap);
      name = value.members[0].key;
    } else {
      // A map that the reference refuses: the library may report it as a map or as a wrong type.
      if (value.kind == JsonKind::kObject) ambiguous_ = true;
      return RefuseJson(Rule::kStFieldType);
    }
    for (std::size_t i = 0; i < std::size(kDTypes); ++i) {
      if (kDTypes[i].name == name) {
        entry.dtype = i;
        return;
      }
    }
    RefuseJson(Rule::kStDtypeUnknown);
  }

  // Only digits, below 2^64.
  static std::optional<std::uint64_t> Unsigned(const Json& value) {
    if (value.kind != JsonKind::kNumber) return std::nullopt;
    Natural number;
    for (char c : value.text) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
      if (!number.Fits64()) return std::nullopt;
    }
    return number.Low64();
  }

  void CheckShape(const Json& value, Entry& entry) {
    if (value.kind != JsonKind::kArray) return RefuseJson(Rule::kStFieldType);
    entry.shape.clear();
    for (const Json& item : value.items) {
      const auto dimension = Unsigned(item);
      if (!dimension) {
        if (item.kind != JsonKind::kNumber) ambiguous_ = true;
        RefuseJson(Rule::kStDimensionNotInteger);
      } else {
        entry.shape.push_back(*dimension);
      }
    }
  }

  void CheckOffsets(const Json& value, Entry& entry) {
    if (value.kind != JsonKind::kArray) return RefuseJson(Rule::kStFieldType);
    if (value.items.size() != 2) RefuseJson(Rule::kStOffsetsCount);
    std::vector<std::uint64_t> offsets;
    for (const Json& item : value.items) {
      const auto offset = Unsigned(item);
      if (!offset) {
        if (item.kind != JsonKind::kNumber) ambiguous_ = true;
        RefuseJson(Rule::kStOffsetNotInteger);
      } else {
        offsets.push_back(*offset);
      }
    }
    if (offsets.size() == 2) {
      entry.begin = offsets[0];
      entry.end = offsets[1];
    }
  }

  // The reference's error about a tensor's shape and range; "" if there is none.
  static std::string ShapeError(const Entry& entry) {
    Natural product = 1;
    for (std::uint64_t dimension : entry.shape) {
      product = product * dimension;
      if (!product.Fits64()) return "ValidationOverflow";
    }
    const Natural bits = product * kDTypes[entry.dtype].bits;
    if (!bits.Fits64()) return "ValidationOverflow";
    if (!bits.IsMultipleOf8()) return "MisalignedSlice";
    if (Natural(entry.begin) * 8 + bits != Natural(entry.end) * 8) return "TensorInvalidInfo";
    return "";
  }

  void CheckTensors() {
    CheckStrictShapes();
    // Sorted by (begin, end), each tensor must start where the previous one ended, the first at 0.
    std::vector<const Entry*> sorted;
    for (const Entry& entry : entries_) sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(), [](const Entry* a, const Entry* b) {
      return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
    });
    NoteStrictTiling(sorted);

    std::uint64_t start = 0;
    for (std::size_t i = 0; i < sorted.size();) {
      const Entry& first = *sorted[i];
      if (first.begin != start || first.end < first.begin) {
        reference_.insert("InvalidOffset");
        return;
      }
      // All tensors with the same range, in an unknown order.
      std::size_t end = i;
      bool one_is_good = false;
      for (; end < sorted.size() && sorted[end]->begin == first.begin &&
             sorted[end]->end == first.end;
           ++end) {
        const std::string error = ShapeError(*sorted[end]);
        if (error.empty()) {
          one_is_good = true;
        } else {
          reference_.insert(error);
        }
      }
      // After a valid, non-empty one, the next one with the same range does not start at its end.
      if (end - i > 1 && first.end != first.begin && one_is_good)
        reference_.insert("InvalidOffset");
      if (!reference_.empty()) return;
      start = first.end;
      i = end;
    }
    if (Natural(start) + data_begin_ != Natural(file_.size()))
      reference_.insert("MetadataIncompleteBuffer");
  }

  void CheckStrictShapes() {
    for (const Entry& entry : entries_) {
      const unsigned bits = kDTypes[entry.dtype].bits;
      Natural needed = bits;
      for (std::uint64_t dimension : entry.shape) {
        if (dimension != 0) needed = needed * dimension;
      }
      if (entry.shape.size() > 64) RefuseStrict(Rule::kStRank);
      const std::string error = ShapeError(entry);
      if (error == "ValidationOverflow") {
        RefuseStrict(Rule::kStShapeOverflow);
      } else if (!needed.Fits64()) {
        RefuseStrict(Rule::kStShapeOverflowHidden);
      }
      if (error == "MisalignedSlice") RefuseStrict(Rule::kStSizeNotBytes);
      if (error == "TensorInvalidInfo" && entry.begin <= entry.end) {
        RefuseStrict(Rule::kStSizeMismatch);
      }
      if (!entry.shape.empty() && !(Natural(entry.shape.back()) * bits).IsMultipleOf8()) {
        RefuseStrict(Rule::kStSubByteRow);
      }
    }
  }

  void NoteStrictTiling(const std::vector<const Entry*>& sorted) {
    std::uint64_t covered = 0;
    for (const Entry* entry : sorted) {
      if (entry->end < entry->begin) {
        RefuseStrict(Rule::kStOffsetsReversed);
        ambiguous_ = true;  // later ranges are compared with an invalid one
      }
      if (entry->begin < covered) RefuseStrict(Rule::kStOffsetsOverlap);
      if (entry->begin > covered) RefuseStrict(Rule::kStOffsetsHole);
      covered = std::max(covered, entry->end);
    }
    const std::uint64_t data = file_.size() - data_begin_;
    if (covered > data) RefuseStrict(Rule::kStDataPastEnd);
    if (covered < data) RefuseStrict(Rule::kStDataTrailing);
  }

  std::string_view file_;
  std::uint64_t data_begin_ = 0;
  bool json_refused_ = false;
  bool ambiguous_ = false;
  std::set<Rule> strict_;
  std::set<std::string> reference_;
  std::vector<Entry> entries_;
};

}  // namespace

OracleResult Examine(std::span<const std::byte> file, Profile profile) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  return Examiner(text).Run(profile);
}

}  // namespace tensorgate::oracle
