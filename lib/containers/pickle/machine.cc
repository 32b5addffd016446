#include "lib/containers/pickle/machine.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/utf8.h"

namespace tensorgate::pickle {
namespace {

// Indices of the arena have 32 bits; users' limits are far below that.
constexpr std::uint64_t kMaxOperations = 200'000'000;
// Number of opcodes that are executed between two looks at the deadline.
constexpr std::uint64_t kPace = 4096;
constexpr std::uint64_t kNewestProtocol = 5;

bool IsHashable(const Values& values, const Value& value) {
  return !IsObject(value.kind) || values.object(value).hashable;
}

// For kinds of objects.
constexpr bool IsImmutable(Kind kind) { return kind <= Kind::kDevice; }

// Texts shorter than this cost no more than their opcode.
constexpr std::uint32_t kShortKey = 16;

}  // namespace

Machine::Machine(std::span<const std::byte> input, Policy& policy, const CheckOptions& options)
    : input_(input),
      policy_(policy),
      options_(options),
      interrupt_(options_),
      values_(internal::AsText(input)) {
  // Enough for a state dict of this size. Memory is reserved but not touched, and grows if a file
  // needs more.
  constexpr std::size_t kMaxExpected = 16u << 20;
  const std::size_t expected = std::min(input.size(), kMaxExpected);
  memo_.Expect(expected / 24);
  values_.objects_.Expect(expected / 24);
  values_.pool_.Expect(expected / 8);
  policy.Expect(expected);
}

bool Machine::AddFinding(Rule rule, Fact fact) {
  fact.rule = rule;
  const RuleInfo& info = Info(rule);
  const Level level = options_.profile == Profile::kStrict ? info.strict : info.reference;
  if (trying_ && level == Level::kError) {
    fact.offset = at_;
    tried_.push_back(std::move(fact));
    return false;
  }
  const bool first = fact.again || std::ranges::none_of(outcome_.facts, [&](const Fact& each) {
                       return each.rule == rule;
                     });
  if (first && level != Level::kOff) {
    if (fact.offset == 0) fact.offset = at_;
    outcome_.facts.push_back(std::move(fact));
  }
  refused_ |= level == Level::kError;
  return level != Level::kError;
}

bool Machine::Ended() {
  const std::optional<Rule> rule = interrupt_.Ended();
  if (rule) AddFinding(*rule);
  return rule.has_value();
}

bool Machine::Charge(std::uint64_t count) {
  charged_ += std::min<std::uint64_t>(count, UINT32_MAX);
  const std::uint64_t allowed = kFreeWork + (at_ - begin_);
  if (charged_ <= allowed) return true;
  return AddFinding(Rule::kPickleExpansion, {.found = charged_, .allowed = allowed});
}

Outcome Machine::Run(std::size_t begin) {
  const std::uint64_t most = std::min(options_.limits.pickle_operations, kMaxOperations);
  std::uint64_t pause = std::min(most, kPace);  // next look at a limit or the deadline
  Decoder decoder(input_, begin);
  Event event;
  begin_ = outcome_.begin = begin;
  while (decoder.Next(event)) {
    at_ = event.offset;
    if (++outcome_.operations > pause) [[unlikely]] {
      if (pause == most) AddFinding(Rule::kLimitPickleOperations, {.allowed = most});
      if (pause == most || Ended()) break;
      pause = std::min(most, pause + kPace);
    }
    if (!Execute(event)) break;
    if (event.op == Op::kStop) {
      outcome_.complete = true;
      outcome_.end = event.end;
      return std::move(outcome_);
    }
  }
  if (decoder.error() != DecodeError::kNone) {
    at_ = decoder.offset();
    AddFinding(RuleOf(decoder.error()), {.found = decoder.found()});
  }
  // Fail closed: if the run stopped without a finding, the rest is unverified.
  if (!refused_) AddFinding(Rule::kLimitPickleOperations, {.allowed = outcome_.operations});
  outcome_.root = {};
  outcome_.end = at_;
  return std::move(outcome_);
}

bool Machine::Execute(const Event& event) {
  if (event.offset == begin_ && event.op != Op::kProto && !foreign_ &&
      !AddFinding(Rule::kPickleProtoMissing))
    return false;
  // CPython's unpickler in Python stops here, the one in C does not.
  if (event.crosses_frame) [[unlikely]]
    return Refuse(*FindOpcode(static_cast<std::uint8_t>(Op::kFrame)));
  switch (event.op) {
    case Op::kBinGet:
    case Op::kLongBinGet:
      return Get(event.number);
    case Op::kBinPut:
    case Op::kLongBinPut:
      return Put(event.number);
    case Op::kMark:
      PushMark();
      return true;
    case Op::kBinUnicode:
      return PushString(event, true);
    case Op::kShortBinString:
      return PushString(event, false);
    case Op::kBinInt:
    case Op::kBinInt1:
    case Op::kBinInt2:
      Push(Value::Of(Kind::kInt, event.number));
      return true;
    case Op::kBinFloat:
      Push(Value::Of(Kind::kFloat, event.number));
      return true;
    case Op::kLong1:
      PushLong(event);
      return true;
    case Op::kNone:
      Push(Value::Of(Kind::kNone));
      return true;
    case Op::kNewTrue:
      Push(Value::Of(Kind::kBool, 1));
      return true;
    case Op::kNewFalse:
      Push(Value::Of(Kind::kBool, 0));
      return true;
    case Op::kEmptyTuple:
      Push(Make(Kind::kTuple, {}));
      return true;
    case Op::kEmptyList:
      Push(Make(Kind::kList, {}));
      return true;
    case Op::kEmptyDict:
      Push(Make(Kind::kDict, {}));
      return true;
    case Op::kEmptySet:
      Push(Make(Kind::kSet, {}));
      return true;
    case Op::kTuple1:
      return PushTuple(1);
    case Op::kTuple2:
      return PushTuple(2);
    case Op::kTuple3:
      return PushTuple(3);
    case Op::kTuple: {
      const std::optional<std::uint32_t> count = TakeMark();
      if (!count) return false;
      return PushTuple(*count);
    }
    case Op::kReduce:
      return Has(2) && Reduce();
    case Op::kBinPersId:
      return Has(1) && Persistent();
    case Op::kSetItem:
      return Has(3) && SetItems(2);
    case Op::kSetItems: {
      const std::optional<std::uint32_t> count = TakeMark();
      return count && Has(std::size_t{*count} + 1) && SetItems(*count);
    }
    case Op::kAppend:
      return Has(2) && AppendItems(1);
    case Op::kAppends: {
      const std::optional<std::uint32_t> count = TakeMark();
      return count && Has(std::size_t{*count} + 1) && AppendItems(*count);
    }
    case Op::kGlobal:
      return PushGlobal(event.text, event.name);
    case Op::kBuild:
      return Has(2) && Build();
    case Op::kNewObj:
      return Has(2) && NewObject();
    case Op::kProto:
      if (event.offset != begin_ && !AddFinding(Rule::kPickleProtoLate)) return false;
      return event.number == 2 || (foreign_ && event.number <= kNewestProtocol) ||
             AddFinding(Rule::kPickleProtoVersion, {.found = event.number});
    case Op::kStop:
      return Has(1) && Stop();
    default:
      if (foreign_) return ExecuteOpen(event);
      return Refuse(*FindOpcode(static_cast<std::uint8_t>(event.op)));
  }
}

bool Machine::Refuse(const OpcodeInfo& opcode) {
  AddFinding(RefusedBy(opcode.use), {.found = opcode.protocol, .text = std::string(opcode.name)});
  return false;  // no profile can continue
}

bool Machine::Stop() {
  const std::size_t left = stack_.size() - 1 + marks_.size();
  if (left != 0 && !AddFinding(Rule::kPickleLeftover, {.found = left})) return false;
  outcome_.root = Top();
  if (!policy_.Finish(*this)) return false;
  return foreign_ ? CheckOpenResult() : CheckResult(outcome_.root);
}

// ---- The stack.

bool Machine::Underflow(std::size_t count) {
  AddFinding(Rule::kPickleStackUnderflow, {.found = stack_.size() - floor_, .allowed = count});
  return false;
}

Value Machine::Pop() {
  const Value value = Top();
  Drop(1);
  return value;
}

void Machine::PushMark() {
  marks_.PushBack(static_cast<std::uint32_t>(floor_));
  floor_ = stack_.size();
}

std::optional<std::uint32_t> Machine::TakeMark() {
  if (marks_.empty()) {
    AddFinding(Rule::kPickleMarkMissing);
    return std::nullopt;
  }
  const std::size_t count = stack_.size() - floor_;
  floor_ = marks_[marks_.size() - 1];
  marks_.Resize(marks_.size() - 1);
  return static_cast<std::uint32_t>(count);
}

// ---- The memo.

bool Machine::Get(std::uint64_t index) {
  if (index < memo_.size()) {
    const Value& value = memo_[static_cast<std::size_t>(index)];
    if (value.kind != Kind::kUndefined) {
      Push(value);
      return true;
    }
  } else if (const auto far = far_memo_.find(static_cast<std::uint32_t>(index));
             far != far_memo_.end()) {
    Push(far->second);
    return true;
  }
  AddFinding(Rule::kPickleMemoUndefined, {.found = index});
  return false;
}

bool Machine::Put(std::uint64_t index) {
  if (!Has(1)) return false;
  if (index < memo_.size()) {
    Value& slot = memo_[static_cast<std::size_t>(index)];
    if (slot.kind != Kind::kUndefined && !AddFinding(Rule::kPickleMemoRedefined, {.found = index}))
      return false;
    slot = Top();
    ++memo_count_;
    return true;
  }
  // Writers number entries consecutively: an index is at most the number of opcodes before it.
  if (index > outcome_.operations) return PutFar(static_cast<std::uint32_t>(index));
  while (memo_.size() < index) {
    const auto far = far_memo_.find(static_cast<std::uint32_t>(memo_.size()));
    memo_.PushBack(far == far_memo_.end() ? Value() : far->second);
  }
  memo_.PushBack(Top());
  ++memo_count_;
  return true;
}

bool Machine::PutFar(std::uint32_t index) {
  if (!AddFinding(Rule::kPickleMemoIndex, {.found = index, .allowed = outcome_.operations}))
    return false;
  far_memo_[index] = Top();
  return true;
}

// ---- Plain values.

bool Machine::PushString(const Event& event, bool surrogates) {
  const std::size_t valid = internal::ValidUtf8Length(event.text);
  if (valid != event.text.size()) [[unlikely]] {
    const bool surrogate =
        surrogates && internal::ValidUtf8Length(event.text, true) == event.text.size();
    const Rule rule = surrogate ? Rule::kPickleStringSurrogate : Rule::kPickleStringEncoding;
    if (!AddFinding(rule, {.found = valid})) return false;
  }
  const std::size_t offset = event.end - event.text.size();
  Push({.kind = Kind::kString,
        .length = static_cast<std::uint32_t>(event.text.size()),
        .bits = offset});
  return true;
}

void Machine::PushLong(const Event& event) {
  std::string_view digits = event.text;
  // The shortest form: the last byte must not be a mere repetition of the sign.
  while (digits.size() > 1) {
    const bool negative = (digits[digits.size() - 2] & 0x80) != 0;
    if (digits.back() != (negative ? '\xFF' : '\0')) break;
    digits.remove_suffix(1);
  }
  if (digits.size() > 8) {
    const std::size_t offset = event.end - event.text.size();
    return Push({.kind = Kind::kBigInt,
                 .length = static_cast<std::uint32_t>(digits.size()),
                 .bits = offset});
  }
  std::uint64_t number = 0;
  for (std::size_t i = digits.size(); i-- != 0;)
    number = number << 8 | static_cast<unsigned char>(digits[i]);
  if (!digits.empty() && digits.size() < 8 && (digits.back() & 0x80) != 0)
    number |= ~0ull << (8 * digits.size());
  Push(Value::Of(Kind::kInt, number));
}

Value Machine::Make(Kind kind, std::span<const Value> items) {
  Object object = {.kind = kind, .hashable = IsImmutable(kind), .flat = true};
  object.begin = static_cast<std::uint32_t>(values_.pool_.size());
  values_.objects_.PushBack(object);
  const Value made = Value::Of(kind, values_.objects_.size() - 1);
  if (!items.empty()) Append(made, items);
  return made;
}

void Machine::Append(const Value& value, std::span<const Value> items) {
  Object& object = values_.Mutable(value);
  // The arena, and the items in it, may move while it grows.
  const std::span<const Value> pool = values_.pool_.span();
  const std::optional<std::size_t> inside = internal::IndexWithin(pool, items);
  const std::span<Value> added = values_.Extend(object, static_cast<std::uint32_t>(items.size()));
  if (inside) items = values_.pool_.span().subspan(*inside, items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    added[i] = items[i];
    object.hashable &= IsHashable(values_, items[i]);
    object.flat &= IsScalar(items[i].kind);
  }
}

bool Machine::PushTuple(std::uint32_t count) {
  if (!Has(count)) return false;
  // Like Append, but with items from the stack: nearly every container is created here.
  Object tuple = {
      .kind = Kind::kTuple, .hashable = true, .flat = true, .size = count, .capacity = count};
  const std::size_t begin = values_.GrowPool(values_.pool_.size() + count);
  const std::span<Value> into = values_.pool_.span().subspan(begin, count);
  const std::span<const Value> items = stack_.span().subspan(stack_.size() - count);
  for (std::size_t i = 0; i < count; ++i) {
    into[i] = items[i];
    tuple.hashable &= IsHashable(values_, items[i]);
    tuple.flat &= IsScalar(items[i].kind);
  }
  tuple.begin = static_cast<std::uint32_t>(begin);
  values_.objects_.PushBack(tuple);
  Drop(count);
  Push(Value::Of(Kind::kTuple, values_.objects_.size() - 1));
  return true;
}

// ---- Containers.

bool Machine::AppendItems(std::uint32_t count) {
  const Value target = stack_[stack_.size() - count - 1];
  if (IsForeign(target)) {
    ChangeForeign(target, Operation::Kind::kAppended, count);
    return true;
  }
  if (target.kind != Kind::kList) {
    AddFinding(Rule::kPickleAppendTarget, {.text = std::string(Name(target.kind))});
    return false;
  }
  Append(target, stack_.span().subspan(stack_.size() - count));
  Drop(count);
  return true;
}

bool Machine::SetItems(std::uint32_t count) {
  const Value target = stack_[stack_.size() - count - 1];
  if (!IsMapping(target.kind) && !IsForeign(target)) {
    AddFinding(Rule::kPickleSetItemTarget, {.text = std::string(Name(target.kind))});
    return false;
  }
  if (count % 2 != 0) {
    AddFinding(Rule::kPickleSetItemOdd, {.found = count});
    return false;
  }
  if (IsForeign(target)) {
    ChangeForeign(target, Operation::Kind::kItem, count);
    return true;
  }
  const std::span<const Value> items = stack_.span().subspan(stack_.size() - count);
  for (std::size_t i = 0; i < count; i += 2) {
    if (!CheckKey(items[i])) return false;
  }
  Append(target, items);
  Drop(count);
  GiveForKeys(target);
  return true;
}

// True if all readers agree whether it equals another key: it is neither NaN nor an integer that
// only some floats equal.
bool Machine::IsPlainKey(const Value& key) {
  const bool nan = key.kind == Kind::kFloat && key.Float() != key.Float();
  return key.kind <= Kind::kQscheme && key.kind != Kind::kBigInt && !nan;
}

// A key is hashed and compared each time it is used.
bool Machine::CheckKey(const Value& key) {
  if (key.IsString()) return key.length < kShortKey || Charge(key.length / kShortKey);
  if (!IsHashable(values_, key)) {
    AddFinding(Rule::kPickleKeyUnhashable, {.text = std::string(Name(key.kind))});
    return false;
  }
  if (key.kind == Kind::kTuple && values_.object(key).flat) return CheckTuple(key);
  if (foreign_) {
    odd_key_ |= !CheckOpenKey(key);
    return key.kind != Kind::kTuple || Charge(values_.Items(key).size());
  }
  return IsPlainKey(key) || AddFinding(Rule::kPickleKeyKind, {.text = std::string(Name(key.kind))});
}

bool Machine::CheckTuple(const Value& key) {
  const std::span<const Value> items = values_.Items(key);
  std::uint64_t bytes = items.size();
  for (const Value& item : items) bytes += item.length / kShortKey;
  if (!Charge(bytes)) return false;
  const auto odd = std::ranges::find_if_not(items, IsPlainKey);
  if (foreign_ && odd != items.end()) {
    odd_key_ = true;
    return true;
  }
  return odd == items.end() ||
         AddFinding(Rule::kPickleKeyKind, {.text = "tuple with " + std::string(Name(odd->kind))});
}

// ---- Names, calls, states.

bool Machine::PushGlobal(std::string_view module, std::string_view name) {
  bool alias = false;
  const std::optional<Value> global = policy_.Find(*this, module, name, alias);
  if (!global && foreign_) {
    const bool utf8 = internal::ValidUtf8Length(module) == module.size() &&
                      internal::ValidUtf8Length(name) == name.size();
    if (!utf8 && !AddFinding(Rule::kPickleStringEncoding)) return false;
    Push(foreign_->Add({.offset = at_, .module = module, .name = name}));
    return true;
  }
  if (!global) {
    AddFinding(Rule::kPickleGlobalOutside, {.text = FullName(module, name)});
    return false;
  }
  if (alias && !AddFinding(Rule::kPickleGlobalAlias, {.text = FullName(module, name)}))
    return false;
  Push(*global);
  return true;
}

bool Machine::CallTarget(const Value& function, const Value& arguments) {
  if (function.kind != Kind::kGlobal) {
    AddFinding(Rule::kPickleCallTarget, {.text = std::string(Name(function.kind))});
    return false;
  }
  if (arguments.kind != Kind::kTuple) {
    AddFinding(Rule::kPickleCallArguments, {.text = std::string(Name(arguments.kind))});
    return false;
  }
  return true;
}

bool Machine::Reduce() {
  const Value arguments = Pop(), function = Pop();
  if (foreign_) return CallOpen(function, arguments, Call::kReduce);
  if (!CallTarget(function, arguments)) return false;
  const std::optional<Value> result =
      policy_.Call(*this, static_cast<Global>(function.bits), arguments);
  if (result) Push(*result);
  for (const Value& argument : values_.Items(arguments)) Consume(argument);
  return result.has_value();
}

bool Machine::NewObject() {
  const Value arguments = Pop(), type = Pop();
  if (foreign_) return CallOpen(type, arguments, Call::kNew);
  if (!CallTarget(type, arguments)) return false;
  const std::optional<Value> result = policy_.New(*this, static_cast<Global>(type.bits), arguments);
  if (result) Push(*result);
  for (const Value& argument : values_.Items(arguments)) Consume(argument);
  return result.has_value();
}

// Its items may still change, so it is judged at the end.
void Machine::Consume(const Value& value) {
  if (!IsObject(value.kind)) return;
  const bool settled = IsImmutable(value.kind) && values_.object(value).flat;
  if (!settled) consumed_.PushBack(value);
}

bool Machine::Build() {
  if (foreign_) return BuildOpen();
  const Value state = Pop(), target = Top();
  Consume(state);
  if (target.kind != Kind::kOrderedDict) return policy_.Build(*this, target, state);
  // Attributes of the OrderedDict: module.state_dict() has one, `_metadata`.
  const std::span<const Value> items = values_.Items(state);
  const bool again = values_.object(target).attributes != 0;
  bool named = true;
  if (!Charge(items.size())) return false;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    named &= items[i].IsString();
    if (IsMapping(state.kind) && !CheckKey(items[i])) return false;
  }
  if (!IsMapping(state.kind) || ((again || !named) && options_.profile == Profile::kStrict)) {
    AddFinding(Rule::kPickleBuildState, {.text = std::string(Name(state.kind))});
    return false;
  }
  // A copy: later changes of the state do not affect the attributes.
  const Value attributes = Make(Kind::kDict, items);
  values_.Mutable(target).attributes = static_cast<std::uint32_t>(attributes.bits) + 1;
  return true;
}

bool Machine::Persistent() {
  const Value id = Pop();
  const std::optional<Value> result = policy_.Persistent(*this, id);
  if (result) Push(*result);
  for (const Value& part : values_.Items(id)) Consume(part);
  return result.has_value();
}

}  // namespace tensorgate::pickle
