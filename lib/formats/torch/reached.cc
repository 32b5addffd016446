#include "lib/formats/torch/reached.h"

#include <algorithm>
#include <utility>

#include "lib/formats/torch/open_calls.h"

namespace tensorgate::torch::internal {

using pickle::Foreign;
using pickle::Given;
using pickle::Kind;
using pickle::Origin;
using tensorgate::internal::Interrupt;

namespace {

// Number of values that are visited between two looks at the deadline.
constexpr std::uint32_t kPace = 4096;

}  // namespace

Reached::Reached(const Contents& contents)
    : contents_(contents), values_(contents.values()), foreign_(*contents.machine->foreign()) {
  causes_.AssignZero(contents.rebuild->storages().size());
  holders_.AssignZero(contents.rebuild->storages().size());
  names_changed_ = foreign_.names_changed();
}

void Reached::Forget() {
  objects_.AssignZero(values_.object_count());
  foreigns_.AssignZero(foreign_.all().size());
  tensors_.AssignZero(contents_.rebuild->tensors().size());
}

bool Reached::Run(Interrupt& interrupt) {
  Forget();
  // First the values among which functions may be changed: what is reached twice is visited once.
  for (const bool code : {true, false}) {
    if (!MarkGiven(code, true, interrupt)) return false;
  }
  given_ = std::move(objects_);
  Forget();
  if (!MarkGiven(true, false, interrupt)) return false;
  Forget();
  for (std::size_t i = 0; i < foreign_.all().size(); ++i) {
    if (foreign_.all()[i].origin != Origin::kNew) continue;
    if (!Mark(Value::Of(Kind::kForeign, i), static_cast<std::uint32_t>(i + 1), holders_, false,
              interrupt)) {
      return false;
    }
  }
  return true;
}

bool Reached::MarkGiven(bool code, bool taints, Interrupt& interrupt) {
  PodBuffer<std::uint32_t> ignored;
  if (!taints) ignored.AssignZero(causes_.size());
  for (std::size_t i = 0; i < foreign_.given().size(); ++i) {
    const Given& given = foreign_.given()[i];
    if (given.code != code || given.taints != taints) continue;
    at_ = given.offset;
    if (!Mark(given.value, static_cast<std::uint32_t>(i + 1), taints ? causes_ : ignored, code,
              interrupt)) {
      return false;
    }
  }
  return true;
}

bool Reached::Mark(const Value& from, std::uint32_t mark, PodBuffer<std::uint32_t>& marks,
                   bool names, Interrupt& interrupt) {
  Push(from, names);
  tensorgate::internal::Pace pace(kPace);
  while (!pending_.empty()) {
    if (pace.Due() && interrupt.Ended()) return false;
    const Value value = pending_[pending_.size() - 1];
    pending_.Resize(pending_.size() - 1);
    if (value.kind == Kind::kTensor) {
      const auto tensor = static_cast<std::uint32_t>(value.bits);
      std::uint32_t& slot = marks[contents_.rebuild->tensors()[tensor].storage];
      if (slot == 0) slot = mark;
      PushTensor(tensor, names);
    } else if (value.kind == Kind::kStorage) {
      std::uint32_t& slot = marks[contents_.rebuild->StorageOf(value)];
      if (slot == 0) slot = mark;
    } else {
      PushParts(value, names);
    }
  }
  return true;
}

// Adds a value that was not visited yet.
void Reached::Push(const Value& value, bool names) {
  std::uint8_t* visited = nullptr;
  if (pickle::IsObject(value.kind)) {
    visited = &objects_[static_cast<std::size_t>(value.bits)];
  } else if (value.kind == Kind::kForeign) {
    visited = &foreigns_[static_cast<std::size_t>(value.bits)];
  } else if (value.kind == Kind::kTensor) {
    visited = &tensors_[static_cast<std::size_t>(value.bits)];
  } else if (value.kind == Kind::kGlobal && names && !names_changed_ && !IsFixedType(value.bits)) {
    names_changed_ = at_;
  }
  if (value.kind == Kind::kStorage) return pending_.PushBack(value);
  if (visited == nullptr || *visited != 0) return;
  *visited = 1;
  pending_.PushBack(value);
}

void Reached::PushParts(const Value& value, bool names) {
  if (value.kind != Kind::kForeign) {
    for (const Value& item : values_.Items(value)) Push(item, names);
    return Push(values_.Attributes(value), names);
  }
  const Foreign& foreign = foreign_[value];
  if (names && !names_changed_ && foreign_.IsOpen(value)) names_changed_ = at_;
  if (foreign.origin == Origin::kName) return;
  // An object leads to its class, but only what is passed itself counts as passed; an attribute is
  // a part of what it was taken from.
  const bool callee = foreign.origin == Origin::kAttribute || !foreign_.IsName(foreign.callee);
  if (callee) Push(foreign.callee, names);
  // The classes that it was made from are not parts of it.
  for (const Value& argument : values_.Items(foreign.arguments)) {
    if (!foreign.creates_only || !foreign_.IsName(argument)) Push(argument, names);
  }
  for (std::uint32_t next = foreign.first; next != 0;) {
    const pickle::Operation& operation = foreign_.operations()[next - 1];
    Push(operation.a, names);
    Push(operation.b, names);
    next = operation.next;
  }
}

void Reached::PushTensor(std::uint32_t tensor, bool names) {
  const auto hooked = contents_.rebuild->hooked();
  const auto found = std::ranges::lower_bound(hooked, tensor, {}, &Rebuild::Hooked::tensor);
  if (found != hooked.end() && found->tensor == tensor) Push(found->hooks, names);
}

bool Reached::IsGiven(const Value& container) const {
  return pickle::IsObject(container.kind) && given_[static_cast<std::size_t>(container.bits)] != 0;
}

const Given* Reached::cause(std::uint32_t storage) const {
  return causes_[storage] == 0 ? nullptr : &foreign_.given()[causes_[storage] - 1];
}

std::optional<std::uint32_t> Reached::holder(std::uint32_t storage) const {
  if (holders_[storage] == 0) return std::nullopt;
  return holders_[storage] - 1;
}

}  // namespace tensorgate::torch::internal
