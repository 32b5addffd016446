#include "lib/formats/torch/extract_walk.h"

#include <algorithm>

#include "lib/formats/torch/globals.h"

namespace tensorgate::torch::internal {

using pickle::Foreign;
using pickle::Kind;
using pickle::Operation;
using pickle::Origin;
using pickle::Value;

namespace {

// What is kept for each tensor besides its name: its entry, with a reason.
constexpr std::uint64_t kEntryCost = 256;
constexpr std::uint32_t kPace = 4096;

bool IsPathKey(const Value& key) {
  return key.kind == Kind::kString || key.kind == Kind::kInt || key.kind == Kind::kBool ||
         key.kind == Kind::kNone;
}

bool CanHold(const Value& value) {
  return pickle::IsObject(value.kind) || value.kind == Kind::kTensor ||
         value.kind == Kind::kForeign;
}

}  // namespace

ExtractWalk::ExtractWalk(const Contents& contents, const Reached& reached, ReportBuilder& builder)
    : contents_(contents),
      values_(contents.values()),
      foreign_(*contents.machine->foreign()),
      reached_(reached),
      builder_(builder),
      budget_(contents, builder) {
  visits_.resize(values_.object_count() + foreign_.all().size());
}

bool ExtractWalk::Run() {
  if (!Follow(contents_.root, 0) || !AddAgain()) return false;
  // What has no path in the result, only to say that it is left out.
  for (std::size_t i = 0; i < later_.size(); ++i) {
    const Later later = later_[i];
    path_.assign(later_paths_, later.path, later.path_length);
    place_ = later.place;
    if (!Follow(later.value, later.holder)) return false;
  }
  return true;
}

bool ExtractWalk::Follow(const Value& root, std::uint32_t holder) {
  if (!Enter(root, holder, false)) return false;
  tensorgate::internal::Pace pace(kPace);
  while (!levels_.empty()) {
    if (pace.Due() && builder_.Ended()) return false;
    Level& level = levels_.back();
    if (level.next == level.end) {
      visits_[level.visit].done = true;
      visits_[level.visit].end = static_cast<std::uint32_t>(found_.size());
      children_.resize(level.begin);
      levels_.pop_back();
      continue;
    }
    const Child child = children_[level.next++];
    const std::uint32_t below = level.holder;
    path_.resize(level.path);
    if (!AppendPart(child.key)) return false;
    if (child.place != Place::kNamed) {
      const auto [path, length] = KeepPath();
      later_.push_back({path, length, child.value, below, child.place});
      if (!budget_.Charge(sizeof(Later) + length)) return false;
      continue;
    }
    const bool top = levels_.size() == 1 && pickle::IsMapping(contents_.root.kind);
    if (!Enter(child.value, below, top && child.key.IsString())) return false;
  }
  return true;
}

// Appends the part of a path for a child.
bool ExtractWalk::AppendPart(const Value& key) {
  const std::size_t before = path_.size();
  if (!path_.empty()) path_ += '.';
  if (key.kind == Kind::kUndefined) {
    path_ += kAttributes;
  } else {
    AppendKey(path_, values_, key, 0);
  }
  return budget_.Charge(1 + path_.size() - before);
}

std::pair<std::size_t, std::uint32_t> ExtractWalk::KeepPath() {
  const std::size_t at = later_paths_.size();
  later_paths_ += path_;
  return {at, static_cast<std::uint32_t>(path_.size())};
}

// `path_` is the path of the value.
bool ExtractWalk::Enter(const Value& value, std::uint32_t holder, bool is_key) {
  if (value.kind == Kind::kTensor) return AddFound(value, holder, is_key);
  if (!CanHold(value)) return true;
  // The arguments of a call are followed, too, to name what is left out.
  if (MayBeTensor(value) && !AddFound(value, holder, is_key)) return false;
  const std::size_t number = VisitOf(value);
  Visit& visit = visits_[number];
  if (visit.seen) {
    // Below itself it has no end.
    if (!visit.done || place_ != Place::kNamed || visit.begin == visit.end) return true;
    const auto [path, length] = KeepPath();
    again_.push_back({path, length, number});
    return budget_.Charge(sizeof(Again) + length);
  }
  visit = {.path = static_cast<std::uint32_t>(path_.size()),
           .begin = static_cast<std::uint32_t>(found_.size()),
           .end = 0,
           .seen = true,
           .done = false};
  const std::size_t begin = children_.size();
  Expand(value);
  if (value.kind == Kind::kForeign && foreign_[value].origin == Origin::kNew) {
    holder = static_cast<std::uint32_t>(value.bits) + 1;
  }
  levels_.push_back({.begin = begin,
                     .next = begin,
                     .end = children_.size(),
                     .path = path_.size(),
                     .holder = holder,
                     .visit = number});
  return budget_.Charge(0);
}

std::size_t ExtractWalk::VisitOf(const Value& value) const {
  const auto number = static_cast<std::size_t>(value.bits);
  return value.kind == Kind::kForeign ? values_.object_count() + number : number;
}

// ---- Children.

void ExtractWalk::AddChild(const Value& key, const Value& value, Place place) {
  if (CanHold(value)) children_.push_back({key, value, place});
}

void ExtractWalk::AddItems(const Value& mapping, Place place) {
  const std::span<const Value> items = values_.Items(mapping);
  budget_.Count(items.size());  // a mapping can be a part of many objects
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const bool path = IsPathKey(items[i]);
    AddChild(path ? items[i] : Value::Of(Kind::kInt, i / 2), items[i + 1],
             path ? place : Place::kKey);
    // A tensor in a key has no path.
    AddChild(Value::Of(Kind::kInt, i / 2), items[i], Place::kKey);
  }
}

