#include "lib/formats/torch/extract.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/base/names.h"
#include "lib/formats/torch/examination.h"
#include "lib/formats/torch/extract_walk.h"
#include "lib/formats/torch/globals.h"
#include "lib/formats/torch/model.h"
#include "lib/formats/torch/numpy.h"
#include "lib/formats/torch/open_calls.h"
#include "lib/formats/torch/reached.h"

namespace tensorgate::torch::internal {
namespace {

using pickle::Foreign;
using pickle::Given;
using pickle::Kind;
using pickle::Origin;
using pickle::Value;
using tensorgate::internal::HashName;

// The one name that a safetensors header cannot have.
constexpr std::string_view kReserved = "__metadata__";

class Extractor {
 public:
  Extractor(Contents& contents, ReportBuilder& builder, Extraction& extraction)
      : contents_(contents),
        foreign_(*contents.machine->foreign()),
        builder_(builder),
        extraction_(extraction),
        reached_(contents),
        walk_(contents, reached_, builder) {}

  void Run() {
    if (!reached_.Run(builder_.interrupt())) {
      builder_.Ended();
      return;
    }
    if (const std::optional<std::uint64_t> changed = reached_.names_changed()) {
      const std::uint64_t at = contents_.pickle_offset + *changed;
      return builder_.Add(Rule::kConvertNamesChanged, at, {.found = at});
    }
    if (!walk_.Run()) return;
    FindCollisions();
    for (std::size_t i = 0; i < walk_.found().size(); ++i) {
      if (!repeated_[i]) AddEntry(walk_.found()[i], collide_[i]);
    }
    BuildIndex();
    extraction_.names_dropped = walk_.dropped();
    const auto pickle =
        contents_.pickle.span().subspan(static_cast<std::size_t>(contents_.object.offset),
                                        static_cast<std::size_t>(contents_.object.length));
    extraction_.pickle.assign(pickle.begin(), pickle.end());
  }

 private:
  // Loaders have both of two values of one name, under paths that are spelled alike. An object's
  // item that is also its attribute is one value.
  void FindCollisions() {
    collide_.resize(walk_.found().size());
    repeated_.resize(walk_.found().size());
    std::vector<std::uint32_t> named;
    for (std::uint32_t i = 0; i < walk_.found().size(); ++i) {
      if (walk_.found()[i].place == Place::kNamed) named.push_back(i);
    }
    PodBuffer<std::uint32_t> hashes;
    hashes.Resize(named.size());
    const auto name_at = [&](std::uint32_t i) { return walk_.NameOf(walk_.found()[named[i]]); };
    for (std::uint32_t i = 0; i < named.size(); ++i) hashes[i] = HashName(name_at(i));
    tensorgate::internal::NameIndex index;
    index.Build(hashes, name_at, [&](std::uint32_t later, std::uint32_t first) {
      const Found &a = walk_.found()[named[first]], &b = walk_.found()[named[later]];
      if (IsSame(a.value, b.value)) {
        repeated_[named[later]] = true;
      } else {
        collide_[named[later]] = collide_[named[first]] = true;
      }
    });
  }

  // The same view of the same storage, or the same object.
  bool IsSame(const Value& a, const Value& b) const {
    if (a.kind != b.kind) return false;
    if (a.kind != Kind::kTensor || a.bits == b.bits) return a.bits == b.bits;
    const TensorValue& x = contents_.rebuild->tensors()[static_cast<std::size_t>(a.bits)];
    const TensorValue& y = contents_.rebuild->tensors()[static_cast<std::size_t>(b.bits)];
    const auto equal = [&](const Value& p, const Value& q) {
      return std::ranges::equal(contents_.values().Items(p), contents_.values().Items(q), {},
                                &Value::bits, &Value::bits);
    };
    return x.storage == y.storage && x.dtype == y.dtype && x.offset == y.offset &&
           equal(x.shape, y.shape) && equal(x.stride, y.stride);
  }

  void AddEntry(const Found& found, bool collides) {
    ExtractionEntry entry{.name = std::string(walk_.NameOf(found))};
    if (found.value.kind == Kind::kTensor) {
      const auto number = static_cast<std::uint32_t>(found.value.bits);
      const TensorValue& tensor = contents_.rebuild->tensors()[number];
      entry.offset = contents_.pickle_offset + tensor.place;
      entry.dtype = Info(tensor.dtype).name;
      for (const Value& size : contents_.values().Items(tensor.shape)) {
        entry.shape.push_back(size.bits);
      }
      entry.reason = ReasonOf(found, tensor, collides);
      if (entry.reason.empty()) {
        const std::uint32_t holder = HolderOf(found, tensor);
        entry.outcome = holder == 0 ? Outcome::kTaken : Outcome::kAsStored;
        if (holder != 0) entry.holder = NameOf(Value::Of(Kind::kForeign, holder - 1));
        Keep(found, number);
      }
    } else {
      const Foreign& foreign = foreign_[found.value];
      entry.offset = contents_.pickle_offset + foreign.offset;
      entry.reason = foreign.origin == Origin::kAttribute ? std::string("an attribute of a tensor")
                                                          : "made by " + NameOf(found.value);
    }
    ++(entry.outcome == Outcome::kTaken      ? extraction_.taken
       : entry.outcome == Outcome::kAsStored ? extraction_.as_stored
                                             : extraction_.left_out);
    extraction_.entries.push_back(std::move(entry));
  }

