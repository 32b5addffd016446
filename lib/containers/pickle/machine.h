// Interprets one pickle without running anything: a typed stack, marks and memo for the 34 opcodes
// that PyTorch's restricted unpickler executes. Only the policy's table defines what a name means
// and what a call of it returns.
//
//   torch::internal::Rebuild policy(…);                  // lib/formats/torch/rebuild.h
//   pickle::Machine machine(bytes, policy, options);
//   const pickle::Outcome outcome = machine.Run();
//   for (const pickle::Fact& fact : outcome.facts) …      // the first one of each rule
//   if (outcome.complete) Use(machine.values(), outcome.root);  // bytes from outcome.end on are
//   not part of this pickle
//
// Time and memory are linear in the bytes read, whatever they contain; nothing recurses. Values are
// views of `bytes`. Throws only std::bad_alloc.
#ifndef TENSORGATE_CONTAINERS_PICKLE_MACHINE_H_
#define TENSORGATE_CONTAINERS_PICKLE_MACHINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/interrupt.h"
#include "lib/base/pod_buffer.h"
#include "lib/containers/pickle/decode.h"
#include "lib/containers/pickle/foreign.h"
#include "lib/containers/pickle/value.h"
#include "tensorgate/limits.h"
#include "tensorgate/rules.h"

namespace tensorgate::pickle {

/// Maximum depth of nested containers.
inline constexpr std::uint32_t kMaxNesting = 200;
/// Size of the result as a tree, in bytes: kFreeExpansion is always allowed, plus kExpansion times
/// the pickle's size.
inline constexpr std::uint64_t kFreeExpansion = 64u << 20, kExpansion = 16;
/// Work of calls and keys beyond their opcodes: kFreeWork is allowed, plus one unit per byte of the
/// pickle so far.
inline constexpr std::uint64_t kFreeWork = 1u << 16;

/// A rule that fired while the machine ran; offsets are relative to the start of the span.
struct Fact {
  Rule rule{};
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> found = {}, allowed = {};
  std::string text = {};  ///< For example the name of a global; raw, at most 600 bytes.
  bool again = false;     ///< Kept although the rule was already reported.
};

struct Outcome {
  bool complete = false;  ///< STOP was reached, and no rule fired that is an error in this profile.
  Value root;             ///< Only if complete.
  std::size_t begin = 0;  ///< Where the run started.
  std::size_t end = 0;    ///< After STOP; otherwise the offset of the opcode that was not executed.
  std::uint64_t operations = 0;
  /// In the order of offsets: the first of each rule, and those with `again`.
  std::vector<Fact> facts;
};

class Machine;

/// An allowed function or class, as a number of the policy.
using Global = std::uint16_t;

/// The meaning of names. Each function returns a value, or reports a rule to the machine
/// (Machine::AddFinding) and returns none.
class Policy {
 public:
  virtual ~Policy() = default;
  /// Returns a function or class (Kind::kGlobal), or a value that has a name. `alias`: no writer
  /// uses this spelling.
  virtual std::optional<Value> Find(Machine& machine, std::string_view module,
                                    std::string_view name, bool& alias) = 0;
  /// REDUCE. `arguments` is a tuple.
  virtual std::optional<Value> Call(Machine& machine, Global function, const Value& arguments) = 0;
  /// NEWOBJ. `arguments` is a tuple.
  virtual std::optional<Value> New(Machine& machine, Global type, const Value& arguments) = 0;
  /// BUILD on anything but an OrderedDict. Returns false if a rule was reported.
  virtual bool Build(Machine& machine, const Value& target, const Value& state) = 0;
  /// BINPERSID.
  virtual std::optional<Value> Persistent(Machine& machine, const Value& id) = 0;
  /// Reserves room for what a pickle of this size usually contains.
  virtual void Expect(std::size_t bytes) = 0;
  /// STOP. Returns false if a rule was reported.
  virtual bool Finish(Machine& machine) = 0;
  /// True if a call of it, whatever the arguments, creates an object and changes no function, class
  /// or module that it receives directly.
  virtual bool OnlyCreates(Global) const { return false; }
};

class Machine {
 public:
  Machine(std::span<const std::byte> input, Policy& policy, const CheckOptions& options);

  /// Call it before Run().
  void FollowForeign();
  /// Null unless foreign values are followed.
  const ForeignValues* foreign() const { return foreign_.get(); }
  /// Runs one pickle, from `begin` to its STOP. Call it once per machine.
  Outcome Run(std::size_t begin = 0);
  Values& values() { return values_; }
  const Values& values() const { return values_; }
  /// Offset of the current opcode.
  std::uint64_t at() const { return at_; }

  // For policies.
  /// Reports a rule at the current opcode. Returns false if it is an error in this profile, which
  /// ends the run.
  bool AddFinding(Rule rule, Fact fact = {});
  /// True if the deadline has passed or the caller ended the check: its rule was reported, and the
  /// run ends.
  bool Ended();
  /// Accounts for work beyond that of the opcodes. Returns false if `pickle/expansion` was
  /// reported.
  bool Charge(std::uint64_t count);
  /// Creates a container with `items`, which may be part of the arena. The caller must Charge for
  /// them.
  Value Make(Kind kind, std::span<const Value> items);
  void Append(const Value& object, std::span<const Value> items);
  /// True if the key may occur in a mapping or set.
  bool CheckKey(const Value& key);
  // Only if foreign values are followed:
  Value MakeForeign(Origin origin, const Value& callee, const Value& arguments);
  void Give(const Value& value, Given given);

