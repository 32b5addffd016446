// What a finished machine checks in its result, and in all arguments of calls, states and ids:
// values are plain, there are no cycles, and no key occurs twice.
#include <algorithm>
#include <array>
#include <bit>

#include "lib/base/names.h"
#include "lib/containers/pickle/keys.h"
#include "lib/containers/pickle/machine.h"

namespace tensorgate::pickle {
namespace {

// Containers are visited once each, with an explicit stack; what was found for a shared one is
// added again.
struct Visit {
  enum State : std::uint8_t { kNew, kOpen, kDone };
  State state;
  std::uint32_t nesting;  // maximum depth of nested containers, including this one
  std::uint64_t weight;   // size as a tree, in bytes
};

struct Step {
  Value object;
  std::uint32_t next;
};

constexpr std::uint64_t kWeightOfValue = sizeof(Value);
// Number of values that are visited between two looks at the deadline.
constexpr std::uint32_t kPace = 4096;

std::uint64_t Plus(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

class Walk {
 public:
  Walk(Machine& machine, const Values& values) : machine_(machine), values_(values) {
    visits_.AssignZero(values.object_count());
  }

  bool Run(const Value& root) {
    if (!Enter(root)) return false;
    internal::Pace pace(kPace);
    while (!steps_.empty()) {
      if (pace.Due() && machine_.Ended()) return false;
      Step& step = steps_[steps_.size() - 1];
      const std::span<const Value> items = values_.Items(step.object);
      const Value attributes = values_.Attributes(step.object);
      const std::size_t children = items.size() + (attributes.kind == Kind::kUndefined ? 0u : 1u);
      if (step.next == children) {
        Leave();
        continue;
      }
      const Value child = step.next < items.size() ? items[step.next] : attributes;
      ++step.next;
      if (!Enter(child)) return false;
    }
    return true;
  }

  std::uint64_t weight() const { return weight_; }
  const internal::PodBuffer<Value>& keyed() const { return keyed_; }

 private:
  bool Enter(const Value& value) {
    if (!IsObject(value.kind)) {
      Count(kWeightOfValue + value.length, 0);
      if (value.kind == Kind::kGlobal) return machine_.AddFinding(Rule::kPickleResultCallable);
      return value.kind != Kind::kStorage || machine_.AddFinding(Rule::kTorchResultStorage);
    }
    Visit& visit = visits_[static_cast<std::size_t>(value.bits)];
    if (visit.state == Visit::kOpen) return machine_.AddFinding(Rule::kPickleCycle);
    if (visit.state == Visit::kDone) {
      Count(visit.weight, visit.nesting);
      return Deep(visit.nesting);
    }
    if (!Deep(1)) return false;
    visit = {.state = Visit::kOpen, .nesting = 1, .weight = kWeightOfValue};
    steps_.PushBack({.object = value, .next = 0});
    return true;
  }

  // Adds a part of `weight` bytes and `nesting` levels to the container on top, or to the result.
  void Count(std::uint64_t weight, std::uint32_t nesting) {
    if (steps_.empty()) {
      weight_ = weight;
      return;
    }
    Visit& parent = visits_[static_cast<std::size_t>(steps_[steps_.size() - 1].object.bits)];
    parent.weight = Plus(parent.weight, weight);
    parent.nesting = std::max(parent.nesting, nesting + 1);
  }

  bool Deep(std::uint32_t nesting) {
    const std::size_t deep = steps_.size() + nesting;
    if (deep <= kMaxNesting) return true;
    return machine_.AddFinding(Rule::kPickleNesting, {.found = deep, .allowed = kMaxNesting});
  }

  void Leave() {
    const Value object = steps_[steps_.size() - 1].object;
    steps_.Resize(steps_.size() - 1);
    Visit& visit = visits_[static_cast<std::size_t>(object.bits)];
    visit.state = Visit::kDone;
    Count(visit.weight, visit.nesting);
    const bool keyed = IsMapping(object.kind) || object.kind == Kind::kSet;
    if (keyed && values_.object(object).size > 1) keyed_.PushBack(object);
  }

  Machine& machine_;
  const Values& values_;
  internal::PodBuffer<Visit> visits_;
  internal::PodBuffer<Step> steps_;
  internal::PodBuffer<Value> keyed_;  // containers that may have more than one key
  std::uint64_t weight_ = 0;
};

}  // namespace

bool Machine::CheckResult(const Value& root) {
  Walk walk(*this, values_);
  const std::uint64_t most = kFreeExpansion + kExpansion * std::uint64_t{at_ - begin_};
  const auto check = [&](const Value& value) {
    if (!walk.Run(value)) return false;
    if (walk.weight() <= most) return true;
    return AddFinding(Rule::kPickleExpansion, {.found = walk.weight(), .allowed = most});
  };
  if (!check(root) || !std::ranges::all_of(consumed_.span(), check)) return false;
  KeyCheck keys(values_, interrupt_);
  std::size_t looked_at = 0;  // values since the last look at the deadline
  for (const Value& object : walk.keyed().span()) {
    const std::optional<std::uint64_t> offset = keys.FindDuplicate(object);
    if (offset && !AddFinding(Rule::kPickleDuplicateKey, {.offset = *offset})) return false;
    looked_at += values_.object(object).size;
    if (looked_at < kPace) continue;
    looked_at = 0;
    if (Ended()) return false;
  }
  return true;
}

}  // namespace tensorgate::pickle
