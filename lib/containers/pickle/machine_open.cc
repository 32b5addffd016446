// The machine on a pickle that it may not judge but only follow: every opcode of protocols 0 to 5,
// with values that stand for what is outside the policy's table. CPython's unpickler in C decides
// what an opcode does; where its twin in Python differs, the run ends.
#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "lib/containers/pickle/keys.h"
#include "lib/containers/pickle/machine.h"

namespace tensorgate::pickle {
namespace {

// Calls with more arguments are given as one value.
constexpr std::size_t kFewArguments = 16;

// What a call of a known function may be refused for, without a doubt about the rest of the pickle.
constexpr std::array kCallRules = {Rule::kTorchCallArguments,    Rule::kTorchNewObject,
                                   Rule::kTorchBuildTarget,      Rule::kTorchRebuildQuantized,
                                   Rule::kTorchRebuildSparse,    Rule::kTorchRebuildNested,
                                   Rule::kTorchRebuildMeta,      Rule::kTorchRebuildWrapper,
                                   Rule::kTorchRebuildDevice,    Rule::kTorchRebuildFromType,
                                   Rule::kTorchTensorClass,      Rule::kTorchParameterState,
                                   Rule::kTorchTensorMetadata,   Rule::kTorchDtypeUnexpected,
                                   Rule::kTorchDtypeUnsupported, Rule::kTorchRank,
                                   Rule::kTorchTensorOverflow,   Rule::kTorchViewOutside,
                                   Rule::kTorchViewOutsideEmpty, Rule::kTorchStorageType,
                                   Rule::kPickleKeyUnhashable};

bool IsCallRule(const Fact& fact) {
  return std::ranges::find(kCallRules, fact.rule) != kCallRules.end();
}

bool CanLead(const Value& value) {
  return IsObject(value.kind) || value.kind == Kind::kTensor || value.kind == Kind::kStorage ||
         value.kind == Kind::kGlobal || value.kind == Kind::kForeign;
}

// A number as Python writes it: no plus, no leading zero.
template <typename Number>
bool Digits(std::string_view text, Number& number) {
  const bool minus = text.starts_with('-');
  const std::string_view digits = text.substr(minus ? 1 : 0);
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0') || (minus && digits == "0")) {
    return false;
  }
  const char* const end = std::to_address(text.end());
  const auto read = std::from_chars(std::to_address(text.begin()), end, number);
  return read.ec == std::errc() && read.ptr == end;
}

// A number of more than 64 bits: it is kept without its value.
bool IsLong(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  return digits.size() > 19 && digits[0] != '0' &&
         digits.find_first_not_of("0123456789") == digits.npos;
}

// A float as repr() writes it.
bool ReadFloat(std::string_view text, double& number) {
  if (text.empty() || text.find_first_not_of("0123456789.e+-infa") != text.npos) return false;
  const char* const end = std::to_address(text.end());
  const auto read = std::from_chars(std::to_address(text.begin()), end, number);
  return read.ec == std::errc() && read.ptr == end;
}

// True for characters that mean themselves in every kind of text opcode.
bool IsPlainText(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
}

bool IsQuoted(std::string_view text) {
  return text.size() >= 2 && (text[0] == '\'' || text[0] == '"') && text.back() == text[0] &&
         text.substr(1, text.size() - 2).find(text[0]) == text.npos;
}

}  // namespace

void Machine::FollowForeign() { foreign_ = std::make_unique<ForeignValues>(values_); }

Value Machine::MakeForeign(Origin origin, const Value& callee, const Value& arguments) {
  return foreign_->Add({.origin = origin, .offset = at_, .callee = callee, .arguments = arguments});
}

void Machine::Give(const Value& value, Given given) {
  if (!CanLead(value)) return;
  given.value = value;
  given.offset = at_;
  foreign_->given_.push_back(given);
}

// ---- Opcodes.