void ExtractWalk::AddSequence(const Value& sequence, Place place) {
  std::uint64_t position = 0;
  budget_.Count(values_.Items(sequence).size());
  for (const Value& item : values_.Items(sequence)) {
    AddChild(Value::Of(Kind::kInt, position++), item, place);
  }
}

void ExtractWalk::Expand(const Value& value) {
  if (value.kind == Kind::kForeign) return ExpandObject(value);
  if (pickle::IsMapping(value.kind)) {
    AddItems(value, Place::kNamed);
    return AddChild({}, values_.Attributes(value), Place::kNamed);
  }
  const bool ordered = value.kind == Kind::kList || value.kind == Kind::kTuple;
  AddSequence(value, ordered ? Place::kNamed : Place::kSet);
}

void ExtractWalk::ExpandObject(const Value& value) {
  const Foreign& foreign = foreign_[value];
  const Place place = foreign.origin == Origin::kNew    ? Place::kNamed
                      : foreign.origin == Origin::kCall ? Place::kArgument
                                                        : Place::kSet;
  AddSequence(foreign.arguments, place);
  if (foreign.origin == Origin::kAttribute)
    AddChild(Value::Of(Kind::kInt, 0), foreign.callee, place);
  const bool module = foreign.first != 0 && ExpandModule(foreign_.operations()[foreign.first - 1]);
  const Place other = module ? Place::kAttribute : place;
  // An item that is set may be one that was appended.
  const Place ordered = IsMixed(foreign) ? Place::kSet : other;
  std::uint64_t position = 0;
  for (std::uint32_t next = foreign.first; next != 0;) {
    const Operation& operation = foreign_.operations()[next - 1];
    next = operation.next;
    switch (operation.kind) {
      case Operation::Kind::kState:
        if (module && &operation == &foreign_.operations()[foreign.first - 1]) break;
        for (const Value& state : {operation.a, operation.b}) {
          if (pickle::IsMapping(state.kind)) {
            AddItems(state, other);
          } else {
            AddChild(Value::Of(Kind::kInt, 0), state, Place::kArgument);
          }
        }
        break;
      case Operation::Kind::kItem:
        AddChild(IsPathKey(operation.a) ? operation.a : Value::Of(Kind::kNone), operation.b,
                 IsPathKey(operation.a) ? ordered : Place::kKey);
        AddChild(Value::Of(Kind::kNone), operation.a, Place::kKey);
        break;
      case Operation::Kind::kAppended:
        AddChild(Value::Of(Kind::kInt, position++), operation.a, ordered);
        break;
      case Operation::Kind::kAdded:
        AddChild(Value::Of(Kind::kInt, position++), operation.a, Place::kSet);
        break;
    }
  }
}

// True if it has both appended and set items.
bool ExtractWalk::IsMixed(const Foreign& foreign) const {
  bool appended = false, set = false;
  for (std::uint32_t next = foreign.first; next != 0;) {
    const Operation& operation = foreign_.operations()[next - 1];
    next = operation.next;
    appended |= operation.kind == Operation::Kind::kAppended;
    set |= operation.kind == Operation::Kind::kItem;
  }
  return appended && set;
}

Value ExtractWalk::Find(const Value& mapping, std::string_view key) const {
  const std::span<const Value> items = values_.Items(mapping);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (items[i].IsString() && values_.Text(items[i]) == key) return items[i + 1];
  }
  return {};
}

