// Runs one pickle without running anything: a typed stack, marks and memo over the 34 opcodes that PyTorch's restricted
// unpickler executes. What a name means, and what a call of it makes, stands in the policy's table and nowhere else.
//
//   torch::internal::Rebuild policy(…);                  // lib/formats/torch/rebuild.h
//   pickle::Machine machine(bytes, policy, options);
//   const pickle::Outcome outcome = machine.Run();
//   for (const pickle::Fact& fact : outcome.facts) …      // the first of each rule
//   if (outcome.complete) Use(machine.values(), outcome.root);  // bytes from outcome.end on are not of this pickle
//
// Time and memory are linear in the bytes read, whatever they say; nothing recurses. Values are views of `bytes`. Throws
// std::bad_alloc only.
#ifndef TENSORGATE_CONTAINERS_PICKLE_MACHINE_H_
#define TENSORGATE_CONTAINERS_PICKLE_MACHINE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/interrupt.h"
#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/decode.h"
#include "lib/containers/pickle/value.h"
#include "tensorgate/limits.h"
#include "tensorgate/rules.h"

namespace tensorgate::pickle {

/// Containers inside each other, at most.
inline constexpr std::uint32_t kMaxNesting = 200;
/// Bytes of the result as a tree: this much is always allowed, and kExpansion times the pickle's size.
inline constexpr std::uint64_t kFreeExpansion = 64u << 20, kExpansion = 16;
/// Work that calls and keys do beyond their opcodes: this much, and one a byte of the pickle so far.
inline constexpr std::uint64_t kFreeWork = 1u << 16;

/// A rule that fired while the machine ran; offsets are from the beginning of the span.
struct Fact {
  Rule rule{};
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> found = {}, allowed = {};
  std::string text = {};  ///< Such as the name of a global; raw, at most 600 bytes.
  bool again = false;     ///< Kept although the rule was told before.
};

struct Outcome {
  bool complete = false;  ///< STOP was reached, and no rule fired that is an error in this profile.
  Value root;             ///< Only if complete.
  std::size_t begin = 0;  ///< Where the run began.
  std::size_t end = 0;    ///< Behind STOP; else of the opcode that was not executed.
  std::uint64_t operations = 0;
  std::vector<Fact> facts;  ///< Ordered by place; of each rule the first, and those with `again`.
};

class Machine;

/// An allowed function or class, by the policy's own number.
using Global = std::uint16_t;

/// What names mean. Each call either gives a value or tells the machine a rule (Machine::AddFinding) and gives none.
class Policy {
 public:
  virtual ~Policy() = default;
  /// A function or class (Kind::kGlobal), or a value that has a name. `alias`: no writer spells it so.
  virtual std::optional<Value> Find(Machine& machine, std::string_view module,
                                    std::string_view name, bool& alias) = 0;
  /// REDUCE. `arguments` is a tuple.
  virtual std::optional<Value> Call(Machine& machine, Global function, const Value& arguments) = 0;
  /// NEWOBJ. `arguments` is a tuple.
  virtual std::optional<Value> New(Machine& machine, Global type, const Value& arguments) = 0;
  /// BUILD on something else than an OrderedDict; false: a rule was told.
  virtual bool Build(Machine& machine, const Value& target, const Value& state) = 0;
  /// BINPERSID.
  virtual std::optional<Value> Persistent(Machine& machine, const Value& id) = 0;
  /// Room for what a pickle of so many bytes usually makes.
  virtual void Expect(std::size_t bytes) = 0;
  /// STOP; false: a rule was told.
  virtual bool Finish(Machine& machine) = 0;
};

class Machine {
 public:
  Machine(std::span<const std::byte> input, Policy& policy, const CheckOptions& options);

  /// One pickle, from `begin` to its STOP. Once per machine.
  Outcome Run(std::size_t begin = 0);
  Values& values() { return values_; }
  /// Where the opcode that runs stands.
  std::uint64_t at() const { return at_; }

  // For policies.
  /// A rule fired at the opcode that runs. False: it is an error in this profile, and the run ends.
  bool AddFinding(Rule rule, Fact fact = {});
  /// The deadline has passed, or the caller ended the check: its rule was told, and the run ends.
  bool Ended();
  /// Work that no opcode paid for; false: `pickle/expansion` was told.
  bool Charge(std::uint64_t count);
  /// A new container that holds `items`, which may be part of the arena. Charge for them.
  Value Make(Kind kind, std::span<const Value> items);
  void Append(const Value& object, std::span<const Value> items);
  /// The key may stand in a mapping or set.
  bool CheckKey(const Value& key);

 private:
  bool Execute(const Event& event);
  bool Refuse(const OpcodeInfo& opcode);
  bool Stop();

  // The stack: nothing below the last mark is reached.
  bool Has(std::size_t count) {
    if (stack_.size() - floor_ >= count) return true;
    return Underflow(count);
  }
  bool Underflow(std::size_t count);
  Value& Top() { return stack_[stack_.size() - 1]; }
  Value Pop();
  void Push(const Value& value) { stack_.PushBack(value); }
  void PushMark();
  /// How many items stand above the mark; the mark is taken, they stay.
  std::optional<std::uint32_t> TakeMark();
  void Drop(std::size_t count) { stack_.Resize(stack_.size() - count); }

  bool Get(std::uint64_t index);
  bool Put(std::uint64_t index);
  bool PutFar(std::uint32_t index);
  bool PushString(const Event& event, bool surrogates);
  void PushLong(const Event& event);
  bool PushGlobal(const Event& event);
  bool PushTuple(std::uint32_t count);
  bool AppendItems(std::uint32_t count);
  bool SetItems(std::uint32_t count);
  bool Reduce();
  bool NewObject();
  bool Build();
  bool Persistent();
  bool CallTarget(const Value& function, const Value& arguments);

  /// What a call, a state or an id took is judged like the result, which may not hold it.
  void Consume(const Value& value);
  // The result and what it was made of: no cycle, plain values, no key twice (result.cc).
  bool CheckResult(const Value& root);
  bool CheckTuple(const Value& key);

  std::span<const std::byte> input_;
  Policy& policy_;
  CheckOptions options_;
  internal::Interrupt interrupt_;
  Values values_;
  internal::PodBuffer<Value> stack_;
  internal::PodBuffer<std::uint32_t> marks_;  // the floors below
  std::size_t floor_ = 0;
  internal::PodBuffer<Value> memo_;
  std::map<std::uint32_t, Value> far_memo_;  // indices that strict refuses
  internal::PodBuffer<Value> consumed_;
  std::size_t begin_ = 0;
  std::size_t at_ = 0;  // of the opcode that runs
  std::uint64_t charged_ = 0;
  bool refused_ = false;  // a rule of severity error was told
  Outcome outcome_;
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_MACHINE_H_