bool Machine::ExecuteOpen(const Event& event) {
  switch (event.op) {
    case Op::kPop:
      if (stack_.size() > floor_) {
        Drop(1);
        return true;
      }
      return TakeMark().has_value();
    case Op::kPopMark: {
      const std::optional<std::uint32_t> count = TakeMark();
      if (count) Drop(*count);
      return count.has_value();
    }
    case Op::kDup:
      if (!Has(1)) return false;
      Push(Value(Top()));
      return true;
    case Op::kBinBytes:
    case Op::kShortBinBytes:
    case Op::kBinBytes8:
      if (event.number > UINT32_MAX) break;
      Push(RawBytes(event));
      return true;
    case Op::kByteArray8: {
      if (event.number > UINT32_MAX) break;
      const Value bytes = RawBytes(event);
      Push(Make(Kind::kByteArray, std::span(&bytes, 1)));
      return true;
    }
    case Op::kBinString:
      return PushString(event, false);
    case Op::kShortBinUnicode:
      return PushString(event, true);
    case Op::kBinUnicode8:
      if (event.number > UINT32_MAX) break;
      return PushString(event, true);
    case Op::kLong4:
      PushLong(event);
      return true;
    case Op::kAddItems: {
      const std::optional<std::uint32_t> count = TakeMark();
      return count && Has(std::size_t{*count} + 1) && AddItems(*count);
    }
    case Op::kFrozenSet: {
      const std::optional<std::uint32_t> count = TakeMark();
      return count && PushFrozenSet(*count);
    }
    case Op::kList: {
      const std::optional<std::uint32_t> count = TakeMark();
      return count && PushContainer(Kind::kList, *count);
    }
    case Op::kDict: {
      const std::optional<std::uint32_t> count = TakeMark();
      return count && PushContainer(Kind::kDict, *count);
    }
    case Op::kInst: {
      const std::optional<std::uint32_t> count = TakeMark();
      if (!count || !PushGlobal(event.text, event.name)) return false;
      const Value type = Pop();
      if (!PushTuple(*count)) return false;
      return Instantiate(type);
    }
    case Op::kObj: {
      const std::optional<std::uint32_t> count = TakeMark();
      if (!count || !Has(std::max<std::size_t>(*count, 1))) return false;
      if (*count == 0) return Underflow(1);
      if (!PushTuple(*count - 1)) return false;
      const Value arguments = Pop(), type = Pop();
      Push(arguments);
      return Instantiate(type);
    }
    case Op::kNewObjEx:
      return Has(3) && NewObjectEx();
    case Op::kExt1:
    case Op::kExt2:
    case Op::kExt4:
      if (event.Signed() <= 0) break;
      Push(foreign_->Add({.offset = at_, .name = "an extension code"}));
      return true;
    case Op::kStackGlobal: {
      if (!Has(2)) return false;
      const Value name = Pop(), module = Pop();
      if (!name.IsString() || !module.IsString()) break;
      return PushGlobal(values_.Text(module), values_.Text(name));
    }
    case Op::kMemoize:
      return Put(memo_count_);
    case Op::kFrame:
      if (event.end < frame_end_) break;
      frame_end_ = event.end + static_cast<std::size_t>(event.number);
      return true;
    default:
      if (FindOpcode(static_cast<std::uint8_t>(event.op))->use == Use::kText) {
        return ExecuteText(event);
      }
  }
  return Refuse(*FindOpcode(static_cast<std::uint8_t>(event.op)));
}