  // Empty if the tensor may be written.
  std::string ReasonOf(const Found& found, const TensorValue& tensor, bool collides) const {
    if (const Given* given = reached_.cause(tensor.storage)) return ReasonOf(*given);
    switch (found.place) {
      case Place::kAttribute:
        return "an attribute of a module, not part of its state_dict()";
      case Place::kTransient:
        return "a buffer that state_dict() leaves out";
      case Place::kKey:
        return "its key is neither text nor a number";
      case Place::kSet:
        return "in a collection without positions";
      case Place::kArgument:
        return "kept by a function or class that is not known";
      case Place::kNamed:
        break;
    }
    if (collides) return "another value has the same name";
    const ScalarInfo& scalar = Info(tensor.dtype);
    if (!scalar.dtype) return "safetensors does not have its dtype";
    if (Repeats(tensor)) {
      return "it repeats its bytes: it claims more than the file contains";
    }
    if (walk_.NameOf(found) == kReserved) return "safetensors reserves its name";
    return {};
  }

  // True if it has more elements than there are from its first to its last.
  bool Repeats(const TensorValue& tensor) const {
    return tensor.elements != 0 && tensor.elements > LastElement(contents_.values(), tensor) + 1;
  }

  std::string ReasonOf(const Given& given) const {
    const std::string by = given.by == 0 ? std::string("foreign code")
                                         : NameOf(Value::Of(Kind::kForeign, given.by - 1));
    const std::string at =
        " (byte " + std::to_string(contents_.pickle_offset + given.offset) + " of the file)";
    switch (given.why) {
      case Given::Why::kArgument:
        return "passed to " + by + ", which may change it" + at;
      case Given::Why::kCallee:
        return "called, or held by an object that is called, which may change it" + at;
      case Given::Why::kState:
        return "in a state that " + by + " may use in a way of its own" + at;
      case Given::Why::kKey:
        return "in a mapping or set with a key that may replace its values" + at;
      case Given::Why::kRebuilt:
        break;
    }
    return "its state is set a second time" + at;
  }

  // 0, or the foreign object that holds the tensor, on this path or on another: index + 1.
  std::uint32_t HolderOf(const Found& found, const TensorValue& tensor) const {
    if (found.holder != 0) return found.holder;
    const std::optional<std::uint32_t> holder = reached_.holder(tensor.storage);
    return holder ? *holder + 1 : 0;
  }

  void Keep(const Found& found, std::uint32_t tensor) {
    const std::string_view name = walk_.NameOf(found);
    contents_.tensors.PushBack({.name = contents_.names.size(),
                                .name_length = static_cast<std::uint32_t>(name.size()) & INT32_MAX,
                                .is_key = found.is_key,
                                .tensor = tensor});
    contents_.names += name;
  }

  void BuildIndex() {
    const std::span<const NamedTensor> tensors = contents_.tensors.span();
    PodBuffer<std::uint32_t> hashes;
    hashes.Resize(tensors.size());
    const auto name_at = [&](std::uint32_t i) { return contents_.NameOf(tensors[i]); };
    for (std::uint32_t i = 0; i < tensors.size(); ++i) hashes[i] = HashName(name_at(i));
    contents_.index.Build(hashes, name_at, [](std::uint32_t, std::uint32_t) {});
  }

  // The name of the function or class that made the value.
  std::string NameOf(Value value) const {
    if (value.kind == Kind::kForeign) value = foreign_[value].root;
    if (value.kind != Kind::kGlobal) return foreign_.NameOf(value);
    auto number = static_cast<std::size_t>(value.bits);
    const auto full = [](const auto& each) { return pickle::FullName(each.module, each.name); };
    if (number < Globals().size()) return full(Globals()[number]);
    number -= Globals().size();
    if (number < NumpyNames().size()) return full(NumpyNames()[number]);
    return full(OpenNames()[number - NumpyNames().size()]);
  }

  Contents& contents_;
  const pickle::ForeignValues& foreign_;
  ReportBuilder& builder_;
  Extraction& extraction_;
  Reached reached_;
  ExtractWalk walk_;
  std::vector<bool> collide_, repeated_;
};

}  // namespace

void ExtractTensors(Contents& contents, ReportBuilder& builder, Extraction& extraction) {
  Extractor(contents, builder, extraction).Run();
}

Report Extract(Source& source, const CheckOptions& options, std::unique_ptr<const ModelFile>& file,
               Extraction& extraction) {
  std::unique_ptr<const Contents> contents;
  Report report =
      Examine(source, tensorgate::internal::StrictOptions(options), &contents, &extraction);
  if (contents) file = MakeExtracted(Access::Make(std::move(contents), report));
  return report;
}

}  // namespace tensorgate::torch::internal
