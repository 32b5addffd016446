// Tensors by their paths: `model.layers.0.weight`.
#include <array>
#include <charconv>

#include "lib/torch/contents.h"

namespace tensorgate::torch::internal {
namespace {

using pickle::Kind;
using pickle::Value;
using tensorgate::internal::HashName;

// Names may take this much, and so many times the pickle's size: shared containers repeat them.
constexpr std::uint64_t kFreeNames = 64u << 20, kNamesPerByte = 16;
// How many containers and tensors are named between two looks at the deadline.
constexpr std::uint32_t kPace = 4096;
// What a path holds where the tensor is the whole object.
constexpr std::string_view kRootName = "tensor";
// What leads to an object's attributes.
constexpr std::string_view kAttributes = "__dict__";

void AppendInteger(std::string& out, std::int64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), number);
  out.append(digits.begin(), end.ptr);
}

struct Level {
  Value object;
  std::size_t child = 0;
  std::size_t path = 0;  // its length before this object's children
};

class Namer {
 public:
  Namer(Contents& contents, ReportBuilder& builder)
      : contents_(contents),
        values_(contents.values()),
        builder_(builder),
        most_(kFreeNames + kNamesPerByte * std::uint64_t{contents.pickle.size()}) {}

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
    FindDuplicates();
  }

 private:
  // The next child of the object, and its path. False: there is none.
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
    // What holds no tensor needs no name.
    if (child.kind != Kind::kTensor && !pickle::IsObject(child.kind)) return true;
    if (!path_.empty()) path_ += '.';
    if (attributes) {
      path_ += kAttributes;
    } else if (mapping) {
      AppendKey(path_, values_, items[2 * i], i);
    } else {
      AppendInteger(path_, static_cast<std::int64_t>(i));
    }
    // Each container's path is built once more for each of its tensors below.
    return true;
  }

  bool Visit(const Value& value) {
    if (value.kind == Kind::kTensor) return Add(value);
    if (!pickle::IsObject(value.kind)) return true;
    if (!Charge(path_.size())) return false;
    levels_.PushBack({.object = value, .path = path_.size()});
    return true;
  }

  bool Add(const Value& value) {
    const std::string_view name = levels_.empty() ? kRootName : std::string_view(path_);
    if (!Charge(name.size())) return false;
    const std::uint64_t cap = builder_.options().limits.tensors;
    if (contents_.tensors.size() >= cap) {
      builder_.Add(Rule::kLimitTensors, contents_.pickle_offset, {.allowed = cap});
      return false;
    }
    const std::uint64_t longest = builder_.options().limits.name_bytes;
    if (name.size() > longest) {
      builder_.Add(Rule::kLimitNameBytes, contents_.pickle_offset,
                   {.found = name.size(), .allowed = longest, .subject = name});
      return false;
    }
    contents_.tensors.PushBack({.name = contents_.names.size(),
                                .name_length = static_cast<std::uint32_t>(name.size()),
                                .tensor = static_cast<std::uint32_t>(value.bits)});
    contents_.names += name;
    return true;
  }

  bool Charge(std::uint64_t bytes) {
    used_ += bytes + sizeof(NamedTensor);
    if (used_ <= most_) return true;
    builder_.Add(Rule::kTorchNamesExpand, contents_.pickle_offset, {.allowed = most_});
    return false;
  }

  void FindDuplicates() {
    PodBuffer<std::uint32_t> hashes;
    const std::span<const NamedTensor> tensors = contents_.tensors.span();
    hashes.Resize(tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i)
      hashes[i] = HashName(contents_.NameOf(tensors[i]));
    contents_.index.Build(
        hashes, [&](std::uint32_t i) { return contents_.NameOf(tensors[i]); },
        [&](std::uint32_t later, std::uint32_t) {
          const TensorValue& tensor = contents_.rebuild->tensors()[tensors[later].tensor];
          builder_.Add(Rule::kTorchNameAmbiguous, contents_.pickle_offset + tensor.place,
                       {.subject = contents_.NameOf(tensors[later])});
        });
  }

  Contents& contents_;
  const pickle::Values& values_;
  ReportBuilder& builder_;
  std::string path_;
  PodBuffer<Level> levels_;
  std::uint64_t used_ = 0;
  const std::uint64_t most_;
};

}  // namespace

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