// Arguments that are lines of text: only as Python's own pickler writes them, since readers differ
// about the others.
bool Machine::ExecuteText(const Event& event) {
  const std::string_view text = event.text;
  switch (event.op) {
    case Op::kInt: {
      if (text == "00" || text == "01") {
        Push(Value::Of(Kind::kBool, text == "01" ? 1 : 0));
        return true;
      }
      std::int64_t number = 0;
      if (!Digits(text, number)) break;
      Push(Value::Of(Kind::kInt, static_cast<std::uint64_t>(number)));
      return true;
    }
    case Op::kLong: {
      std::int64_t number = 0;
      if (!text.ends_with('L')) break;
      const std::string_view digits = text.substr(0, text.size() - 1);
      if (IsLong(digits)) {
        Push(MakeForeign(Origin::kKept, {}, {}));
        return true;
      }
      if (!Digits(digits, number)) break;
      Push(Value::Of(Kind::kInt, static_cast<std::uint64_t>(number)));
      return true;
    }
    case Op::kFloat: {
      double number = 0;
      if (!ReadFloat(text, number)) break;
      Push(Value::Of(Kind::kFloat, std::bit_cast<std::uint64_t>(number)));
      return true;
    }
    case Op::kString:
    case Op::kUnicode: {
      const bool quoted = event.op == Op::kString;
      if (!IsPlainText(text) || (quoted && !IsQuoted(text))) break;
      const std::size_t begin = event.end - 1 - text.size() + (quoted ? 1 : 0);
      Push({.kind = Kind::kString,
            .length = static_cast<std::uint32_t>(text.size() - (quoted ? 2 : 0)),
            .bits = begin});
      return true;
    }
    case Op::kGet:
    case Op::kPut: {
      std::uint32_t index = 0;
      if (text.starts_with('-') || !Digits(text, index)) break;
      return event.op == Op::kGet ? Get(index) : Put(index);
    }
    default:  // PERSID
      break;
  }
  return Refuse(*FindOpcode(static_cast<std::uint8_t>(event.op)));
}

Value Machine::RawBytes(const Event& event) const {
  return {.kind = Kind::kRawBytes,
          .length = static_cast<std::uint32_t>(event.text.size()),
          .bits = event.end - event.text.size()};
}

// ---- Containers.

bool Machine::PushContainer(Kind kind, std::uint32_t count) {
  if (!Has(count)) return false;
  const std::span<const Value> items = stack_.span().subspan(stack_.size() - count);
  if (kind == Kind::kDict && count % 2 != 0) {
    AddFinding(Rule::kPickleSetItemOdd, {.found = count});
    return false;
  }
  for (std::size_t i = 0; kind == Kind::kDict && i < count; i += 2) {
    if (!CheckKey(items[i])) return false;
  }
  const Value made = Make(kind, items);
  Drop(count);
  Push(made);
  GiveForKeys(made);
  return true;
}

bool Machine::PushFrozenSet(std::uint32_t count) {
  if (!Has(count)) return false;
  for (const Value& item : stack_.span().subspan(stack_.size() - count)) {
    if (!CheckKey(item)) return false;
  }
  if (!PushTuple(count)) return false;
  const Value items = Pop();
  Push(MakeForeign(Origin::kKept, {}, items));
  GiveForKeys(items);
  return true;
}

bool Machine::AddItems(std::uint32_t count) {
  const Value target = stack_[stack_.size() - count - 1];
  const std::span<const Value> items = stack_.span().subspan(stack_.size() - count);
  if (target.kind == Kind::kForeign) {
    ChangeForeign(target, Operation::Kind::kAdded, count);
    return true;
  }
  if (target.kind != Kind::kSet) {
    AddFinding(Rule::kPickleAppendTarget, {.text = std::string(Name(target.kind))});
    return false;
  }
  for (const Value& item : items) {
    if (!CheckKey(item)) return false;
  }
  Append(target, items);
  Drop(count);
  GiveForKeys(target);
  return true;
}

// True if all readers agree what the key equals. Any other kind can compare itself with the other
// keys as it likes, and receives itself and them.
bool Machine::CheckOpenKey(const Value& key) {
  // A tensor is hashed and compared by its identity.
  if (key.kind == Kind::kTensor || IsPlainKey(key)) return true;
  const Given given{.why = Given::Why::kKey, .code = true};
  // A class or function only receives itself.
  const auto give = [&](const Value& each) {
    if (foreign_->IsName(each)) return;
    const bool made = each.kind == Kind::kForeign && (*foreign_)[each].origin == Origin::kCall;
    Give(made ? (*foreign_)[each].arguments : each, given);
  };
  if (key.kind != Kind::kTuple) {
    give(key);
    return false;
  }
  bool plain = true;
  for (std::size_t i = 0; i < values_.Items(key).size(); ++i) {
    const Value item = values_.Items(key)[i];
    if (IsPlainKey(item)) continue;
    plain = false;
    give(item);
  }
  return plain;
}