 private:
  bool Execute(const Event& event);
  bool Refuse(const OpcodeInfo& opcode);
  bool Stop();

  // The stack: nothing below the last mark can be reached.
  bool Has(std::size_t count) {
    if (stack_.size() - floor_ >= count) return true;
    return Underflow(count);
  }
  bool Underflow(std::size_t count);
  Value& Top() { return stack_[stack_.size() - 1]; }
  Value Pop();
  void Push(const Value& value) { stack_.PushBack(value); }
  void PushMark();
  /// Removes the mark, leaves the items above it, and returns their number.
  std::optional<std::uint32_t> TakeMark();
  void Drop(std::size_t count) { stack_.Resize(stack_.size() - count); }

  bool Get(std::uint64_t index);
  bool Put(std::uint64_t index);
  bool PutFar(std::uint32_t index);
  bool PushString(const Event& event, bool surrogates);
  void PushLong(const Event& event);
  bool PushGlobal(std::string_view module, std::string_view name);
  bool PushTuple(std::uint32_t count);
  bool AppendItems(std::uint32_t count);
  bool SetItems(std::uint32_t count);
  bool Reduce();
  bool NewObject();
  bool Build();
  bool Persistent();
  bool CallTarget(const Value& function, const Value& arguments);

  /// Remembers an argument of a call, a state or an id, so that it is judged like the result, which
  /// may not contain it.
  void Consume(const Value& value);
  // The result and what it was created from: no cycles, plain values, no duplicate keys
  // (result.cc).
  bool CheckResult(const Value& root);
  bool CheckTuple(const Value& key);
  static bool IsPlainKey(const Value& key);

  // Foreign values (machine_open.cc).
  bool IsForeign(const Value& value) const {
    return foreign_ && (value.kind == Kind::kForeign || value.kind == Kind::kGlobal);
  }
  bool ExecuteOpen(const Event& event);
  bool ExecuteText(const Event& event);
  Value RawBytes(const Event& event) const;
  bool PushContainer(Kind kind, std::uint32_t count);
  bool PushFrozenSet(std::uint32_t count);
  bool AddItems(std::uint32_t count);
  void GiveForKeys(const Value& container);
  void ChangeForeign(const Value& target, Operation::Kind kind, std::uint32_t count);
  void GiveToForeign(const Value& target, std::span<const Value> values, bool code);
  void ChangeNames();
  /// Calls the policy. `result` is empty if the call is one that it does not allow, which is not
  /// reported; returns false after any other rule.
  bool Try(std::optional<Value>& result, const std::function<std::optional<Value>()>& call);
  enum class Call : std::uint8_t {
    kReduce,       // f(*arguments)
    kNew,          // C.__new__(C, *arguments)
    kInstantiate,  // C.__new__(C) of a class, f() of a function
  };
  bool CallOpen(const Value& function, const Value& arguments, Call call);
  void CallForeign(const Value& function, const Value& arguments, Call call);
  bool IsPartOfName(const Value& function) const;
  bool IsAllPlain(const Value& arguments) const;
  bool IsClassName(const Value& function) const;
  bool MakesItsOwn(const Value& function, const Value& arguments) const;
  bool CreatesOnly(const Value& function, const Value& argument) const;
  bool CheckOpenKey(const Value& key);
  bool Instantiate(const Value& type);
  bool NewObjectEx();
  bool BuildOpen();
  bool IsAttributes(const Value& state);
  void BuildForeign(const Value& target, const Value& state);
  bool IsSlots(const Value& state) const;
  bool CheckOpenResult();

  std::span<const std::byte> input_;
  Policy& policy_;
  CheckOptions options_;
  internal::Interrupt interrupt_;
  Values values_;
  internal::PodBuffer<Value> stack_;
  internal::PodBuffer<std::uint32_t> marks_;  // the floors below the current one
  std::size_t floor_ = 0;
  internal::PodBuffer<Value> memo_;
  std::map<std::uint32_t, Value> far_memo_;  // indices that the strict profile refuses
  internal::PodBuffer<Value> consumed_;
  std::size_t begin_ = 0;
  std::size_t at_ = 0;  // offset of the current opcode
  std::uint64_t charged_ = 0;
  bool refused_ = false;  // a rule of severity error was reported
  Outcome outcome_;

  std::unique_ptr<ForeignValues> foreign_;
  std::uint64_t memo_count_ = 0;  // entries that were written
  std::size_t frame_end_ = 0;
  bool odd_key_ = false;     // a key was used that can compare itself as it likes
  bool trying_ = false;      // errors are collected instead of reported
  std::vector<Fact> tried_;  // those errors
};

}  // namespace tensorgate::pickle

#endif  // TENSORGATE_CONTAINERS_PICKLE_MACHINE_H_
