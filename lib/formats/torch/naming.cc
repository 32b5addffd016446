// Names tensors by their paths: `model.layers.0.weight`.
#include <algorithm>
#include <array>
#include <charconv>

#include "lib/base/name_check.h"
#include "lib/formats/torch/contents.h"

namespace tensorgate::torch::internal {
namespace {

using pickle::Kind;
using pickle::Value;
using tensorgate::internal::NameFinding;
using tensorgate::internal::ScanName;

// Memory that names may take: kFreeNames bytes, plus kNamesPerByte times the pickle's size.
constexpr std::uint64_t kFreeNames = 1u << 20, kNamesPerByte = 16;
constexpr std::uint64_t kDimensionCost = 2 * sizeof(std::uint64_t);
// Maximum length of one name, which must fit into NamedTensor.
constexpr std::uint32_t kLongestName = INT32_MAX;
// Number of containers and tensors that are named between two looks at the deadline.
constexpr std::uint32_t kPace = 4096;

void AppendInteger(std::string& out, std::int64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), number);
  out.append(digits.begin(), end.ptr);
}

struct Level {
  Value object;
  std::size_t child = 0;
  std::size_t path = 0;  // length of the path before this object's children
};

class Namer {
 public:
  Namer(Contents& contents, ReportBuilder& builder)
      : contents_(contents),
        values_(contents.values()),
        builder_(builder),
        budget_(contents, builder) {}

  void Run() {
    if (!Visit(contents_.root)) return;
    tensorgate::internal::Pace pace(kPace);
    while (!levels_.empty()) {
      if (pace.Due() && builder_.Ended()) return;
      Level& level = levels_[levels_.size() - 1];
      path_.resize(level.path);
      Value child;
      if (!Next(level, child)) {
        levels_.Resize(levels_.size() - 1);
      } else if (!Visit(child)) {
        return;
      }
    }
    CheckTensorNames();
  }

 private:
  // The next child of the object, and its path. False if there is none.
  bool Next(Level& level, Value& child) {
    const std::span<const Value> items = values_.Items(level.object);
    const bool mapping = pickle::IsMapping(level.object.kind);
    const std::size_t count = mapping ? items.size() / 2 : items.size();
    const std::size_t i = level.child++;
    if (i > count) return false;
    const bool attributes = i == count;
    if (attributes) {
      child = values_.Attributes(level.object);
      if (child.kind == Kind::kUndefined) return false;
    } else {
      child = items[mapping ? 2 * i + 1 : i];
    }
    // A value without tensors needs no name.
    if (child.kind != Kind::kTensor && !pickle::IsObject(child.kind)) return true;
    const std::size_t before = path_.size();
    is_text_key_ = !attributes && mapping && items[2 * i].IsString();
    if (!path_.empty()) path_ += '.';
    if (attributes) {
      path_ += kAttributes;
    } else if (mapping) {
      AppendKey(path_, values_, items[2 * i], i);
    } else {
      AppendInteger(path_, static_cast<std::int64_t>(i));
    }
    budget_.Count(1 + path_.size() - before);
    return true;
  }

  bool Visit(const Value& value) {
    if (value.kind == Kind::kTensor) return Add(value);
    if (!pickle::IsObject(value.kind)) return true;
    if (!budget_.Charge(0)) return false;
    levels_.PushBack({.object = value, .path = path_.size()});
    return true;
  }

  bool Add(const Value& value) {
    const std::string_view name = levels_.empty() ? kRootName : std::string_view(path_);
    const TensorValue& tensor = contents_.rebuild->tensors()[static_cast<std::size_t>(value.bits)];
    const std::uint64_t dimensions = values_.Items(tensor.shape).size();
    if (!budget_.Admit(name, dimensions, tensor.place, contents_.tensors.size(),
                       sizeof(NamedTensor))) {
      return false;
    }
    contents_.tensors.PushBack(
        {.name = contents_.names.size(),
         .name_length = static_cast<std::uint32_t>(name.size()) & kLongestName,
         .is_key = levels_.size() == 1 && is_text_key_,
         .tensor = static_cast<std::uint32_t>(value.bits)});
    contents_.names += name;
    return true;
  }