// Such a key may replace the values of others.
void Machine::GiveForKeys(const Value& container) {
  if (!odd_key_) return;
  odd_key_ = false;
  Give(container, {.why = Given::Why::kKey});
}

// SETITEM(S), APPEND(S) and ADDITEMS on a foreign value: takes `count` values from the stack.
void Machine::ChangeForeign(const Value& target, Operation::Kind kind, std::uint32_t count) {
  const std::span<const Value> items = stack_.span().subspan(stack_.size() - count);
  // No writer changes a part of something, nor what has methods of its own from a state.
  const Foreign* const object = target.kind == Kind::kForeign ? &(*foreign_)[target] : nullptr;
  if (foreign_->IsOpen(target) || object->origin == Origin::kAttribute ||
      (object->origin == Origin::kKept && object->has_state)) {
    ChangeNames();
  } else if (const Origin origin = (*foreign_)[target].origin;
             origin == Origin::kNew || origin == Origin::kKept) {
    // A sequence with a maximum length drops items.
    if (origin == Origin::kKept) kind = Operation::Kind::kAdded;
    const std::size_t step = kind == Operation::Kind::kItem ? 2 : 1;
    for (std::size_t i = 0; i < count; i += step) {
      if (step == 2 && !CheckOpenKey(items[i])) Give(target, {.why = Given::Why::kKey});
      foreign_->AddOperation(
          target, {.kind = kind, .a = items[i], .b = step == 2 ? items[i + 1] : Value()});
    }
  } else {
    GiveToForeign(target, items, true);
    for (const Value& item : items) {
      foreign_->AddOperation(target, {.kind = Operation::Kind::kAdded, .a = item});
    }
  }
  Drop(count);
}

// Passes `values` to a method of `target`.
void Machine::GiveToForeign(const Value& target, std::span<const Value> values, bool code) {
  const Given given{.code = code, .by = static_cast<std::uint32_t>(target.bits) + 1};
  Give(target, given);
  for (const Value& value : values) Give(value, given);
}

void Machine::ChangeNames() {
  if (!foreign_->names_changed_) foreign_->names_changed_ = at_;
}

// ---- Names, calls, states.

bool Machine::Try(std::optional<Value>& result, const std::function<std::optional<Value>()>& call) {
  trying_ = true;
  tried_.clear();
  result = call();
  trying_ = false;
  if (result || std::ranges::all_of(tried_, IsCallRule)) return true;
  for (const Fact& fact : tried_) {
    if (!IsCallRule(fact)) AddFinding(fact.rule, fact);
  }
  return false;
}

bool Machine::CallOpen(const Value& function, const Value& arguments, Call call) {
  if (arguments.kind != Kind::kTuple && arguments.kind != Kind::kSize) {
    AddFinding(Rule::kPickleCallArguments, {.text = std::string(Name(arguments.kind))});
    return false;
  }
  if (function.kind == Kind::kGlobal) {
    const auto number = static_cast<Global>(function.bits);
    std::optional<Value> result;
    if (!Try(result, [&] {
          return call == Call::kReduce ? policy_.Call(*this, number, arguments)
                                       : policy_.New(*this, number, arguments);
        })) {
      return false;
    }
    if (result) {
      GiveForKeys(*result);
      // Numbers of NumPy, and its dtypes, can be keys.
      if (result->kind == Kind::kNumpyScalar || result->kind == Kind::kNumpyDtype) {
        values_.Mutable(*result).hashable = true;
      }
      Push(*result);
      return true;
    }
  } else if (function.kind != Kind::kForeign) {
    AddFinding(Rule::kPickleCallTarget, {.text = std::string(Name(function.kind))});
    return false;
  }
  odd_key_ = false;
  CallForeign(function, arguments, call);
  return true;
}