// The children of a module, if the state is that of one.
bool ExtractWalk::ExpandModule(const Operation& state) {
  if (state.kind != Operation::Kind::kState || !pickle::IsMapping(state.a.kind)) return false;
  if (pickle::IsMapping(state.b.kind)) return false;
  constexpr std::string_view kParameters = "_parameters", kBuffers = "_buffers",
                             kModules = "_modules", kTransient = "_non_persistent_buffers_set";
  const Value parameters = Find(state.a, kParameters), buffers = Find(state.a, kBuffers),
              modules = Find(state.a, kModules);
  for (const Value& part : {parameters, buffers, modules}) {
    if (!pickle::IsMapping(part.kind)) return false;
  }
  AddItems(parameters, Place::kNamed);
  ExpandBuffers(buffers, Find(state.a, kTransient));
  AddItems(modules, Place::kNamed);
  const std::span<const Value> items = values_.Items(state.a);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const std::string_view key = values_.Text(items[i]);
    if (key == kParameters || key == kBuffers || key == kModules || key == kTransient) continue;
    AddChild(items[i], items[i + 1], Place::kAttribute);
  }
  return true;
}

void ExtractWalk::ExpandBuffers(const Value& buffers, const Value& transient) {
  const bool readable = transient.kind == Kind::kUndefined || transient.kind == Kind::kSet ||
                        transient.kind == Kind::kList || transient.kind == Kind::kTuple;
  const bool known = readable && !reached_.IsGiven(transient);
  std::vector<std::string_view> left_out;
  for (const Value& name : values_.Items(transient)) left_out.push_back(values_.Text(name));
  std::ranges::sort(left_out);
  const std::span<const Value> items = values_.Items(buffers);
  budget_.Count(items.size() + left_out.size());
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const bool keep = known && items[i].IsString() &&
                      !std::ranges::binary_search(left_out, values_.Text(items[i]));
    AddChild(IsPathKey(items[i]) ? items[i] : Value::Of(Kind::kNone), items[i + 1],
             keep ? Place::kNamed : Place::kTransient);
  }
}

// ---- Results.

// A call may have made a tensor if it is PyTorch's for that, or was given one.
bool ExtractWalk::MayBeTensor(const Value& value) const {
  if (value.kind != Kind::kForeign) return false;
  const Foreign& foreign = foreign_[value];
  if (foreign.origin == Origin::kAttribute) return foreign_.Base(value).kind == Kind::kTensor;
  if (foreign.origin != Origin::kCall) return false;
  if (foreign.callee.kind == Kind::kGlobal) return foreign.callee.bits < Globals().size();
  const std::string name = foreign_.NameOf(value);
  const bool rebuilds =
      name.starts_with("torch") && (name.contains("rebuild") || name.contains("load"));
  return rebuilds || std::ranges::any_of(values_.Items(foreign.arguments), [](const Value& each) {
           return each.kind == Kind::kTensor || each.kind == Kind::kStorage;
         });
}

bool ExtractWalk::AddFound(const Value& value, std::uint32_t holder, bool is_key) {
  const std::string_view name = path_.empty() && levels_.empty() ? kRootName : path_;
  std::uint64_t dimensions = 0, place = 0;
  if (value.kind == Kind::kTensor) {
    const TensorValue& tensor = contents_.rebuild->tensors()[static_cast<std::size_t>(value.bits)];
    dimensions = values_.Items(tensor.shape).size();
    place = tensor.place;
  }
  if (!budget_.Admit(name, dimensions, place, found_.size(), kEntryCost)) return false;
  found_.push_back({.name = names_.size(),
                    .name_length = static_cast<std::uint32_t>(name.size()),
                    .value = value,
                    .holder = holder,
                    .place = place_,
                    .is_key = is_key});
  names_ += name;
  return true;
}

// Containers that were reached again: each tensor below has another name. They are only additional,
// so they end where there is no room for them.
bool ExtractWalk::AddAgain() {
  tensorgate::internal::Pace pace(kPace);
  levels_.clear();
  for (const Again& again : again_) {
    const Visit& visit = visits_[again.visit];
    for (std::uint32_t i = visit.begin; i < visit.end; ++i) {
      if (pace.Due() && builder_.Ended()) return false;
      const Found first = found_[i];
      const std::uint64_t length =
          std::uint64_t{again.path_length} + first.name_length - visit.path;
      const std::uint64_t cost = kEntryCost + length;
      if (!budget_.HasRoom(cost) || length > builder_.options().limits.name_bytes ||
          found_.size() >= builder_.options().limits.tensors) {
        dropped_ += visit.end - i;
        break;
      }
      budget_.Count(cost);
      Found further = first;
      further.name = names_.size();
      further.name_length = static_cast<std::uint32_t>(length);
      further.is_key = false;
      names_.append(later_paths_, again.path, again.path_length);
      // A copy: the arena moves when it grows.
      names_ += std::string(names_, first.name + visit.path, first.name_length - visit.path);
      found_.push_back(further);
    }
  }
  return true;
}

}  // namespace tensorgate::torch::internal