  void CheckTensorNames() {
    PodBuffer<std::uint32_t> hashes;
    const std::span<const NamedTensor> tensors = contents_.tensors.span();
    hashes.Resize(tensors.size());
    bool notable = false, cases_met = false, ambiguous = false;
    const auto name_at = [&](std::uint32_t i) { return contents_.NameOf(tensors[i]); };
    for (std::uint32_t i = 0; i < tensors.size(); ++i) {
      hashes[i] = ScanName(name_at(i)).hash;
      notable |= tensorgate::internal::IsNotable(name_at(i));
    }
    contents_.index.Build(
        hashes, name_at,
        [&](std::uint32_t later, std::uint32_t) {
          ambiguous = true;
          builder_.Add(Rule::kTorchNameAmbiguous, PlaceOf(later), {.subject = name_at(later)});
        },
        [&](std::uint32_t, std::uint32_t) { cases_met = true; });
    if (ambiguous || !(notable || cases_met)) return;
    for (const NameFinding& finding : tensorgate::internal::CheckNames(
             static_cast<std::uint32_t>(tensors.size()), name_at,
             tensorgate::internal::kTensorNames, cases_met, builder_.interrupt())) {
      builder_.Add(
          finding.rule, PlaceOf(finding.name),
          {.found = finding.count, .subject = name_at(finding.name), .found_text = finding.text});
    }
  }

  std::uint64_t PlaceOf(std::uint32_t named) const {
    return contents_.pickle_offset +
           contents_.rebuild->tensors()[contents_.tensors[named].tensor].place;
  }

  Contents& contents_;
  const pickle::Values& values_;
  ReportBuilder& builder_;
  std::string path_;
  PodBuffer<Level> levels_;
  bool is_text_key_ = false;  // the last part of the path is a text key
  NameBudget budget_;
};

}  // namespace

NameBudget::NameBudget(const Contents& contents, ReportBuilder& builder)
    : contents_(contents),
      builder_(builder),
      most_(kFreeNames + kNamesPerByte * std::uint64_t{contents.pickle.size()}) {}

bool NameBudget::Exceeded() {
  builder_.Add(Rule::kTorchNamesExpand, contents_.pickle_offset, {.allowed = most_});
  return false;
}

bool NameBudget::Admit(std::string_view name, std::uint64_t dimensions, std::uint64_t place,
                       std::size_t named, std::uint64_t bytes) {
  if (!Charge(name.size() + bytes + dimensions * kDimensionCost)) return false;
  const Limits& limits = builder_.options().limits;
  if (named >= limits.tensors) {
    builder_.Add(Rule::kLimitTensors, contents_.pickle_offset, {.allowed = limits.tensors});
    return false;
  }
  if (dimensions > limits.rank) {
    builder_.Add(Rule::kLimitRank, contents_.pickle_offset + place,
                 {.found = dimensions, .allowed = limits.rank, .subject = name});
    return false;
  }
  const std::uint64_t longest = std::min<std::uint64_t>(limits.name_bytes, kLongestName);
  if (name.size() <= longest) return true;
  builder_.Add(Rule::kLimitNameBytes, contents_.pickle_offset,
               {.found = name.size(), .allowed = longest, .subject = name});
  return false;
}

void AppendKey(std::string& path, const pickle::Values& values, const pickle::Value& key,
               std::uint64_t ordinal) {
  switch (key.kind) {
    case Kind::kString:
      path += values.Text(key);
      break;
    case Kind::kInt:
      AppendInteger(path, key.Int());
      break;
    case Kind::kBool:
      path += key.bits != 0 ? "True" : "False";
      break;
    case Kind::kNone:
      path += "None";
      break;
    default:
      path.append("<").append(Name(key.kind)).append(" ");
      AppendInteger(path, static_cast<std::int64_t>(ordinal));
      path += '>';
  }
}

void NameTensors(Contents& contents, ReportBuilder& builder) { Namer(contents, builder).Run(); }

}  // namespace tensorgate::torch::internal