void Machine::CallForeign(const Value& function, const Value& arguments, Call call) {
  const bool known = function.kind == Kind::kGlobal;
  const bool name = foreign_->IsName(function);
  const std::size_t count = values_.Items(arguments).size();
  const bool creates = call == Call::kNew || (call == Call::kInstantiate && IsClassName(function));
  if (creates && !known && name && count == 0 && !foreign_->HasInternalWord(function)) {
    Push(MakeForeign(Origin::kNew, function, {}));
    return;
  }
  const Value made = MakeForeign(Origin::kCall, function, arguments);
  Foreign& result = foreign_->all_.back();
  // The functions of the table only create objects of the classes that they receive.
  const bool table = known && policy_.OnlyCreates(static_cast<Global>(function.bits));
  result.creates_only = table || (count > 0 && CreatesOnly(function, values_.Items(arguments)[0]));
  result.may_be_shared =
      !result.creates_only && call != Call::kNew && !MakesItsOwn(function, arguments);
  const bool only = result.creates_only;
  Push(made);
  // A method of a name receives the name.
  if (!known && call != Call::kNew && !only && IsPartOfName(function) &&
      (foreign_->HasInternalWord(function) || !IsAllPlain(arguments))) {
    ChangeNames();
  }
  const Given given{.code = true, .by = static_cast<std::uint32_t>(made.bits) + 1};
  if (!name) {
    Given callee = given;
    callee.why = Given::Why::kCallee;
    Give(function, callee);
  }
  if (count > kFewArguments) return Give(arguments, given);
  for (std::size_t i = 0; i < count; ++i) {
    const Value argument = values_.Items(arguments)[i];
    const bool is_class = only && (table || i == 0) && foreign_->IsName(argument);
    if (!is_class) Give(argument, given);
  }
}

// An attribute of a name, or a name with several parts or with an internal word.
bool Machine::IsPartOfName(const Value& function) const {
  const Foreign& foreign = (*foreign_)[function];
  if (foreign.origin == Origin::kAttribute) return foreign_->IsName(function);
  return foreign.origin == Origin::kName &&
         (foreign.name.contains('.') || foreign_->HasInternalWord(function));
}

bool Machine::IsAllPlain(const Value& arguments) const {
  return std::ranges::all_of(values_.Items(arguments),
                             [](const Value& each) { return each.kind <= Kind::kString; });
}

// A name that by convention is that of a class.
bool Machine::IsClassName(const Value& function) const {
  if (function.kind != Kind::kForeign || (*foreign_)[function].origin != Origin::kName)
    return false;
  const Foreign& foreign = (*foreign_)[function];
  const std::size_t begin = foreign.name.find_first_not_of('_');
  const char first = begin == foreign.name.npos ? '_' : foreign.name[begin];
  return first >= 'A' && first <= 'Z' && !foreign.name.contains('.') &&
         !foreign_->HasInternalWord(function);
}

// True if the result of the call is an object of its own: of a module for plain data, or of a class
// that receives no text, which could name anything.
bool Machine::MakesItsOwn(const Value& function, const Value& arguments) const {
  if (function.kind != Kind::kForeign) return false;
  const Foreign& foreign = (*foreign_)[function];
  if (foreign.origin != Origin::kName || foreign.name.contains('.')) return false;
  constexpr std::string_view kData[] = {"datetime", "pathlib", "decimal", "fractions", "uuid"};
  if (std::ranges::find(kData, foreign.module) != std::end(kData)) {
    return !foreign_->HasInternalWord(function);
  }
  const auto has_no_text = [](const Value& each) {
    return each.kind < Kind::kString || each.kind == Kind::kNdarray ||
           each.kind == Kind::kNumpyScalar || each.kind == Kind::kNumpyDtype;
  };
  const bool torch = foreign.module == "torch" || foreign.module.starts_with("torch.");
  return !torch && IsClassName(function) &&
         std::ranges::all_of(values_.Items(arguments), has_no_text);
}

// Compiled classes are pickled as `module.__pyx_unpickle_Tree(module.Tree, …)`, which creates an
// object and changes no class.
bool Machine::CreatesOnly(const Value& function, const Value& argument) const {
  if (function.kind != Kind::kForeign || argument.kind != Kind::kForeign) return false;
  constexpr std::string_view kUnpickle = "__pyx_unpickle_";
  const Foreign &a = (*foreign_)[function], &b = (*foreign_)[argument];
  // scikit-learn's own: newObj(C) is C.__new__(C).
  if (a.origin == Origin::kName && a.module.starts_with("sklearn.") && a.name == "newObj") {
    return true;
  }
  return a.origin == Origin::kName && b.origin == Origin::kName && a.module == b.module &&
         a.name.starts_with(kUnpickle) && a.name.substr(kUnpickle.size()) == b.name;
}

// OBJ and INST: takes the tuple of arguments from the stack.
bool Machine::Instantiate(const Value& type) {
  const Value arguments = Pop();
  // With arguments the class is called.
  return CallOpen(type, arguments,
                  values_.Items(arguments).empty() ? Call::kInstantiate : Call::kReduce);
}

bool Machine::NewObjectEx() {
  const Value keywords = Pop(), arguments = Pop(), type = Pop();
  const bool none = keywords.kind == Kind::kDict && values_.Items(keywords).empty();
  if (!CallOpen(type, arguments, Call::kNew)) return false;
  if (none) return true;
  // With keywords it is not the object that it would be without.
  const Value made = Top();
  const bool is_new = made.kind == Kind::kForeign && (*foreign_)[made].origin == Origin::kNew;
  if (is_new) foreign_->all_[static_cast<std::size_t>(made.bits)].origin = Origin::kCall;
  if (made.kind == Kind::kForeign) {
    const auto by = static_cast<std::uint32_t>(made.bits) + 1;
    Give(keywords, {.code = true, .by = by});
  } else {
    Give(made, {});
    Give(keywords, {});
  }
  return true;
}

bool Machine::BuildOpen() {
  const Value state = Pop(), target = Top();
  if (target.kind == Kind::kForeign) {
    BuildForeign(target, state);
    return true;
  }
  if (target.kind == Kind::kGlobal) {
    ChangeNames();
    return true;
  }
  if (target.kind == Kind::kOrderedDict && IsAttributes(state) &&
      values_.object(target).attributes == 0) {
    const Value attributes = Make(Kind::kDict, values_.Items(state));
    values_.Mutable(target).attributes = static_cast<std::uint32_t>(attributes.bits) + 1;
    return true;
  }
  if (target.kind == Kind::kNumpyDtype || target.kind == Kind::kNdarray) {
    std::optional<Value> built;
    if (!Try(built, [&] {
          return policy_.Build(*this, target, state) ? std::optional(target) : std::nullopt;
        })) {
      return false;
    }
    if (built) return true;
  }
  Give(target, {.why = Given::Why::kRebuilt, .code = true});
  Give(state, {.why = Given::Why::kRebuilt, .code = true});
  return true;
}

// True for a mapping whose keys are texts. Accounts for looking at them.
bool Machine::IsAttributes(const Value& state) {
  if (!IsMapping(state.kind)) return false;
  // Unpicklers look these up in the object, and call what they find.
  constexpr std::string_view kCalled[] = {"append", "extend", "add", "__setstate__"};
  const std::span<const Value> items = values_.Items(state);
  if (!Charge(items.size())) return false;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (!items[i].IsString()) return false;
    const bool method = std::ranges::find(kCalled, values_.Text(items[i])) != std::end(kCalled);
    if (method && !IsScalar(items[i + 1].kind)) ChangeNames();
  }
  return true;
}

void Machine::BuildForeign(const Value& target, const Value& state) {
  const Origin origin = (*foreign_)[target].origin;
  if (foreign_->IsOpen(target) || origin == Origin::kAttribute) return ChangeNames();
  if (origin != Origin::kNew && origin != Origin::kKept) {
    foreign_->AddOperation(target, {.kind = Operation::Kind::kState, .a = state});
    // A class that may change its arguments is still taken to store a state of texts.
    return GiveToForeign(target, std::span(&state, 1), !IsAttributes(state));
  }
  Operation operation{.kind = Operation::Kind::kState, .a = state};
  bool ordinary = state.kind == Kind::kNone || IsAttributes(state);
  if (!ordinary && state.kind == Kind::kTuple && values_.Items(state).size() == 2) {
    operation.a = values_.Items(state)[0];
    operation.b = values_.Items(state)[1];
    ordinary = (operation.a.kind == Kind::kNone || IsAttributes(operation.a)) &&
               (operation.b.kind == Kind::kNone || IsAttributes(operation.b)) &&
               IsSlots(operation.b);
  }
  const bool again =
      std::exchange(foreign_->all_[static_cast<std::size_t>(target.bits)].has_state, true);
  if (ordinary) {
    operation.size_a = static_cast<std::uint32_t>(values_.Items(operation.a).size());
    operation.size_b = static_cast<std::uint32_t>(values_.Items(operation.b).size());
    // Both halves must not have the same key: a mapping of both shows it at the end.
    if (operation.size_a != 0 && operation.size_b != 0) {
      const Value both = Make(Kind::kDict, values_.Items(operation.a));
      Append(both, values_.Items(operation.b));
    }
  }
  foreign_->AddOperation(target, operation);
  if (!again && (origin == Origin::kKept || ordinary)) return;
  const Given given{
      .why = Given::Why::kState, .code = true, .by = static_cast<std::uint32_t>(target.bits) + 1};
  Give(target, given);
  Give(state, given);
}

// The attributes of slots are set one by one, so that these would replace the others or the class.
bool Machine::IsSlots(const Value& state) const {
  const std::span<const Value> items = values_.Items(state);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (values_.Text(items[i]).starts_with("__")) return false;
  }
  return true;
}

// ---- The end.

bool Machine::CheckOpenResult() {
  // States that changed after an object copied them; and states that a class may use to find out
  // where its items go.
  const auto& operations = foreign_->operations_;
  for (std::size_t i = 0; i < foreign_->all_.size(); ++i) {
    if (foreign_->all_[i].origin != Origin::kNew) continue;
    bool items = false;
    for (std::uint32_t next = foreign_->all_[i].first; next != 0;) {
      const Operation& operation = operations[next - 1];
      next = operation.next;
      items |= operation.kind != Operation::Kind::kState;
      const bool state = operation.kind == Operation::Kind::kState;
      if (!state || (values_.Items(operation.a).size() <= operation.size_a &&
                     values_.Items(operation.b).size() <= operation.size_b)) {
        continue;
      }
      Give(Value::Of(Kind::kForeign, i),
           {.why = Given::Why::kState, .by = static_cast<std::uint32_t>(i) + 1});
    }
    if (items && foreign_->all_[i].has_state) {
      Give(Value::Of(Kind::kForeign, i),
           {.why = Given::Why::kState, .code = true, .taints = false});
    }
  }
  // Equal keys that were set on an object: a mapping of them shows it.
  for (const Foreign& foreign : foreign_->all_) {
    Value all;
    for (std::uint32_t next = foreign.first; next != 0; next = operations[next - 1].next) {
      const Operation& operation = operations[next - 1];
      if (operation.kind != Operation::Kind::kItem) continue;
      const std::array<Value, 2> item = {operation.a, operation.b};
      if (all.kind == Kind::kUndefined) all = Make(Kind::kDict, {});
      Append(all, item);
    }
  }
  KeyCheck keys(values_, interrupt_);
  std::size_t looked_at = 0;  // values since the last look at the deadline
  for (std::size_t i = 0; i < values_.objects_.size(); ++i) {
    const Object& object = values_.objects_[i];
    if ((!IsMapping(object.kind) && object.kind != Kind::kSet) || object.size < 2) continue;
    const std::optional<std::uint64_t> offset = keys.FindDuplicate(Value::Of(object.kind, i));
    if (offset && !AddFinding(Rule::kPickleDuplicateKey, {.offset = *offset})) return false;
    looked_at += object.size;
    if (looked_at < kMaxNesting) continue;
    looked_at = 0;
    if (Ended()) return false;
  }
  return true;
}

}  // namespace tensorgate::pickle
